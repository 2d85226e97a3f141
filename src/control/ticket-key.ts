import { randomBytes } from 'node:crypto';
import type { Clock, Timer } from '../core/clock.ts';

/** Bytes of a key of session tickets, as Node takes it. */
const KEY_BYTES = 48;
/** Who gets hold of the key can read recorded sessions that it has resumed, so it is not kept for long (RFC 5077 §5.5). */
const ROTATION_MS = 12 * 3_600_000;

/** The key of TLS session tickets that all workers of the host share. It is in memory only. */
export class TicketKey {
  readonly #clock: Clock;
  readonly #onRotated: () => void;
  #key = randomBytes(KEY_BYTES);
  #timer: Timer | undefined;

  constructor(clock: Clock, onRotated: () => void) {
    this.#clock = clock;
    this.#onRotated = onRotated;
  }

  start(): void {
    this.#timer = this.#clock.setTimeout(() => {
      this.#key = randomBytes(KEY_BYTES);
      this.start();
      this.#onRotated();
    }, ROTATION_MS);
  }

  /** As the message has it. */
  get base64(): string {
    return this.#key.toString('base64');
  }

  stop(): void {
    this.#timer?.cancel();
  }
}
