import type { Clock, Timer } from '../../core/clock.ts';

/** A reply whose body is on its way. */
export interface Idler {
  /** When its last byte came, or when more was last requested. */
  readonly lastByteAt: number;
  /** The limit in milliseconds; undefined if its silence has no limit. */
  readonly idleTimeoutMs: number | undefined;
  /** The backend is paused, because the client does not read. */
  readonly isHeld: boolean;
  timeOutIdle(): void;
}

const MIN_INTERVAL_MS = 20;
const MAX_INTERVAL_MS = 1000;

/**
 * Ends replies that have fallen silent. All replies of an upstream share one timer, because most end before it fires.
 */
export class IdleWatch {
  readonly #clock: Clock;
  readonly #idlers = new Set<Idler>();
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(idler: Idler): void {
    if (idler.idleTimeoutMs === undefined) return;
    this.#idlers.add(idler);
    const intervalMs = Math.min(MAX_INTERVAL_MS, Math.max(MIN_INTERVAL_MS, idler.idleTimeoutMs / 4));
    this.#timer ??= this.#clock.setTimeLimit(() => this.#sweep(intervalMs), intervalMs);
  }

  remove(idler: Idler): void {
    this.#idlers.delete(idler);
  }

  close(): void {
    this.#timer?.cancel();
  }

  #sweep(intervalMs: number): void {
    this.#timer = undefined;
    const now = this.#clock.now();
    // The timer is set again first, so that an exception below does not stop the watch.
    if (this.#idlers.size > 0) this.#timer = this.#clock.setTimeLimit(() => this.#sweep(intervalMs), intervalMs);
    for (const idler of this.#idlers) {
      const { idleTimeoutMs, lastByteAt, isHeld } = idler;
      if (idleTimeoutMs === undefined || isHeld || now - lastByteAt < idleTimeoutMs) continue;
      this.#idlers.delete(idler);
      idler.timeOutIdle();
    }
  }
}
