import type { ServerHttp2Stream } from 'node:http2';
import type { Bugs } from '../../metrics/bugs.ts';
import type { BodyReceiver } from '../http/client-request.ts';

/**
 * Passes the body of a request on to its receiver. A body whose length is not the announced one is incomplete: in
 * HTTP/1.1 the difference would be a part of the next request.
 */
export class Http2Body {
  readonly #stream: ServerHttp2Stream;
  readonly #receiver: BodyReceiver;
  readonly #announced: number | undefined;
  bytes = 0;
  #isOver = false;

  constructor(stream: ServerHttp2Stream, receiver: BodyReceiver, announced: number | undefined, bugs: Bugs) {
    this.#stream = stream;
    this.#receiver = receiver;
    this.#announced = announced;
    const reset = (): void => void stream.destroy();
    stream.on(
      'data',
      bugs.guard('request-body', (chunk: Buffer) => this.#take(chunk), reset),
    );
    stream.on(
      'end',
      bugs.guard('request-body', () => this.#end(), reset),
    );
    stream.on(
      'close',
      bugs.guard('request-body', () => this.#abort(), reset),
    );
  }

  /** The rest is dropped as it arrives, unless the stream is paused. */
  stop(): void {
    this.#isOver = true;
  }

  #take(chunk: Buffer): void {
    if (this.#isOver) return;
    this.bytes += chunk.length;
    if (this.#announced !== undefined && this.bytes > this.#announced) this.#refuse();
    else this.#receiver.bodyData(chunk);
  }

  #end(): void {
    if (this.#isOver) return;
    if (this.#stream.aborted || (this.#announced !== undefined && this.bytes !== this.#announced)) {
      this.#refuse();
      return;
    }
    this.#isOver = true;
    this.#receiver.bodyEnd();
  }

  #abort(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#receiver.bodyAborted();
  }

  #refuse(): void {
    this.#abort();
    this.#stream.destroy();
  }
}
