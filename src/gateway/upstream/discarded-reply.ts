import type { Clock, Timer } from '../../core/clock.ts';

/** Limits for reading a discarded reply, which keeps its connection. */
const MAX_BYTES = 64 * 1024;
const LIMIT_MS = 1000;

/** A reply that is read away. `giveUp` is called once when that takes too long, or too much. */
export class DiscardedReply {
  readonly #giveUp: () => void;
  readonly #limit: Timer;
  #bytes = 0;

  constructor(clock: Clock, giveUp: () => void) {
    this.#giveUp = giveUp;
    this.#limit = clock.setTimeLimit(giveUp, LIMIT_MS);
  }

  take(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > MAX_BYTES) this.#giveUp();
  }

  /** The reply has ended. */
  end(): void {
    this.#limit.cancel();
  }
}
