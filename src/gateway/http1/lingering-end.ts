import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock, Timer } from '../../core/clock.ts';
import type { Bugs } from '../../metrics/bugs.ts';
import type { BodyReceiver } from '../http/client-request.ts';
import { BodyReader } from './body-reader.ts';

/** How long a client may be silent, and how long it may send in all, after it has its reply. */
const LINGER_SILENCE_MS = 2000;
const LINGER_MS = 30_000;

/** Reads and drops the rest of a request, and ends its reply when the client has sent all of it. */
export class LingeringEnd implements BodyReceiver {
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #clock: Clock;
  readonly #bugs: Bugs;
  readonly #until: number;
  #body: BodyReader | undefined;
  #timer: Timer | undefined;
  #bytes = 0;

  constructor(req: IncomingMessage, res: ServerResponse, { clock, bugs }: { clock: Clock; bugs: Bugs }) {
    this.#req = req;
    this.#res = res;
    this.#clock = clock;
    this.#bugs = bugs;
    this.#until = clock.now() + LINGER_MS;
  }

  start(): void {
    this.#body = new BodyReader(this.#req, this, this.#bugs);
    this.#req.resume();
    this.#watch();
  }

  bodyData(chunk: Buffer): void {
    this.#bytes += chunk.length;
  }

  bodyEnd(): void {
    this.#finish();
  }

  bodyAborted(): void {
    this.#finish();
  }

  #watch(): void {
    const bytes = this.#bytes;
    const look = (): void => {
      if (this.#bytes === bytes || this.#clock.now() > this.#until) this.#finish();
      else this.#watch();
    };
    this.#timer = this.#clock.setTimeout(
      this.#bugs.guard('connection', look, () => this.#req.socket.destroy()),
      LINGER_SILENCE_MS,
    );
  }

  #finish(): void {
    this.#timer?.cancel();
    this.#body?.stop();
    if (!this.#res.writableEnded) this.#res.end();
  }
}
