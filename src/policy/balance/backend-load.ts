import { Ewma } from './ewma.ts';

/**
 * The load of one backend, as one worker knows it. All times are milliseconds of one clock; reads never mutate.
 *
 * Latency, for each route class: the peak-EWMA of the latencies of requests.
 *
 * Service time, for each route class: the mean of latency / max(1, in flight / slots), by the report that came with the
 *   reply. The latency of a request that waited behind others shows the backend's queue rather than its speed, and the
 *   callers of the service time count the queue themselves. It is at least restMs, because near 0 the requests in
 *   flight would no longer count. Without a sample it is restMs while no request is in flight, then unknownMs, so that
 *   one request tries a new backend.
 *
 * Penalty, the same for every class: the mean time that a request loses by failures, over the requests of the last
 *   decayMs and one that did not fail. A failure counts as penaltyMs, or as the Retry-After that came with it. (This is
 *   linkerd's failure bias as a mean, because one failure in a thousand must not exclude a backend for a minute.) An
 *   early error never counts as a fast success.
 *
 * Overdue: how much older the oldest request in flight is than the latency of the slowest class. It is needed because a
 *   backend that hangs sends no samples.
 *
 * Others: requests of other workers. After a report the number returns to the mean of the reports within about relaxMs,
 *   because the reported requests have been served since, and fades with decayMs. (If it faded to 0 at once, a backend
 *   without recent reports would look idle, and the less known of two backends would be chosen.)
 */
export class BackendLoad {
  readonly #options: LoadOptions;
  readonly #latency: Ewma;
  readonly #service: Ewma;
  /** Starts of the requests under way, oldest first: few, so that a plain list is fastest. */
  readonly #starts: number[] = [];
  /** Requests that ended and the time lost by failures, both decayed to `#countedAt`. */
  #ended = 0;
  #lostMs = 0;
  #countedAt: number;
  #others = 0;
  #meanOthers = 0;
  #reportedAt = Number.NEGATIVE_INFINITY;
  #crowding = 1;
  #slots = 1;
  #joinedAt = Number.NEGATIVE_INFINITY;

  constructor(now: number, options?: Partial<LoadOptions>) {
    this.#countedAt = now;
    this.#options = options === undefined ? defaults : { ...defaults, ...options };
    this.#latency = new Ewma(this.#options.decayMs, 'peak');
    this.#service = new Ewma(this.#options.decayMs, 'mean');
  }

  /** A request was sent. */
  started(now: number): void {
    this.#starts.push(now);
  }

