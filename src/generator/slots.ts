import type { Clock, Timer } from '../core/clock.ts';

export interface SlotLimits {
  /** Requests served at the same time: the generator's own cap. */
  readonly slots: number;
  readonly queueCapacity: number;
  readonly queueTimeoutMs: number;
}

/** The right to be served; `release` may be called more than once. */
export interface SlotPermit {
  /** Which of the places, from 0. */
  readonly slot: number;
  /** When it was asked for, on the clock's `now`. */
  readonly askedAt: number;
  release(): void;
}

export type SlotOutcome =
  | { readonly admitted: true; readonly permit: SlotPermit }
  | { readonly admitted: false; readonly reason: 'queue-full' | 'queue-timeout' | 'left' };

/** A place in the queue; `leave` gives it up, and does nothing once the outcome is there. */
export interface Waiting {
  readonly outcome: Promise<SlotOutcome>;
  leave(): void;
}

interface SlotRequest {
  readonly askedAt: number;
  readonly settle: (outcome: SlotOutcome) => void;
  readonly timer: Timer;
}

/** The cap of a generator with its bounded queue, first come first served. */
export class SlotQueue {
  readonly limits: SlotLimits;
  readonly #clock: Clock;
  readonly #free: number[];
  /** In order of arrival; a Set, so that a removal from the middle needs no search. */
  readonly #waiters = new Set<SlotRequest>();

  constructor(limits: SlotLimits, clock: Clock) {
    this.limits = limits;
    this.#clock = clock;
    this.#free = Array.from({ length: limits.slots }, (_, index) => limits.slots - 1 - index);
  }

  get inFlight(): number {
    return this.limits.slots - this.#free.length;
  }

  get queued(): number {
    return this.#waiters.size;
  }

  /** Asks for a slot: the outcome at once where one is free or the queue is full, else a place in the queue. */
  ask(): SlotOutcome | Waiting {
    const askedAt = this.#clock.now();
    const slot = this.#free.pop();
    if (slot !== undefined) return { admitted: true, permit: this.#permit(slot, askedAt) };
    if (this.#waiters.size >= this.limits.queueCapacity) return { admitted: false, reason: 'queue-full' };
    return this.#enqueue(askedAt);
  }

  #enqueue(askedAt: number): Waiting {
    const { promise, resolve } = Promise.withResolvers<SlotOutcome>();
    const giveUp = (reason: 'queue-timeout' | 'left'): void => {
      if (!this.#waiters.delete(waiter)) return;
      waiter.timer.cancel();
      resolve({ admitted: false, reason });
    };
    const timer = this.#clock.setTimeout(() => giveUp('queue-timeout'), this.limits.queueTimeoutMs);
    const waiter: SlotRequest = { askedAt, settle: resolve, timer };
    this.#waiters.add(waiter);
    return { outcome: promise, leave: () => giveUp('left') };
  }

  #permit(slot: number, askedAt: number): SlotPermit {
    let held = true;
    const release = (): void => {
      if (!held) return;
      held = false;
      this.#pass(slot);
    };
    return { slot, askedAt, release };
  }

  /** Gives a slot to the request that has waited longest, or back to the free ones. */
  #pass(slot: number): void {
    for (const waiter of this.#waiters) {
      this.#waiters.delete(waiter);
      waiter.timer.cancel();
      waiter.settle({ admitted: true, permit: this.#permit(slot, waiter.askedAt) });
      return;
    }
    this.#free.push(slot);
  }
}
