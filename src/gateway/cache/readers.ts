import type { Clock, Timer } from '../../core/clock.ts';
import { type BufferBudget, FlightBuffer } from './flight-buffer.ts';
import type { Seat } from './seat.ts';

/** A reader that is a whole window behind holds the others back no longer than this: then it is cut off. */
const HOLD_LIMIT_MS = 1000;

/** Those who read one reply, each at its own pace, and the part of it that some of them have not taken yet. */
export class Readers {
  readonly seats = new Set<Seat>();
  readonly #clock: Clock;
  readonly #buffer: FlightBuffer;
  readonly #windowBytes: number;
  #resume: (() => void) | undefined;
  #holdTimer: Timer | undefined;

  /** `windowBytes`: how far the slowest of several may fall behind where nothing is kept. */
  constructor(clock: Clock, budget: BufferBudget, windowBytes: number) {
    this.#clock = clock;
    this.#buffer = new FlightBuffer(budget);
    this.#windowBytes = windowBytes;
  }

  get heldBytes(): number {
    return this.#buffer.bytes;
  }

  chunkAt(index: number): Buffer | undefined {
    return this.#buffer.at(index);
  }

  /** False: all flights together hold too much. */
  add(chunk: Buffer): boolean {
    const fits = this.#buffer.push(chunk);
    this.pump();
    return fits;
  }

  pump(): void {
    // A seat that ends leaves the set, which iteration allows.
    for (const seat of this.seats) seat.pump();
  }

  /** Drops what everybody has, and holds the backend back if need be; `resume` is called when it may go on. */
  takeMore(resume: () => void): boolean {
    this.#trim();
    if (!this.#isBehind() && this.#someoneReads()) return true;
    this.#resume = resume;
    if (this.#isBehind()) this.#armHold();
    return false;
  }

  /** A seat has taken chunks or has left. */
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
    return this.seats.size > 1 ? this.#windowBytes : 0;
  }

  #isBehind(): boolean {
    return this.#buffer.bytes > this.#window;
  }

  #someoneReads(): boolean {
    for (const seat of this.seats) if (!seat.isFull) return true;
    return this.seats.size === 0;
  }

  #trim(): void {
    let least = Number.POSITIVE_INFINITY;
    for (const { position } of this.seats) least = Math.min(least, position);
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
    if (this.seats.size < 2) return;
    let least = Number.POSITIVE_INFINITY;
    for (const { position } of this.seats) least = Math.min(least, position);
    for (const seat of this.seats) {
      if (seat.position !== least || this.seats.size < 2) continue;
      this.seats.delete(seat);
      seat.cut('slow-reader');
    }
    this.progressed();
  }
}
