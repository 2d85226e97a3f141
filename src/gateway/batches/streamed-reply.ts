import type { Clock } from '../../core/clock.ts';
import type { Exchange } from '../exchange.ts';
import type { ReplyWriter } from '../http/client-reply.ts';

/** A client that takes nothing for this long has gone, or would hold its place for ever. */
const STALL_MS = 120_000;

/** A reply that is made while it is sent, as fast as its client reads. */
export class StreamedReply implements ReplyWriter {
  readonly #x: Exchange;
  readonly #clock: Clock;
  #drained: (() => void) | undefined;

  constructor(x: Exchange, clock: Clock, headers: string[]) {
    this.#x = x;
    this.#clock = clock;
    x.reply.filledBy(this);
    x.releaseAtEnd({ release: () => this.#drained?.() });
    x.writeHead(200, headers);
  }

  /** Resolves when more may be written; false if the client has gone. */
  async write(chunk: Uint8Array): Promise<boolean> {
    if (this.#x.over) return false;
    if (this.#x.reply.write(chunk)) return true;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#drained = resolve;
    const limit = this.#clock.setTimeLimit(() => this.#x.cutReply(), STALL_MS);
    await promise;
    limit.cancel();
    return !this.#x.over;
  }

  end(): void {
    if (!this.#x.over) this.#x.reply.end();
  }

  drained(): void {
    this.#drained?.();
    this.#drained = undefined;
  }
}