  /** A request that was `started` ended, in whatever way. Where its reply carried a report, `reported` comes first. */
  ended({ routeClass, latencyMs, startedAt, outcome, now, retryAfterMs = 0 }: EndedRequest): void {
    this.#removeStart(startedAt);
    if (outcome === 'ignored') return;
    const { decayMs, penaltyMs, maxPenaltyMs } = this.#options;
    const faded = Math.exp((this.#countedAt - now) / decayMs);
    const lostMs = outcome === 'success' ? 0 : Math.min(maxPenaltyMs, Math.max(penaltyMs, retryAfterMs));
    this.#countedAt = now;
    this.#ended = this.#ended * faded + 1;
    this.#lostMs = this.#lostMs * faded + lostMs;
    // A late failure was slow as well; an early failure does not show the speed.
    if (outcome !== 'success' && latencyMs <= (this.#latency.read(routeClass, now) ?? 0)) return;
    this.#latency.sample(routeClass, latencyMs, now);
    this.#service.sample(routeClass, latencyMs / this.#crowding, now);
  }

  /** The backend has reported its requests in flight, `mine` of which are this worker's. */
  reported({ inFlight, slots }: LoadReport, mine: number, now: number): void {
    const weight = Math.exp((this.#reportedAt - now) / this.#options.reportMeanMs);
    this.#others = Math.max(0, inFlight - mine);
    this.#meanOthers = this.#meanOthers * weight + this.#others * (1 - weight);
    this.#reportedAt = now;
    if (slots !== undefined && slots >= 1) {
      this.#slots = slots;
      this.#crowding = Math.max(1, inFlight / slots);
    }
  }

  /** The backend is new or has recovered: slow start begins at `now` or later, and earlier failures are forgotten. */
  joined(now: number): void {
    this.#joinedAt = now;
    this.#lostMs = 0;
  }

  /** The expected latency of a request of this class, its waiting and the cost of failures included. */
  expectedLatencyMs(routeClass: number, now: number): number {
    return this.#known(this.#latency.read(routeClass, now)) + this.#overdueMs(now) + this.#penaltyMs(now);
  }

  /** The expected latency of a request of this class if none waited before it, the cost of failures included. */
  serviceTimeMs(routeClass: number, now: number): number {
    return this.#known(this.#service.read(routeClass, now)) + this.#overdueMs(now) + this.#penaltyMs(now);
  }

  /** Requests of other workers in flight, as far as this worker knows. */
  othersInFlight(now: number): number {
    if (this.#meanOthers === 0) return 0;
    const age = now - this.#reportedAt;
    const weight = Math.exp(-age / this.#options.relaxMs);
    const others = this.#others * weight + this.#meanOthers * (1 - weight);
    return others * Math.exp(-age / this.#options.decayMs);
  }

  /** Requests that the backend serves at the same time; 1 until it has reported a number. */
  get slots(): number {
    return this.#slots;
  }

  /** The share of its traffic that a backend gets after it has joined: rises to 1 within slowStartMs. */
  slowStartFactor(now: number): number {
    const { slowStartMs, slowStartFloor } = this.#options;
    const share = (now - this.#joinedAt) / slowStartMs;
    return share >= 1 ? 1 : Math.max(slowStartFloor, share);
  }

  /** 1 without failures, near 0 when every request fails or the oldest hangs; for balancers that do not use latency. */
  reliability(now: number): number {
    const { penaltyMs, unknownMs } = this.#options;
    const share = Math.max(0.01, 1 - this.#penaltyMs(now) / penaltyMs);
    return share / (1 + this.#overdueMs(now) / unknownMs);
  }

  #known(estimate: number | undefined): number {
    const { restMs, unknownMs } = this.#options;
    if (estimate !== undefined) return Math.max(restMs, estimate);
    return this.#starts.length === 0 ? restMs : unknownMs;
  }

  #overdueMs(now: number): number {
    const oldest = this.#starts[0];
    return oldest === undefined ? 0 : Math.max(0, now - oldest - this.#latency.largest(now));
  }

  #penaltyMs(now: number): number {
    if (this.#lostMs === 0) return 0;
    const faded = Math.exp((this.#countedAt - now) / this.#options.decayMs);
    return (this.#lostMs * faded) / (this.#ended * faded + 1);
  }

  /** Always removes one start, even if `startedAt` differs from the value passed to `started`. */
  #removeStart(startedAt: number): void {
    const found = this.#starts.findIndex((start) => start >= startedAt);
    this.#starts.splice(found, 1);
  }
}

/** One request that has ended at a backend. */
export interface EndedRequest {
  readonly routeClass: number;
  readonly latencyMs: number;
  /** The time that was passed to `started`. */
  readonly startedAt: number;
  /** `dropped`: refused or abandoned for lack of capacity; `ignored`: independent of the backend. */
  readonly outcome: 'success' | 'failure' | 'dropped' | 'ignored';
  readonly now: number;
  readonly retryAfterMs?: number | undefined;
}

/** The load that a backend reports with a reply (ORCA). */
export interface LoadReport {
  /** Requests in flight there of all workers, including the one that is being answered. */
  readonly inFlight: number;
  /** Requests that it serves at the same time. */
  readonly slots?: number | undefined;
}

export interface LoadOptions {
  readonly decayMs: number;
  readonly restMs: number;
  readonly unknownMs: number;
  readonly penaltyMs: number;
  readonly maxPenaltyMs: number;
  readonly relaxMs: number;
  readonly reportMeanMs: number;
  readonly slowStartMs: number;
  readonly slowStartFloor: number;
}

const defaults: LoadOptions = {
  decayMs: 10_000,
  restMs: 1,
  unknownMs: 1000,
  penaltyMs: 5000,
  maxPenaltyMs: 300_000,
  relaxMs: 200,
  reportMeanMs: 2000,
  slowStartMs: 10_000,
  slowStartFloor: 0.1,
};
