import type { Clock, Timer } from '../core/clock.ts';
import type { Bugs } from '../metrics/bugs.ts';

/** Timers by name. Starting a timer that already runs has no effect. */
export class NamedTimers {
  readonly #clock: Clock;
  readonly #bugs: Bugs;
  readonly #where: string;
  readonly #timers = new Map<string, Timer>();
  #isClosed = false;

  constructor(clock: Clock, bugs: Bugs, where: string) {
    this.#clock = clock;
    this.#bugs = bugs;
    this.#where = where;
  }

  start(name: string, delayMs: number, work: () => void): void {
    if (this.#isClosed || this.#timers.has(name)) return;
    const run = this.#bugs.guard(this.#where, () => {
      this.#timers.delete(name);
      work();
    });
    this.#timers.set(name, this.#clock.setTimeout(run, delayMs));
  }

  close(): void {
    this.#isClosed = true;
    for (const timer of this.#timers.values()) timer.cancel();
  }
}
