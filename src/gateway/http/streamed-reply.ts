import type { Clock } from '../../core/clock.ts';
import type { Exchange, Releasable } from '../exchange.ts';
import type { ReplyWriter } from './client-reply.ts';
import { ReadingRate } from './reading-rate.ts';

/** How often a client that has not read what was written is looked at. */
const LOOK_MS = 1_000;

/** A reply that is made while it is sent, as fast as its client reads; a client that reads too little is cut. */
export class StreamedReply implements ReplyWriter, Releasable {
  readonly #x: Exchange;
  readonly #clock: Clock;
  #more: (() => void) | undefined;

  constructor(x: Exchange, clock: Clock, headers: string[]) {
    this.#x = x;
    this.#clock = clock;
    x.writeHead(200, headers);
    x.reply.filledBy(this);
    x.releaseAtEnd(this);
  }

  /** Resolves when more may be written; false if the client has gone. */
  async write(chunk: Uint8Array): Promise<boolean> {
    if (this.#x.over) return false;
    this.#x.reply.write(chunk);
    if (this.#x.reply.isFull) await this.#delivered();
    return !this.#x.over;
  }

  end(): void {
    if (!this.#x.over) this.#x.reply.end();
  }

  drained(): void {
    this.#more?.();
  }

  release(): void {
    this.#more?.();
  }

  async #delivered(): Promise<void> {
    const { reply } = this.#x;
    const clock = this.#clock;
    const rate = new ReadingRate(reply.deliveredBytes, clock.now());
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#more = resolve;
    const look = (): void => {
      if (rate.isTooSlow(reply.deliveredBytes, clock.now())) reply.cut();
      else timer = clock.setTimeout(look, LOOK_MS);
    };
    let timer = clock.setTimeout(look, LOOK_MS);
    await promise;
    timer.cancel();
    this.#more = undefined;
  }
}
