/** What the replies that are asked for may take besides: one read of a socket may hold the end of one and the beginning of the next. */
const SLACK_BYTES = 128 * 1024;

/**
 * How much may come on a connection. Replies come in the order of what was asked, so only the bytes since the last one count, against
 * the limit of the next. A server that sends more is broken or hostile: the parser would keep all of it until the reply is whole.
 */
export class ReplyBound {
  readonly #asked: number[] = [];
  /** What may come although nobody has asked; 0 until messages are subscribed to. */
  #unaskedBytes = 0;
  #received = 0;

  /** Something is asked, whose replies take so many bytes at most. */
  asked(mostBytes: number): void {
    this.#asked.push(mostBytes);
  }

  /** The replies to what was asked first have come. */
  answered(): void {
    this.#asked.shift();
    this.#received = 0;
  }

  /** From now on a message of so many bytes may come at any time. */
  allowMessages(mostBytes: number): void {
    this.#unaskedBytes = mostBytes;
  }

  /** A message has come. */
  heard(): void {
    this.#received = 0;
  }

  /** Bytes have come; whether they are more than may come. */
  isExceededBy(bytes: number): boolean {
    this.#received += bytes;
    const [next] = this.#asked;
    return this.#received > Math.max(this.#unaskedBytes, next === undefined ? 0 : next + SLACK_BYTES);
  }
}
