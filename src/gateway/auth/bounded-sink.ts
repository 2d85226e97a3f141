import type { ReplyHeaders, ReplySink } from '../upstream/reply-sink.ts';

const MOST_BYTES = 64 * 1024;

/** Collects a short reply; the bytes of a longer one are dropped. */
export class BoundedSink implements ReplySink {
  status = 0;
  headers: ReplyHeaders = {};
  isTooLarge = false;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  head(status: number, headers: ReplyHeaders): void {
    this.status = status;
    this.headers = headers;
  }

  data(chunk: Buffer): boolean {
    this.#bytes += chunk.length;
    this.isTooLarge ||= this.#bytes > MOST_BYTES;
    if (this.isTooLarge) this.#chunks.length = 0;
    else this.#chunks.push(chunk);
    return true;
  }

  end(): void {}

  body(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}
