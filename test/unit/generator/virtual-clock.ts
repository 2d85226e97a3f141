import type { Clock } from '../../../src/core/clock.ts';

interface Due {
  readonly at: number;
  readonly callback: () => void;
}

/** A clock that stands still until it is told to go on. */
export class VirtualClock implements Clock {
  #now = 0;
  #timers: Due[] = [];
  readonly #lateMs: number;

  /** @param lateMs how much later than asked timers fire */
  constructor(lateMs = 0) {
    this.#lateMs = lateMs;
  }

  now(): number {
    return this.#now;
  }

  wallNow(): number {
    return this.#now;
  }

  setTimeout(callback: () => void, delayMs: number): { cancel(): void } {
    const timer = { at: this.#now + delayMs + this.#lateMs, callback };
    if (timer.at < Infinity) this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }

  setTimeLimit(callback: () => void, delayMs: number): { cancel(): void } {
    return this.setTimeout(callback, delayMs);
  }

  /** Goes on to a moment, fires what is due on the way, in order, and lets promises settle in between. */
  async advanceTo(moment: number): Promise<void> {
    for (;;) {
      await settle();
      const [next] = this.#timers.toSorted((a, b) => a.at - b.at);
      if (next === undefined || next.at > moment) break;
      this.#timers = this.#timers.filter((other) => other !== next);
      this.#now = Math.max(this.#now, next.at);
      next.callback();
    }
    this.#now = moment;
  }
}

/** Runs what is waiting for promises that are already settled. */
async function settle(): Promise<void> {
  for (let round = 0; round < 5; round++) await Promise.resolve();
}
