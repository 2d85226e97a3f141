/**
 * What one worker knows of the load of one backend. All times are milliseconds of one clock; reads never mutate.
 *
 * Latency, for each route class: peak-EWMA (Finagle's PeakEwma, tower, linkerd2-proxy).
 *   a sample above the estimate   estimate = sample
 *   a sample below it             estimate = estimate * w + sample * (1 - w), w = exp(-since the last sample / decayMs)
 *   no samples                    read as estimate * exp(-since / decayMs), not below restMs
 *   never a sample                restMs while nothing is under way, then unknownMs: one request tries a new backend
 * The decay without samples brings a backend that is avoided back into play: else a slow sample is never forgotten. It
 * stops at restMs, as at 0 the requests in flight would no longer count.
 *
 * Penalty, the same for every class: the mean time that a request loses by failing, penaltyMs or the Retry-After that
 * came with it, over the requests of the last decayMs and one that did not fail (linkerd's failure bias, as a mean: one
 * failure in a thousand must not take a backend out for a minute). An early error never counts as a fast success.
 *
 * Overdue: by how much the oldest request under way is older than the slowest class takes; what hangs sends no samples.
 *
 * Others: requests of other workers, from the reports of the backend, fading with the age of the report.
 */
export class BackendLoad {
  readonly #options: LoadOptions;
  /** By route class; undefined where there has been no sample. */
  readonly #estimates: (number | undefined)[] = [];
  readonly #sampledAt: number[] = [];
  /** Starts of the requests under way, oldest first: few, so that a plain list is fastest. */
  readonly #starts: number[] = [];
  /** Requests that ended and the time lost by failures, both decayed to `#countedAt`. */
  #ended = 0;
  #lostMs = 0;
  #countedAt: number;
  #others = 0;
  #reportedAt = Number.NEGATIVE_INFINITY;
  #slots = 1;
  #joinedAt = Number.NEGATIVE_INFINITY;

  constructor(now: number, options?: Partial<LoadOptions>) {
    this.#countedAt = now;
    this.#options = options === undefined ? defaults : { ...defaults, ...options };
  }

  /** A request was sent. */
  started(now: number): void {
    this.#starts.push(now);
  }

