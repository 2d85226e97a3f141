export interface QueueBoundOptions {
  /** Longest wait that a request may expect; `auto` follows the rate at which the upstream serves. */
  readonly maxWaitMs: number | 'auto';
  /** After this time in the queue a request is refused. */
  readonly timeoutMs: number;
  /**
   * Whether the timeout was configured. If not, it is a minimum, and requests may wait for some rounds if these take
   * longer.
   */
  readonly isTimeoutSet: boolean;
}

export interface QueueSituation {
  /** Requests that may be in flight at the upstream, over all workers. */
  readonly permits: number;
  /** How long a request holds its permit, on average; 0 while that is not known. */
  readonly serviceMs: number;
}

/** Waiting requests per permit: while the queue stands, and in a burst. */
const STANDING_ROUNDS = 1;
const BURST_ROUNDS = 2.4;
/** Waits below these come from timers and garbage collection rather than from load. */
const MIN_STANDING_MS = 50;
const MIN_BURST_MS = 100;
/** The time over which the empty share is averaged, and the empty share at which a queue counts as recovered. */
const MEMORY_MS = 2000;
const RECOVERED_EMPTY = 1 / 3;
/** If no timeout is configured, a request waits for at most this many rounds, and at most this long. */
const PATIENT_ROUNDS = 2;
const MAX_PATIENCE_MS = 30_000;
/** After this long without a refusal, the queue does not grow and is no overload. */
const CALM_MS = 5000;

/**
 * How many requests may wait at an upstream, over all workers.
 *
 * The yardstick is a round: the time in which a full set of permits ends, permits / throughput. A wait of r rounds is a
 * queue of r × permits whatever the throughput is, so a machine whose processors are busy elsewhere refuses no more
 * than an idle one.
 *   standing: max(1 × permits, 50 ms × permits / service time)
 *   burst:    max(2.4 × permits, 100 ms × permits / service time)
 * A burst that empties again is useful, because it evens out the arrivals; a standing queue only delays all requests
 * (CoDel, Nichols and Jacobson 2012; for requests: Maurer, "Fail at Scale", 2015). The first refusal makes the queue a
 * standing one, until it has been empty for a third of two seconds or no request was refused for five seconds. Beyond
 * one round, a request that would only time out is not admitted. The timeout is two rounds if it is not configured,
 * because one second is too short for work that takes two. A configured `maxWaitMs` replaces both regimes.
 */
export class QueueBound {
  readonly #maxWaitMs: number | 'auto';
  readonly #timeoutMs: number;
  readonly #isTimeoutSet: boolean;
  #exceededAt = Number.NEGATIVE_INFINITY;
  #recovered = true;
  #emptyShare = 1;
  #empty = true;
  #changedAt = 0;

  constructor({ maxWaitMs, timeoutMs, isTimeoutSet }: QueueBoundOptions) {
    this.#maxWaitMs = maxWaitMs;
    this.#timeoutMs = timeoutMs;
    this.#isTimeoutSet = isTimeoutSet;
  }

  isStanding(now: number): boolean {
    return !this.#recovered && now - this.#exceededAt < CALM_MS;
  }

  /** Requests that may wait. Infinite while the service time is not known. */
  allowed({ permits, serviceMs }: QueueSituation, now: number): number {
    if (serviceMs === 0 || permits === 0) return Number.POSITIVE_INFINITY;
    const perMs = permits / serviceMs;
    if (this.#maxWaitMs !== 'auto') return Math.max(permits, this.#maxWaitMs * perMs);
    const standing = this.isStanding(now);
    const rounds = standing ? STANDING_ROUNDS : BURST_ROUNDS;
    const leastMs = standing ? MIN_STANDING_MS : MIN_BURST_MS;
    const allowed = Math.max(rounds * permits, leastMs * perMs);
    // If a round takes longer than the timeout, all waiting requests except the first ones would time out.
    const longestMs = this.longestWaitMs(serviceMs);
    const oneRound = serviceMs < longestMs ? permits : 0;
    return Math.min(allowed, Math.max(oneRound, longestMs * perMs));
  }

  /** How long a request may wait, given the service time as far as it is known. */
  longestWaitMs(paceMs: number): number {
    if (this.#isTimeoutSet) return this.#timeoutMs;
    return Math.max(this.#timeoutMs, Math.min(PATIENT_ROUNDS * paceMs, MAX_PATIENCE_MS));
  }

  /** A request was refused because too many requests waited. */
  exceeded(now: number): void {
    const wasStanding = this.isStanding(now);
    this.#advance(now);
    this.#exceededAt = now;
    this.#recovered = false;
    if (!wasStanding) this.#emptyShare = 0;
  }

  /** The queue has become empty, or no longer is. */
  changed(empty: boolean, now: number): void {
    this.#advance(now);
    this.#empty = empty;
    if (this.#emptyShare >= RECOVERED_EMPTY) this.#recovered = true;
  }

  /** Adds the elapsed time to the average, in which the last two seconds have the most weight. */
  #advance(now: number): void {
    const weight = Math.exp(-(now - this.#changedAt) / MEMORY_MS);
    this.#emptyShare = this.#emptyShare * weight + (this.#empty ? 1 - weight : 0);
    this.#changedAt = now;
  }
}
