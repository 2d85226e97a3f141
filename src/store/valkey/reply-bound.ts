/** Bytes beyond the limit of a reply, because one read of a socket may hold the end of one reply and the beginning of the next. */
const SLACK_BYTES = 128 * 1024;

/**
 * Bounds the bytes that a server sends on a connection. Replies come in the order of the requests, so the bytes since the last reply count
 * against the limit of the next one. A server that sends more is broken or hostile, and the parser would buffer all of it until the reply is whole.
 */
export class ReplyBound {
  readonly #asked: number[] = [];
  /** The limit of a message that nobody asked for; 0 before a subscription. */
  #unaskedBytes = 0;
  #received = 0;

  /** A request is sent whose replies have at most `mostBytes`. */
  asked(mostBytes: number): void {
    this.#asked.push(mostBytes);
  }

  /** The replies to the oldest request have arrived. */
  answered(): void {
    this.#asked.shift();
    this.#received = 0;
  }

  /** From now on a message of at most `mostBytes` may arrive at any time. */
  allowMessages(mostBytes: number): void {
    this.#unaskedBytes = mostBytes;
  }

  /** A message has arrived. */
  heard(): void {
    this.#received = 0;
  }

  /** Counts received bytes. Returns whether they exceed the limit. */
  isExceededBy(bytes: number): boolean {
    this.#received += bytes;
    const [next] = this.#asked;
    return this.#received > Math.max(this.#unaskedBytes, next === undefined ? 0 : next + SLACK_BYTES);
  }
}
