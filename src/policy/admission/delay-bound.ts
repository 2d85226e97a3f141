export interface DelayBoundOptions {
  /** Longest wait that is ever allowed, in milliseconds. */
  readonly maxMs: number;
}

/** What may be waited in a queue that stands, and in one that has only just filled; as multiples of the service time. */
const STANDING_SERVICE_TIMES = 1.1;
const BURST_SERVICE_TIMES = 2.4;
/** Below these, waits come from timers and garbage collection rather than from load. */
const MIN_STANDING_MS = 60;
const MIN_BURST_MS = 100;
/** Over how long it is looked at whether the queue empties, and the part of the time it must be empty to count as recovered. */
const MEMORY_MS = 2000;
const RECOVERED_EMPTY = 1 / 3;

/**
 * How long a request may wait, by whether the queue is a burst or stands.
 *
 * The idea is CoDel's (Nichols and Jacobson 2012; for requests: Maurer, "Fail at Scale", 2015): a queue that empties
 * again does good, it takes up the unevenness of arrivals; one that stands only makes everybody late. CoDel's 5 ms are
 * meant for packets; here the target follows the service time. Two regimes:
 * - burst: waits up to 2.4 service times are let in. At 90 % of capacity, Poisson arrivals stay below that.
 * - standing: reached when a wait would exceed that; from then on up to 1.1 service times, so that the latency of what
 *   is let in stays within 2.1 service times. Left when the queue has been empty for a third of the last two seconds.
 */
export class DelayBound {
  readonly #maxMs: number;
  #standing = false;
  #emptyShare = 1;
  #empty = true;
  #changedAt = 0;

  constructor({ maxMs }: DelayBoundOptions) {
    this.#maxMs = maxMs;
  }

  get standing(): boolean {
    return this.#standing;
  }

  /** The longest wait that a new request may expect, in milliseconds. */
  allowedMs(serviceMs: number): number {
    const allowed = this.#standing
      ? Math.max(MIN_STANDING_MS, serviceMs * STANDING_SERVICE_TIMES)
      : Math.max(MIN_BURST_MS, serviceMs * BURST_SERVICE_TIMES);
    return Math.min(allowed, this.#maxMs);
  }

  /** A request that waited this long is dropped when its turn comes: the queue has drained slower than it was expected to. */
  overdueMs(serviceMs: number): number {
    return this.#standing ? 2 * this.allowedMs(serviceMs) : this.#maxMs;
  }

  /** A request was refused as its wait would have been too long. */
  exceeded(now: number): void {
    this.#advance(now);
    if (this.#standing) return;
    this.#standing = true;
    this.#emptyShare = 0;
  }

  /** The queue has become empty, or no longer is. */
  changed(empty: boolean, now: number): void {
    this.#advance(now);
    this.#empty = empty;
    if (this.#emptyShare >= RECOVERED_EMPTY) this.#standing = false;
  }

  /** Time that has passed is weighed in, the last two seconds most. */
  #advance(now: number): void {
    const weight = Math.exp(-(now - this.#changedAt) / MEMORY_MS);
    this.#emptyShare = this.#emptyShare * weight + (this.#empty ? 1 - weight : 0);
    this.#changedAt = now;
  }
}
