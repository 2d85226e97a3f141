import type { Clock } from '../../core/clock.ts';
import { RequestQueue } from '../../policy/admission/request-queue.ts';

/** Works of all clients that may wait for their turn. */
const QUEUE_CAPACITY = 64;
const MAX_WAIT_MS = 2000;

/** The turn of a work would have come too late. */
export class AdmissionBusy extends Error {}

interface Waiter {
  readonly start: (mayRun: boolean) => void;
}

/**
 * Bounds how many works of one kind run at a time, such as reads of the database or checks of passwords. Clients take
 * turns, so that none starves the others.
 */
export class FairAdmission {
  readonly #max: number;
  readonly #clock: Clock;
  readonly #queue = new RequestQueue<Waiter>(QUEUE_CAPACITY);
  #running = 0;

  /** `max`: works in progress at a time. */
  constructor(max: number, clock: Clock) {
    this.#max = Math.max(1, max);
    this.#clock = clock;
  }

  /** Does the work when its turn has come; rejects with AdmissionBusy if that is too late. `key`: the client. */
  async run<Result>(key: string, work: () => Promise<Result>): Promise<Result> {
    if (this.#running >= this.#max || this.#queue.depth > 0) {
      if (!(await this.#wait(key))) throw new AdmissionBusy('Too many are in progress');
    } else this.#running++;
    try {
      return await work();
    } finally {
      this.#end();
    }
  }

  #wait(key: string): Promise<boolean> {
    return new Promise((resolve) => {
      const waiter: Waiter = {
        start: (mayRun) => {
          limit.cancel();
          resolve(mayRun);
        },
      };
      const now = this.#clock.now();
      const limit = this.#clock.setTimeout(() => this.#expire(), MAX_WAIT_MS);
      const joined = this.#queue.join({ item: waiter, key, priority: 'interactive' }, now, QUEUE_CAPACITY);
      if (joined.admitted) joined.evicted?.start(false);
      else waiter.start(false);
    });
  }

  #expire(): void {
    for (const waiter of this.#queue.expire(this.#clock.now() - MAX_WAIT_MS + 1)) waiter.start(false);
  }

  #end(): void {
    this.#running--;
    while (this.#running < this.#max) {
      const next = this.#queue.take();
      if (next === undefined) return;
      this.#running++;
      next.item.start(true);
    }
  }
}
