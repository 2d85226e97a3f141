/** A period has at least this much time and this many requests; the mean spans this many periods. */
const PERIOD_MS = 1000;
const PERIOD_REQUESTS = 10;
const PERIODS = 10;
/** Requests that must have ended before there is an estimate, because a process that has just started is slow. */
const ENOUGH = 100;

interface Period {
  readonly since: number;
  /** Time in flight, summed over the requests. */
  busyMs: number;
  ended: number;
}

/**
 * How long a request holds its permit, on average: time in flight / requests that ended (Little's law).
 * The ratio holds for any mix: a mean over the last few requests would show only the quick ones of a route whose
 * permits are held by the slow ones.
 */
export class ServiceTime {
  #periods: Period[] = [];
  #current: Period;
  #inFlight = 0;
  #changedAt: number;
  #total = 0;
  #totalBusyMs = 0;

  constructor(now: number) {
    this.#current = { since: now, busyMs: 0, ended: 0 };
    this.#changedAt = now;
  }

  /** Since the start. */
  get totals(): { ended: number; busyMs: number } {
    return { ended: this.#total, busyMs: this.#totalBusyMs };
  }

  started(now: number): void {
    this.#advance(now);
    this.#inFlight++;
  }

  ended(now: number): void {
    this.#advance(now);
    this.#inFlight--;
    this.#total++;
    const current = this.#current;
    current.ended++;
    if (current.ended < PERIOD_REQUESTS || now - current.since < PERIOD_MS) return;
    this.#periods = [...this.#periods.slice(1 - PERIODS), current];
    this.#current = { since: now, busyMs: 0, ended: 0 };
  }

  /** In milliseconds; 0 while too few have ended. */
  meanMs(now: number): number {
    return this.#total < ENOUGH ? 0 : this.paceMs(now);
  }

  /** The same even from a few requests; while none has ended, the total time of those in flight. */
  paceMs(now: number): number {
    let busyMs = this.#current.busyMs + this.#inFlight * (now - this.#changedAt);
    let ended = this.#current.ended;
    for (const period of this.#periods) {
      busyMs += period.busyMs;
      ended += period.ended;
    }
    return busyMs / Math.max(1, ended);
  }

  #advance(now: number): void {
    const busyMs = this.#inFlight * (now - this.#changedAt);
    this.#current.busyMs += busyMs;
    this.#totalBusyMs += busyMs;
    this.#changedAt = now;
  }
}
