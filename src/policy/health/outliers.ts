/**
 * Decides which backends of one upstream are ejected because of their results (after Envoy's outlier detection).
 *
 *   in a row       A backend is ejected at its n-th failure in a row, n = max(consecutiveFailures, ln 10^-6 / ln f), where
 *                  f is the share of failures among the other backends. Chance gives such a run to a backend like the
 *                  others once in a million times. A request that was sent before the last success does not count in a
 *                  run, because a queue that is too long makes many requests time out at once at a backend that works.
 *   success rate   Checked once an interval, among the backends with minimumRequests in it, if there are minimumBackends
 *                  of them. A backend is ejected if its rate < min(maximumSuccessRate, mean of the others -
 *                  deviationFactor x max(their deviation, minimumDeviation)). Mean and deviation exclude the backend
 *                  under test (Envoy includes it): with 4 backends none can be 1.9 deviations from a mean that includes
 *                  it. A backend with more successes than failures is not ejected: the balancer gives it less, and its
 *                  ejection under overload would push its load onto the others and eject them next.
 *   duration       baseEjectionMs x times ejected, at most maxEjectionMs. An interval without an ejection subtracts one
 *                  time.
 *   cap            At most maxEjectedFraction of the backends are ejected at a time, but one of two or more always may
 *                  be, and the last one never.
 *
 * A refusal by a full backend is not a failure here. An interval ends with the first result after it, so no timer is
 * needed. Times are milliseconds of one clock.
 */
export class OutlierDetector {
  readonly #options: OutlierOptions;
  /** By the position of the backend; undefined where there is none. */
  readonly #standings: (Standing | undefined)[];
  #intervalEndsAt: number;
  /** The results of all backends in this interval. */
  #total = { requests: 0, failures: 0 };
  #ejections = 0;

  constructor(backends: number, now: number, options: Partial<OutlierOptions> = {}) {
    this.#options = { ...defaults, ...options };
    this.#intervalEndsAt = now + this.#options.intervalMs;
    this.#standings = Array.from({ length: backends }, newStanding);
  }

  /** A backend has joined, without results so far. */
  joined(index: number): void {
    while (this.#standings.length < index) this.#standings.push(undefined);
    this.#standings[index] = newStanding();
  }

  left(index: number): void {
    const standing = this.#standings[index];
    if (standing === undefined) return;
    this.#total.requests -= standing.requests;
    this.#total.failures -= standing.failures;
    this.#standings[index] = undefined;
  }

  /**
   * Records one result of the backend at this index, of a request sent at `startedAt`. Returns whether the backend is
   * ejected.
   */
  record(index: number, success: boolean, now: number, startedAt = now): boolean {
    if (now >= this.#intervalEndsAt) this.#endInterval(now);
    const standing = this.#standings[index];
    // Requests that were in flight at the ejection bring no new information, and must not count in the mean of the
    // others.
    if (standing === undefined || standing.ejectedUntil > now) return false;
    standing.requests++;
    this.#total.requests++;
    if (success) {
      standing.failuresInRow = 0;
      standing.succeededAt = now;
      return false;
    }
    standing.failures++;
    this.#total.failures++;
    if (startedAt < standing.succeededAt) return false;
    standing.failuresInRow++;
    return standing.failuresInRow >= this.#failuresNeeded(standing) && this.#eject(standing, now);
  }

  isEjected(index: number, now: number): boolean {
    return this.ejectedUntil(index) > now;
  }

  /** When the last ejection ends or ended; 0 if there was none. The backend then joins again, in slow start. */
  ejectedUntil(index: number): number {
    return this.#standings[index]?.ejectedUntil ?? 0;
  }

  /** Ejections since the start. */
  get ejections(): number {
    return this.#ejections;
  }

  /** Whether so few backends can serve that ejections must be ignored, because they would only overload the rest. */
  inPanic(available: number, total: number): boolean {
    return total > 0 && available / total < this.#options.panicThreshold;
  }

  #failuresNeeded({ requests, failures }: Standing): number {
    const share = (this.#total.failures - failures) / Math.max(1, this.#total.requests - requests);
    const { consecutiveFailures } = this.#options;
    return share < 1 ? Math.max(consecutiveFailures, LOG_CHANCE / Math.log(share)) : Number.POSITIVE_INFINITY;
  }

  #present(): Standing[] {
    return this.#standings.filter((standing) => standing !== undefined);
  }

  #mayEject(now: number): boolean {
    const present = this.#present();
    const fraction = Math.floor(present.length * this.#options.maxEjectedFraction);
    const most = Math.min(present.length - 1, Math.max(1, fraction));
    return present.filter(({ ejectedUntil }) => ejectedUntil > now).length < most;
  }

  #eject(standing: Standing, now: number): boolean {
    if (!this.#mayEject(now)) return false;
    const { baseEjectionMs, maxEjectionMs } = this.#options;
    this.#total.requests -= standing.requests;
    this.#total.failures -= standing.failures;
    standing.requests = 0;
    standing.failures = 0;
    standing.timesEjected++;
    standing.ejectedUntil = now + Math.min(maxEjectionMs, baseEjectionMs * standing.timesEjected);
    standing.ejectedInInterval = true;
    standing.failuresInRow = 0;
    this.#ejections++;
    return true;
  }

  #endInterval(now: number): void {
    this.#intervalEndsAt = now + this.#options.intervalMs;
    const judged = this.#present().filter(({ requests }) => requests >= this.#options.minimumRequests);
    const outliers = judged.length >= this.#options.minimumBackends ? this.#belowOthers(judged) : [];
    for (const standing of outliers) this.#eject(standing, now);
    for (const standing of this.#present()) {
      const wasOut = standing.ejectedInInterval || standing.ejectedUntil > now;
      if (!wasOut && standing.timesEjected > 0) standing.timesEjected--;
      standing.ejectedInInterval = false;
      standing.requests = 0;
      standing.failures = 0;
    }
    this.#total = { requests: 0, failures: 0 };
  }

