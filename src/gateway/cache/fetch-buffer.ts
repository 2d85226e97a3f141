import { MAX_TEXT_BYTES } from './entry.ts';

/** Bytes that all fetches of a worker together may hold back. */
export class BufferBudget {
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  take(bytes: number): boolean {
    this.#bytes += bytes;
    return this.#bytes <= this.#maxBytes;
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
  }
}

/** The chunks of a reply on its way, numbered; those before the slowest reader can be dropped. */
export class FetchBuffer {
  readonly #budget: BufferBudget;
  #chunks: Buffer[] = [];
  #first = 0;
  #bytes = 0;

  constructor(budget: BufferBudget) {
    this.#budget = budget;
  }

  /** Held right now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** False: all fetches together hold too much. */
  push(chunk: Buffer): boolean {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    return this.#budget.take(chunk.length);
  }

  at(index: number): Buffer | undefined {
    return this.#chunks[index - this.#first];
  }

  /** Drops what lies before this number. */
  dropBefore(index: number): void {
    let bytes = 0;
    const count = Math.min(index - this.#first, this.#chunks.length);
    if (count <= 0) return;
    for (let at = 0; at < count; at++) bytes += (this.#chunks[at] as Buffer).length;
    this.#chunks.splice(0, count);
    this.#first += count;
    this.#bytes -= bytes;
    this.#budget.give(bytes);
  }

  clear(): void {
    this.#budget.give(this.#bytes);
    this.#chunks = [];
    this.#first = 0;
    this.#bytes = 0;
  }

  /** All of it as one, in memory of its own: a chunk is a part of a larger buffer, which it would keep alive. */
  whole(): Buffer | string {
    if (this.#bytes <= MAX_TEXT_BYTES) return this.#chunks.map((chunk) => chunk.toString('latin1')).join('');
    const whole = Buffer.allocUnsafeSlow(this.#bytes);
    let at = 0;
    for (const chunk of this.#chunks) at += chunk.copy(whole, at);
    return whole;
  }
}
