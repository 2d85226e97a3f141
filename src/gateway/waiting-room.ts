import type { Clock, Timer } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import type { UpstreamConfig } from '../config/config.ts';
import { DelayBound } from '../policy/admission/delay-bound.ts';
import { expectedWaitMs, type WaitSituation } from '../policy/admission/expected-wait.ts';
import type { Priority } from '../policy/admission/priority.ts';
import { type Place, RequestQueue } from '../policy/admission/request-queue.ts';
import { retryAfterSeconds } from '../policy/admission/retry-after.ts';
import type { Permit } from './permit.ts';
import { Refusal } from './refusal.ts';
import { clientClosed } from './request-body.ts';
import type { Claim, PendingPermit } from './upstream.ts';

/** What the upstream is like at the moment at which somebody wants to wait. */
export interface Surroundings extends Omit<WaitSituation, 'ahead'> {
  /** No backend can be used at all. */
  readonly isAway: boolean;
}

export interface WaitingRoomOptions {
  readonly config: Pick<UpstreamConfig, 'queueCapacity' | 'queueTimeoutMs'>;
  readonly clock: Clock;
  readonly random: Random;
  /** Called at a time that was asked for, and at the first deadline. */
  readonly wake: () => void;
}

/** A request that waits for a permit. */
export class Waiter implements PendingPermit {
  readonly claim: Claim;
  readonly result: Promise<Permit | Refusal>;
  readonly #room: WaitingRoom;
  readonly #settle: (result: Permit | Refusal) => void;
  place: Place<Waiter> | undefined;

  constructor(claim: Claim, room: WaitingRoom) {
    const { promise, resolve } = Promise.withResolvers<Permit | Refusal>();
    this.claim = claim;
    this.#room = room;
    this.result = promise;
    this.#settle = resolve;
  }

  grant(permit: Permit): void {
    this.#settle(permit);
  }

  refuse(refusal: Refusal): void {
    this.#settle(refusal);
  }

  giveUp(refusal: Refusal = clientClosed): void {
    if (this.place !== undefined && this.#room.leave(this.place)) this.#settle(refusal);
  }
}

/** The queue before an upstream with its clockwork: who may wait, for how long, and what the others are told. */
export class WaitingRoom {
  readonly #queue: RequestQueue<Waiter>;
  readonly #bound: DelayBound;
  readonly #timeoutMs: number;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #wake: () => void;
  #timer: { readonly timer: Timer; readonly at: number } | undefined;
  #drainPerMs = 0;

  constructor({ config, clock, random, wake }: WaitingRoomOptions) {
    this.#queue = new RequestQueue(config.queueCapacity);
    this.#bound = new DelayBound({ maxMs: config.queueTimeoutMs });
    this.#timeoutMs = config.queueTimeoutMs;
    this.#clock = clock;
    this.#random = random;
    this.#wake = wake;
  }

  get depth(): number {
    return this.#queue.depth;
  }

  depthOf(priority: Priority): number {
    return this.#queue.depthOf(priority);
  }

  /** Whether the queue stands, rather than being a burst. */
  get standing(): boolean {
    return this.#bound.standing;
  }

  /** A place, or at once the refusal of one whose turn would come too late. */
  join(claim: Claim, surroundings: Surroundings): Waiter | Refusal {
    const now = this.#clock.now();
    const { priority, fairKey } = claim.claimant;
    const wasEmpty = this.#queue.depth === 0;
    const tooLong = priority === 'interactive' && this.#wouldWaitTooLong(priority, surroundings, now);
    const waiter = new Waiter(claim, this);
    const room = tooLong ? this.#queue.aheadOf(priority) : Number.POSITIVE_INFINITY;
    const joined = this.#queue.join({ item: waiter, key: fairKey, priority }, now, room);
    if (tooLong) this.#bound.exceeded(now);
    if (!joined.admitted) return this.#full(surroundings.isAway);
    waiter.place = joined.place;
    joined.evicted?.refuse(this.#full(surroundings.isAway));
    if (wasEmpty) this.#bound.changed(false, now);
    this.wakeAt((this.#queue.oldestJoinedAt() ?? now) + this.#timeoutMs);
    return waiter;
  }

  leave(place: Place<Waiter>): boolean {
    const left = this.#queue.leave(place);
    if (left) this.#noteIfEmpty();
    return left;
  }

  /** The next whose turn it is and for whom it is not too late. */
  next(serviceMs: number): Waiter | undefined {
    const now = this.#clock.now();
    for (let place = this.#queue.take(); place !== undefined; place = this.#queue.take()) {
      const { item } = place;
      this.#noteIfEmpty();
      if (item.claim.deadline <= now) item.refuse(pastDeadline);
      else if (
        serviceMs > 0 &&
        place.priority === 'interactive' &&
        now - place.joinedAt > this.#bound.overdueMs(serviceMs)
      ) {
        item.refuse(this.#timedOut(false));
      } else return item;
    }
    return undefined;
  }

  /** Refuses everyone who has waited for as long as one may. */
  expire(isAway: boolean): void {
    const expired = this.#queue.expire(this.#clock.now() - this.#timeoutMs);
    for (const waiter of expired) waiter.refuse(this.#timedOut(isAway));
    if (expired.length > 0) this.#noteIfEmpty();
    const oldest = this.#queue.oldestJoinedAt();
    if (oldest !== undefined) this.wakeAt(oldest + this.#timeoutMs);
  }

  /** One timer for the whole queue, at the earliest time that was asked for. */
  wakeAt(at: number): void {
    if (this.#timer !== undefined) {
      if (this.#timer.at <= at) return;
      this.#timer.timer.cancel();
    }
    const timer = this.#clock.setTimeout(
      () => {
        this.#timer = undefined;
        this.#wake();
      },
      Math.max(1, at - this.#clock.now()),
    );
    this.#timer = { timer, at };
  }

  close(): void {
    this.#timer?.timer.cancel();
  }

  #wouldWaitTooLong(priority: Priority, { concurrency, serviceMs, oldest }: Surroundings, now: number): boolean {
    if (concurrency === 0 || serviceMs === 0) return false;
    this.#drainPerMs = concurrency / serviceMs;
    const ahead = this.#queue.aheadOf(priority);
    // One round is never too long: a client with twice as many connections as there are slots is no overload.
    if (ahead < concurrency && serviceMs < this.#timeoutMs) return false;
    return expectedWaitMs({ ahead, concurrency, serviceMs, oldest }, now) > this.#bound.allowedMs(serviceMs);
  }

  #noteIfEmpty(): void {
    if (this.#queue.depth === 0) this.#bound.changed(true, this.#clock.now());
  }

  #retryAfter(): { retryAfterSeconds: number } {
    return { retryAfterSeconds: retryAfterSeconds(this.#queue.depth, this.#drainPerMs, this.#random) };
  }

  #full(isAway: boolean): Refusal {
    return isAway
      ? new Refusal('no-backend', 'no backend is up, and the queue is full', this.#retryAfter())
      : new Refusal('overloaded', 'every backend is at its cap, and too many wait already', this.#retryAfter());
  }

  #timedOut(isAway: boolean): Refusal {
    return isAway
      ? new Refusal('no-backend', 'no backend came up while the request waited', this.#retryAfter())
      : new Refusal('queue-timeout', 'no backend became free while the request waited', this.#retryAfter());
  }
}

export const pastDeadline = new Refusal('deadline', 'the deadline of the request passed while it waited for a backend');