  /** Those whose success rate is too far below that of the others, worst first. */
  #belowOthers(judged: readonly Standing[]): Standing[] {
    const rates = judged.map(({ failures, requests }) => 1 - failures / requests);
    const sum = rates.reduce((total, rate) => total + rate, 0);
    const squares = rates.reduce((total, rate) => total + rate * rate, 0);
    const others = rates.length - 1;
    const { deviationFactor, minimumDeviation, maximumSuccessRate } = this.#options;
    return judged
      .map((standing, place) => ({ standing, rate: rates[place] ?? 1 }))
      .filter(({ rate }) => {
        const mean = (sum - rate) / others;
        const deviation = Math.sqrt(Math.max(0, (squares - rate * rate) / others - mean * mean));
        const threshold = mean - deviationFactor * Math.max(deviation, minimumDeviation);
        return rate < Math.min(threshold, maximumSuccessRate);
      })
      .sort((left, right) => left.rate - right.rate)
      .map(({ standing }) => standing);
  }
}

/** The probability below which a run of failures counts as the backend's fault. */
const LOG_CHANCE = Math.log(1e-6);

export interface OutlierOptions {
  readonly consecutiveFailures: number;
  readonly intervalMs: number;
  readonly minimumRequests: number;
  readonly minimumBackends: number;
  readonly deviationFactor: number;
  /** Keeps chance differences between backends near 100 % from counting. */
  readonly minimumDeviation: number;
  readonly maximumSuccessRate: number;
  readonly baseEjectionMs: number;
  readonly maxEjectionMs: number;
  readonly maxEjectedFraction: number;
  /** Share of the backends that must be available. */
  readonly panicThreshold: number;
}

const defaults: OutlierOptions = {
  consecutiveFailures: 5,
  intervalMs: 10_000,
  minimumRequests: 100,
  minimumBackends: 3,
  deviationFactor: 1.9,
  minimumDeviation: 0.05,
  maximumSuccessRate: 0.5,
  baseEjectionMs: 30_000,
  maxEjectionMs: 300_000,
  maxEjectedFraction: 0.5,
  panicThreshold: 0.5,
};

interface Standing {
  failuresInRow: number;
  succeededAt: number;
  requests: number;
  failures: number;
  timesEjected: number;
  ejectedUntil: number;
  ejectedInInterval: boolean;
}

const newStanding = (): Standing => ({
  failuresInRow: 0,
  succeededAt: Number.NEGATIVE_INFINITY,
  requests: 0,
  failures: 0,
  timesEjected: 0,
  ejectedUntil: 0,
  ejectedInInterval: false,
});
