import { isDeepStrictEqual } from 'node:util';
import type { Clock, Timer } from '../../core/clock.ts';
import type { Random } from '../../core/random.ts';
import type { UpstreamConfig } from '../../config/model.ts';
import type { Priority } from '../../policy/admission/priority.ts';
import { QueueBound, type QueueSituation } from '../../policy/admission/queue-bound.ts';
import { type Place, RequestQueue } from '../../policy/admission/request-queue.ts';
import { retryAfterSeconds } from '../../policy/admission/retry-after.ts';
import { Refusal } from '../refusal.ts';
import type { Claim } from './claim.ts';
import { pastDeadline, Waiter } from './waiter.ts';

/** The state of the upstream over all workers when a request wants to wait. */
export interface QueueSnapshot extends QueueSituation {
  /** No backend can be used at all. */
  readonly isUnavailable: boolean;
  /** Requests in flight of all workers. */
  readonly inFlight: number;
  /** Requests that wait at the other workers, and how many of them are bulk. */
  readonly queuedElsewhere: number;
  readonly bulkElsewhere: number;
  readonly workers: number;
  /** The estimate of the service time, even from a few requests. */
  readonly paceMs: number;
  /** Permits of this worker. */
  readonly held: number;
}

type QueueSettings = Pick<
  UpstreamConfig,
  'queueCapacity' | 'queuePerPermit' | 'queueTimeoutMs' | 'isQueueTimeoutSet' | 'admission'
>;

export interface AdmissionQueueOptions {
  readonly config: QueueSettings;
  readonly clock: Clock;
  readonly random: Random;
  /** Called at the requested times and at the earliest deadline. */
  readonly wake: () => void;
}

/** How far the queue may exceed its bound before its newest are refused: figures of the other workers are a few milliseconds old. */
const TOLERATED_EXCESS = 1.1;
/** How much longer than the timeout a request may wait while only a stall of the machine delays its permit. */
const STALL_MS = 5000;
/** If a round takes longer than this, for example because no request ends any more, it is not a stall. */
const MAX_ROUND_MS = 15_000;
const EXPIRY_INTERVAL_MS = 10;
/** After a worker has shed requests, the others may still count them for this long. */
const SHED_INTERVAL_MS = 25;

/**
 * The queue of an upstream with its timers: which requests may wait, for how long, and what this worker reports to the
 * others.
 */
export class AdmissionQueue {
  readonly #queue: RequestQueue<Waiter>;
  #bound: QueueBound;
  #config: QueueSettings;
  #capacity: number;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #wake: () => void;
  #timer: { readonly timer: Timer; readonly at: number } | undefined;
  #drainPerMs = 0;
  #shedAt = Number.NEGATIVE_INFINITY;

  constructor({ config, clock, random, wake }: AdmissionQueueOptions) {
    this.#queue = new RequestQueue(config.queueCapacity);
    this.#bound = new QueueBound(boundSettings(config));
    this.#config = config;
    this.#capacity = config.queueCapacity;
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
    return this.#bound.isStanding(this.#clock.now());
  }

