import type { Clock, Timer } from '../../core/clock.ts';
import { type BufferBudget, FetchBuffer } from './fetch-buffer.ts';
import type { Subscriber } from './subscriber.ts';

/** A reader that is a whole window behind holds the others back no longer than this: then it is cut off. */
const HOLD_LIMIT_MS = 1000;

/** The readers of one reply, each at its own pace, and the part of it that some of them have not taken yet. */
export class Subscribers {
  readonly all = new Set<Subscriber>();
  readonly #clock: Clock;
  readonly #buffer: FetchBuffer;
  readonly #windowBytes: number;
  #resume: (() => void) | undefined;
  #holdTimer: Timer | undefined;

  /** `windowBytes`: how far the slowest of several may fall behind where nothing is kept. */
  constructor(clock: Clock, budget: BufferBudget, windowBytes: number) {
    this.#clock = clock;
    this.#buffer = new FetchBuffer(budget);
    this.#windowBytes = windowBytes;
  }

  get heldBytes(): number {
    return this.#buffer.bytes;
  }

  chunkAt(index: number): Buffer | undefined {
    return this.#buffer.at(index);
  }

  /** False: all fetches together hold too much. */
  add(chunk: Buffer): boolean {
    const fits = this.#buffer.push(chunk);
    this.pump();
    return fits;
  }

  pump(): void {
    // A subscriber that ends leaves the set, which iteration allows.
    for (const subscriber of this.all) subscriber.pump();
  }

  /** Drops what everybody has, and holds the backend back if need be; `resume` is called when it may go on. */
  takeMore(resume: () => void): boolean {
    this.#trim();
    if (!this.#isBehind() && this.#someoneReads()) return true;
    this.#resume = resume;
    if (this.#isBehind()) this.#armHold();
    return false;
  }

  /** A subscriber has taken chunks or has left. */
  progressed(): void {
    if (this.#resume === undefined) return;
    this.#trim();
    if (this.#buffer.bytes > this.#window / 2 || !this.#someoneReads()) return;
    this.#holdTimer?.cancel();
    this.#holdTimer = undefined;
    const resume = this.#resume;
    this.#resume = undefined;
    resume();
  }

  /** All that has come, as one. */
  whole(): Buffer | string {
    return this.#buffer.whole();
  }

  clear(): void {
    this.#buffer.clear();
    this.#resume = undefined;
    this.#holdTimer?.cancel();
    this.#holdTimer = undefined;
  }

  /** A single reader needs none: what it has not read waits in the backend. */
  get #window(): number {
    return this.all.size > 1 ? this.#windowBytes : 0;
  }

  #isBehind(): boolean {
    return this.#buffer.bytes > this.#window;
  }

  #someoneReads(): boolean {
    for (const subscriber of this.all) if (!subscriber.isFull) return true;
    return this.all.size === 0;
  }

  #trim(): void {
    let least = Number.POSITIVE_INFINITY;
    for (const { position } of this.all) least = Math.min(least, position);
    this.#buffer.dropBefore(least);
  }

  #armHold(): void {
    this.#holdTimer ??= this.#clock.setTimeout(() => {
      this.#holdTimer = undefined;
      this.#cutSlowest();
      if (this.#resume !== undefined && this.#isBehind()) this.#armHold();
    }, HOLD_LIMIT_MS);
  }

  #cutSlowest(): void {
    if (this.all.size < 2) return;
    let least = Number.POSITIVE_INFINITY;
    for (const { position } of this.all) least = Math.min(least, position);
    for (const subscriber of this.all) {
      if (subscriber.position !== least || this.all.size < 2) continue;
      this.all.delete(subscriber);
      subscriber.cut('slow-reader');
    }
    this.progressed();
  }
}