  /** A request that was `started` ended, in whatever way. */
  ended({ routeClass, latencyMs, startedAt, outcome, now, retryAfterMs = 0 }: EndedRequest): void {
    this.#removeStart(startedAt);
    if (outcome === 'ignored') return;
    const faded = Math.exp((this.#countedAt - now) / this.#options.decayMs);
    this.#countedAt = now;
    this.#ended = this.#ended * faded + 1;
    this.#lostMs *= faded;
    if (outcome === 'success') {
      this.#sample(routeClass, latencyMs, now);
      return;
    }
    const { penaltyMs, maxPenaltyMs } = this.#options;
    this.#lostMs += Math.min(maxPenaltyMs, Math.max(penaltyMs, retryAfterMs));
    // What took long and then failed was slow as well; what failed early says nothing about speed.
    if (latencyMs > (this.#estimates[routeClass] ?? 0)) this.#sample(routeClass, latencyMs, now);
  }

  /** The backend said how many requests it has under way, of which `mine` are this worker's. */
  reported(report: LoadReport, mine: number, now: number): void {
    this.#others = Math.max(0, report.inFlight - mine);
    this.#reportedAt = now;
    if (report.slots !== undefined && report.slots >= 1) this.#slots = report.slots;
  }

  /** New or recovered: slow start begins, at `now` or at a time to come, and what had failed is forgotten. */
  joined(now: number): void {
    this.#joinedAt = now;
    this.#lostMs = 0;
  }

  /** What a request of this class would take if it were alone, with the time that failures cost. */
  expectedLatencyMs(routeClass: number, now: number): number {
    const known = this.#estimate(routeClass, now);
    return known + this.#overdueMs(now) + this.#penaltyMs(now);
  }

  /** Requests that other workers have under way, as far as is known. */
  othersInFlight(now: number): number {
    const age = now - this.#reportedAt;
    return age >= this.#options.reportLifeMs ? 0 : this.#others * (1 - age / this.#options.reportLifeMs);
  }

  /** Requests that the backend serves at the same time; 1 as long as it has not said. */
  get slots(): number {
    return this.#slots;
  }

  /** The share of its traffic that a backend gets after it has joined: rises to 1 within slowStartMs. */
  slowStartFactor(now: number): number {
    const { slowStartMs, slowStartFloor } = this.#options;
    const share = (now - this.#joinedAt) / slowStartMs;
    return share >= 1 ? 1 : Math.max(slowStartFloor, share);
  }

  /** Near 0 when every request fails, 1 when none does. */
  reliability(now: number): number {
    return Math.max(0.01, 1 - this.#penaltyMs(now) / this.#options.penaltyMs);
  }

  #sample(routeClass: number, latencyMs: number, now: number): void {
    const estimate = this.#estimates[routeClass];
    if (estimate === undefined || latencyMs > estimate) {
      this.#estimates[routeClass] = latencyMs;
    } else {
      const weight = this.#fade(routeClass, now);
      this.#estimates[routeClass] = estimate * weight + latencyMs * (1 - weight);
    }
    this.#sampledAt[routeClass] = now;
  }

  #fade(routeClass: number, now: number): number {
    return Math.exp(((this.#sampledAt[routeClass] ?? now) - now) / this.#options.decayMs);
  }

  #estimate(routeClass: number, now: number): number {
    const { restMs, unknownMs } = this.#options;
    const estimate = this.#estimates[routeClass];
    if (estimate !== undefined) return Math.max(restMs, estimate * this.#fade(routeClass, now));
    return this.#starts.length === 0 ? restMs : unknownMs;
  }

  #overdueMs(now: number): number {
    const oldest = this.#starts[0];
    if (oldest === undefined) return 0;
    let slowest = 0;
    for (let routeClass = 0; routeClass < this.#estimates.length; routeClass++) {
      const estimate = this.#estimates[routeClass];
      if (estimate !== undefined && estimate > slowest) {
        slowest = Math.max(slowest, estimate * this.#fade(routeClass, now));
      }
    }
    return Math.max(0, now - oldest - slowest);
  }

  #penaltyMs(now: number): number {
    if (this.#lostMs === 0) return 0;
    const faded = Math.exp((this.#countedAt - now) / this.#options.decayMs);
    return (this.#lostMs * faded) / (this.#ended * faded + 1);
  }

  /** Never keeps one too many, even where `startedAt` is not what `started` was told. */
  #removeStart(startedAt: number): void {
    const found = this.#starts.findIndex((start) => start >= startedAt);
    this.#starts.splice(found, 1);
  }
}

/** One request that has ended at a backend. */
export interface EndedRequest {
  readonly routeClass: number;
  readonly latencyMs: number;
  /** What `started` was told. */
  readonly startedAt: number;
  /** `dropped`: refused or given up on, for want of capacity; `ignored`: says nothing about the backend. */
  readonly outcome: 'success' | 'failure' | 'dropped' | 'ignored';
  readonly now: number;
  readonly retryAfterMs?: number | undefined;
}

/** What a backend says of itself with a reply (ORCA). */
export interface LoadReport {
  /** Requests under way there, of everyone. */
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
  readonly reportLifeMs: number;
  readonly slowStartMs: number;
  readonly slowStartFloor: number;
}

const defaults: LoadOptions = {
  decayMs: 10_000,
  restMs: 1,
  unknownMs: 1000,
  penaltyMs: 5000,
  maxPenaltyMs: 300_000,
  reportLifeMs: 1000,
  slowStartMs: 10_000,
  slowStartFloor: 0.1,
};
