import type { Clock, Timer } from '../../core/clock.ts';

/** Limits for reading a discarded reply, which keeps its connection. */
const MAX_BYTES = 64 * 1024;
const LIMIT_MS = 1000;

/**
 * A reply that is read and thrown away. `cancel` is called once if that takes too long or if the reply is too large.
 */
export class DiscardedReply {
  readonly #cancel: () => void;
  readonly #limit: Timer;
  #bytes = 0;

  constructor(clock: Clock, cancel: () => void) {
    this.#cancel = cancel;
    this.#limit = clock.setTimeLimit(cancel, LIMIT_MS);
  }

  take(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > MAX_BYTES) this.#cancel();
  }

  /** The reply has ended. */
  end(): void {
    this.#limit.cancel();
  }
}