  /** Replaces the settings; requests that wait keep their places. */
  useConfig(config: QueueSettings): void {
    if (!isDeepStrictEqual(boundSettings(config), boundSettings(this.#config)))
      this.#bound = new QueueBound(boundSettings(config));
    this.#config = config;
  }

  /** Sets how many requests may be in flight at all backends together, from which the bound of the queue follows. */
  useCaps(permits: number): void {
    const { queueCapacity, queuePerPermit } = this.#config;
    this.#capacity = Math.max(queueCapacity, queuePerPermit * permits);
  }

  /** A place in the queue, or a refusal at once if too many requests wait. */
  join(claim: Claim, snapshot: QueueSnapshot): Waiter | Refusal {
    const now = this.#clock.now();
    const { priority, fairKey, isImpatient = false } = claim.claimant;
    const wasEmpty = this.#queue.depth === 0;
    const isFull = priority === 'interactive' && this.#queue.aheadOf(priority) >= this.#allowedHere(snapshot, now);
    const waiter = new Waiter(claim, this);
    const room = isFull ? this.#queue.aheadOf(priority) : Number.POSITIVE_INFINITY;
    this.#queue.capacity = localPart(this.#capacity, snapshot.queuedElsewhere, snapshot.workers);
    const joined = this.#queue.join({ item: waiter, key: fairKey, priority, isImpatient }, now, room);
    if (isFull) this.#bound.exceeded(now);
    if (!joined.admitted) return this.#full(snapshot.isUnavailable);
    waiter.place = joined.place;
    joined.evicted?.refuse(this.#full(snapshot.isUnavailable));
    if (wasEmpty) this.#bound.changed(false, now);
    this.wakeAt((this.#queue.oldestJoinedAt() ?? now) + this.#config.queueTimeoutMs);
    return waiter;
  }

  /**
   * Control has reported how many requests wait at the other workers. If all workers together exceed the bound, each
   * refuses its part of the excess. Returns whether it has refused any.
   */
  shed(snapshot: QueueSnapshot): boolean {
    const now = this.#clock.now();
    const { queuedElsewhere, bulkElsewhere, isUnavailable } = snapshot;
    const interactive = this.#queue.depthOf('interactive');
    const excess = Math.max(
      excessOf(this.#queue.depth, queuedElsewhere, this.#capacity),
      excessOf(interactive, queuedElsewhere - bulkElsewhere, this.#allowed(snapshot, now)),
    );
    if (excess < 1 || now - this.#shedAt < SHED_INTERVAL_MS) return false;
    this.#shedAt = now;
    this.#bound.exceeded(now);
    for (const waiter of this.#queue.shed(Math.floor(excess))) waiter.refuse(this.#full(isUnavailable));
    this.#noteIfEmpty();
    return true;
  }

  leave(place: Place<Waiter>): boolean {
    const left = this.#queue.leave(place);
    if (left) this.#noteIfEmpty();
    return left;
  }

  /** The next request in turn. A permit is free for it, so only its own deadline can make it too late. */
  next(withBulk?: boolean): Waiter | undefined {
    const now = this.#clock.now();
    for (let place = this.#queue.take(withBulk); place !== undefined; place = this.#queue.take(withBulk)) {
      const { item } = place;
      this.#noteIfEmpty();
      if (item.claim.deadline > now) return item;
      item.refuse(pastDeadline);
    }
    return undefined;
  }

  /** Refuses the requests that have waited for the longest allowed time. */
  expire(snapshot: QueueSnapshot): void {
    // Without a backend there is no round to wait for.
    const longestMs = snapshot.isUnavailable ? this.#config.queueTimeoutMs : this.#bound.longestWaitMs(snapshot.paceMs);
    const timeoutMs = longestMs + (this.#isCovered(snapshot) ? STALL_MS : 0);
    const expired = this.#queue.expire(this.#clock.now() - timeoutMs);
    for (const waiter of expired) waiter.refuse(this.#timedOut(snapshot.isUnavailable));
    if (expired.length > 0) this.#noteIfEmpty();
    const oldest = this.#queue.oldestJoinedAt();
    if (oldest !== undefined)
      this.wakeAt(Math.max(oldest + this.#config.queueTimeoutMs, this.#clock.now() + EXPIRY_INTERVAL_MS));
  }

  /** One timer for all, at the earliest requested time. */
  wakeAt(at: number): void {
    if (this.#timer !== undefined) {
      if (this.#timer.at <= at) return;
      this.#timer.timer.cancel();
    }
    const timer = this.#clock.setTimeLimit(
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

  /**
   * Whether a wait beyond the timeout is a stall rather than overload: there is a permit for each request that is in
   * flight or waits, or all of them fit into two rounds. A configured timeout is always kept.
   */
  #isCovered({ isUnavailable, permits, inFlight, queuedElsewhere, paceMs }: QueueSnapshot): boolean {
    const outstanding = inFlight + queuedElsewhere + this.#queue.depth;
    if (isUnavailable || outstanding > 2 * permits) return false;
    return outstanding <= permits || (!this.#config.isQueueTimeoutSet && paceMs > 0 && paceMs < MAX_ROUND_MS);
  }

  /** Interactive requests that may wait, over all workers. */
  #allowed(snapshot: QueueSnapshot, now: number): number {
    const { permits, serviceMs } = snapshot;
    this.#drainPerMs = serviceMs === 0 ? 0 : permits / serviceMs;
    return this.#bound.allowed(snapshot, now);
  }

  #allowedHere(snapshot: QueueSnapshot, now: number): number {
    const { inFlight, permits, held, queuedElsewhere, bulkElsewhere, workers } = snapshot;
    if (inFlight + queuedElsewhere + this.#queue.depth < permits) return Number.POSITIVE_INFINITY;
    const allowed = this.#allowed(snapshot, now);
    // Every worker is busy then, and the permits are where the work is. Filling up what the others leave by figures
    // that are a few milliseconds old would overshoot with each wave of requests that end together.
    if (this.#bound.isStanding(now) && held > 0 && held < permits) return Math.ceil((allowed * held) / permits);
    return localPart(allowed, queuedElsewhere - bulkElsewhere, workers);
  }

  #noteIfEmpty(): void {
    if (this.#queue.depth === 0) this.#bound.changed(true, this.#clock.now());
  }

  #retryAfter(): { retryAfterSeconds: number } {
    return { retryAfterSeconds: retryAfterSeconds(this.#queue.depth, this.#drainPerMs, this.#random) };
  }

  #full(isUnavailable: boolean): Refusal {
    return isUnavailable
      ? new Refusal('no-backend', 'no backend is up, and the queue is full', this.#retryAfter())
      : new Refusal(
          'overloaded',
          'every backend is at its cap, and too many requests wait already',
          this.#retryAfter(),
        );
  }

  #timedOut(isUnavailable: boolean): Refusal {
    return isUnavailable
      ? new Refusal('no-backend', 'no backend came up while the request waited', this.#retryAfter())
      : new Refusal('queue-timeout', 'no backend became free while the request waited', this.#retryAfter());
  }
}

const boundSettings = ({ queueTimeoutMs, isQueueTimeoutSet, admission }: QueueSettings) => ({
  maxWaitMs: admission.maxWaitMs,
  timeoutMs: queueTimeoutMs,
  isTimeoutSet: isQueueTimeoutSet,
});

/**
 * The part of the bound that the other workers leave, but at least an equal share, because a worker that has just
 * started must not starve.
 */
function localPart(total: number, elsewhere: number, workers: number): number {
  return total === Number.POSITIVE_INFINITY ? total : Math.max(total - elsewhere, Math.ceil(total / workers));
}

/** How many requests this worker must shed of those that exceed the total, in proportion to its own queue. */
function excessOf(here: number, elsewhere: number, total: number): number {
  const all = here + elsewhere;
  return elsewhere === 0 || all <= total * TOLERATED_EXCESS + 1 ? 0 : ((all - total) * here) / all;
}
