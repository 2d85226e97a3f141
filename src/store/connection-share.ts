import type { Clock } from '../core/clock.ts';
import { StoreError } from './errors.ts';

/** Calls that may wait; beyond them the database is so far behind that waiting helps nobody. */
const MAX_WAITING = 1_000;

interface Waiter {
  readonly start: (mayRun: boolean) => void;
}

/**
 * The connections of a pool that one kind of work may use at a time. The pool serves in the order of arrival, so without
 * shares a thousand look-ups of keys would stand before the ledger's one insert.
 */
export class ConnectionShare {
  readonly max: number;
  readonly #clock: Clock;
  readonly #waitMs: number;
  readonly #waiting: Waiter[] = [];
  #inUse = 0;

  /** `waitMs`: how long a call waits for its turn. */
  constructor(max: number, waitMs: number, clock: Clock) {
    this.max = max;
    this.#waitMs = waitMs;
    this.#clock = clock;
  }

  get inUse(): number {
    return this.#inUse;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Does the work when its turn has come; rejects with a StoreError, `busy`, if that is too late. */
  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#inUse < this.max) this.#inUse++;
    else if (!(await this.#turn()))
      throw new StoreError(
        'busy',
        'No database connection for this kind of work came free in time',
        undefined,
        undefined,
      );
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#inUse--;
      else next.start(true);
    }
  }

  #turn(): Promise<boolean> {
    if (this.#waiting.length >= MAX_WAITING) return Promise.resolve(false);
    return new Promise((resolve) => {
      const waiter: Waiter = {
        start: (mayRun) => {
          limit.cancel();
          resolve(mayRun);
        },
      };
      const limit = this.#clock.setTimeout(() => {
        const index = this.#waiting.indexOf(waiter);
        if (index >= 0) this.#waiting.splice(index, 1);
        waiter.start(false);
      }, this.#waitMs);
      this.#waiting.push(waiter);
    });
  }
}
