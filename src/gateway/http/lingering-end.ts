import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock, Timer } from '../../core/clock.ts';

/** How long a client may be silent, and go on in all, with a request whose reply it has. */
const LINGER_SILENCE_MS = 2000;
const LINGER_MS = 30_000;

/** Reads the rest of a request away, and ends its reply when the client is done. */
export class LingeringEnd {
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #clock: Clock;
  readonly #until: number;
  #timer: Timer | undefined;
  #bytes = 0;

  constructor(req: IncomingMessage, res: ServerResponse, clock: Clock) {
    this.#req = req;
    this.#res = res;
    this.#clock = clock;
    this.#until = clock.now() + LINGER_MS;
  }

  start(): void {
    this.#req.on('data', this.#onData).on('end', this.#finish).on('close', this.#finish);
    this.#req.resume();
    this.#watch();
  }

  #watch(): void {
    const bytes = this.#bytes;
    this.#timer = this.#clock.setTimeout(() => {
      if (this.#bytes === bytes || this.#clock.now() > this.#until) this.#finish();
      else this.#watch();
    }, LINGER_SILENCE_MS);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#bytes += chunk.length;
  };

  readonly #finish = (): void => {
    this.#timer?.cancel();
    this.#req.off('data', this.#onData).off('end', this.#finish).off('close', this.#finish);
    if (!this.#res.writableEnded) this.#res.end();
  };
}
