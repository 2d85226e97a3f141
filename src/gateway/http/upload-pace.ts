import type { Clock, Timer } from '../../core/clock.ts';

export interface PaceLimits {
  /** Milliseconds without a byte after which the client is too slow. */
  readonly silenceMs: number;
  /** Milliseconds before the rate is checked. */
  readonly graceMs: number;
  /** The least average since the start, once the grace is over. */
  readonly bytesPerSecond: number;
}

/** The limits of an upload that occupies no backend: they only keep idle connections from piling up. */
export const bufferedPace: PaceLimits = { silenceMs: 30_000, graceMs: 300_000, bytesPerSecond: 1024 };
/** The limits of an upload that holds a permit while it arrives. */
export const streamedPace: PaceLimits = { silenceMs: 5_000, graceMs: 5_000, bytesPerSecond: 4096 };

/** Watches how fast a client sends a body, and calls back once if it is too slow. */
export class UploadPace {
  readonly #clock: Clock;
  readonly #limits: PaceLimits;
  readonly #tooSlow: () => void;
  readonly #startedAt: number;
  #bytes = 0;
  #bytesAtCheck = 0;
  #heldMs = 0;
  #heldSince: number | undefined;
  #timer: Timer;

  constructor(clock: Clock, limits: PaceLimits, tooSlow: () => void) {
    this.#clock = clock;
    this.#limits = limits;
    this.#tooSlow = tooSlow;
    this.#startedAt = clock.now();
    this.#timer = clock.setTimeLimit(() => this.#check(), limits.silenceMs);
  }

  received(bytes: number): void {
    this.#bytes += bytes;
  }

  /** Whether the gateway has paused the body; that time does not count against the client. */
  hold(isHeld: boolean): void {
    if (isHeld) this.#heldSince ??= this.#clock.now();
    else if (this.#heldSince !== undefined) {
      this.#heldMs += this.#clock.now() - this.#heldSince;
      this.#heldSince = undefined;
    }
  }

  stop(): void {
    this.#timer.cancel();
  }

  #check(): void {
    if (this.#isTooSlow()) {
      this.#tooSlow();
      return;
    }
    this.#bytesAtCheck = this.#bytes;
    this.#timer = this.#clock.setTimeLimit(() => this.#check(), this.#limits.silenceMs);
  }

  #isTooSlow(): boolean {
    if (this.#heldSince !== undefined) return false;
    if (this.#bytes === this.#bytesAtCheck) return true;
    const { graceMs, bytesPerSecond } = this.#limits;
    const elapsedMs = this.#clock.now() - this.#startedAt - this.#heldMs;
    return elapsedMs > graceMs && this.#bytes * 1000 < bytesPerSecond * elapsedMs;
  }
}
