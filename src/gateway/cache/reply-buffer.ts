import { MAX_TEXT_BYTES } from './entry.ts';

/** The bytes that all fetches of a worker together may hold while their replies arrive. */
export class BufferBudget {
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Takes nothing and returns false if there is no room. */
  take(bytes: number): boolean {
    if (this.#bytes + bytes > this.#maxBytes) return false;
    this.#bytes += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
  }
}

/** The body of an arriving reply, kept for the cache and for late subscribers. */
export class ReplyBuffer {
  readonly #budget: BufferBudget;
  readonly #maxBytes: number;
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(budget: BufferBudget, maxBytes: number) {
    this.#budget = budget;
    this.#maxBytes = maxBytes;
  }

  get chunks(): readonly Buffer[] {
    return this.#chunks;
  }

  /** False if the reply exceeds its bound, or if all fetches together exceed theirs. */
  push(chunk: Buffer): boolean {
    if (this.#bytes + chunk.length > this.#maxBytes || !this.#budget.take(chunk.length)) return false;
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    return true;
  }

  /** Gives the room back. */
  clear(): void {
    this.#budget.give(this.#bytes);
    this.#chunks = [];
    this.#bytes = 0;
  }

  /** The whole body in memory of its own, because a chunk is a part of a larger buffer and would keep that alive. */
  whole(): Buffer | string {
    if (this.#bytes <= MAX_TEXT_BYTES) return this.#chunks.map((chunk) => chunk.toString('latin1')).join('');
    const whole = Buffer.allocUnsafeSlow(this.#bytes);
    let at = 0;
    for (const chunk of this.#chunks) at += chunk.copy(whole, at);
    return whole;
  }
}
