import type { Clock } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import type { LedgerEvent } from '../ledger.ts';

const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 5_000;

/** Whether PostgreSQL takes records, and when to try again while it does not: after 100 ms, then after twice as long each time. */
export class Availability {
  readonly #clock: Clock;
  readonly #onEvent: (event: LedgerEvent) => void;
  #failures = 0;
  #retryAtMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, onEvent: (event: LedgerEvent) => void) {
    this.#clock = clock;
    this.#onEvent = onEvent;
  }

  /** Whether the last write failed. */
  get isFailing(): boolean {
    return this.#failures > 0;
  }

  /** Whether a write should not be tried yet. */
  get isSuspended(): boolean {
    return this.#clock.now() < this.#retryAtMs;
  }

  retryInMs(): number {
    return Math.max(0, this.#retryAtMs - this.#clock.now());
  }

  failed(trouble: unknown): void {
    if (!this.isFailing) this.#onEvent({ kind: 'unavailable', why: messageOf(trouble) });
    const delayMs = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#failures);
    this.#failures += 1;
    this.#retryAtMs = this.#clock.now() + delayMs;
  }

  succeeded(): void {
    if (!this.isFailing) return;
    this.#failures = 0;
    this.#retryAtMs = Number.NEGATIVE_INFINITY;
    this.#onEvent({ kind: 'available' });
  }
}
