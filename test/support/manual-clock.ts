import type { Clock, Timer } from '../../src/core/clock.ts';

interface Scheduled {
  readonly at: number;
  readonly callback: () => void;
}

/** A clock that stands still until it is told how far to go. */
export class ManualClock implements Clock {
  #now = 0;
  readonly #epochMs: number;
  readonly #timers = new Set<Scheduled>();

  constructor(epochMs = 1_700_000_000_000) {
    this.#epochMs = epochMs;
  }

  now(): number {
    return this.#now;
  }

  wallNow(): number {
    return this.#epochMs + this.#now;
  }

  setTimeout(callback: () => void, delayMs: number): Timer {
    const scheduled = { at: this.#now + delayMs, callback };
    this.#timers.add(scheduled);
    return { cancel: () => void this.#timers.delete(scheduled) };
  }

  setTimeLimit(callback: () => void, delayMs: number): Timer {
    return this.setTimeout(callback, delayMs);
  }

  /** Goes on by this much, and calls what falls due on the way, in order. */
  advance(milliseconds: number): void {
    const end = this.#now + milliseconds;
    while (this.step(end));
  }

  /** Goes on to the next timer and calls it, if it falls due by `end`; else to `end`. Whether there was one. */
  protected step(end: number): boolean {
    const due = [...this.#timers].filter(({ at }) => at <= end).sort((left, right) => left.at - right.at)[0];
    this.#now = Math.max(this.#now, due?.at ?? end);
    if (due === undefined) return false;
    this.#timers.delete(due);
    due.callback();
    return true;
  }
}
