/** A client that comes back sooner than this after a refusal has not waited, whatever it was asked to do. */
const AT_ONCE_MS = 250;
/** After so many refusals in a row that it came back from at once, a client counts as impatient. */
const IMPATIENT_AFTER = 4;
/** So many are answered at once: in an open loop connections are shared, and most streaks are shorter. */
const FREE_REFUSALS = 12;
const LONGEST_MS = 100;

/**
 * What becomes of a client that comes back at once after every refusal, although each asked it to wait.
 * A closed loop without back-off turns refusals into load, because each one brings the next. An impatient client gains
 * nothing from being refused early, so its requests may wait behind all others instead. Where there is no place even
 * for that, its connection is refused 1, 2, 4 and up to 100 ms later each time, until a request of it was served or it
 * has waited. One of these per connection.
 */
export class RefusalPause {
  #streak = 0;
  #refusedAt = Number.NEGATIVE_INFINITY;

  /** Whether the client of a request that began at `startedAt` would be back at once if it was refused. */
  isImpatient(startedAt: number): boolean {
    return this.#streak >= IMPATIENT_AFTER && startedAt - this.#refusedAt < AT_ONCE_MS;
  }

  /** A request that began at `startedAt` is refused; how long to wait before it is told, in milliseconds. */
  refused(startedAt: number, now: number): number {
    this.#streak = startedAt - this.#refusedAt < AT_ONCE_MS ? this.#streak + 1 : 1;
    const pauseMs = this.#streak <= FREE_REFUSALS ? 0 : Math.min(LONGEST_MS, 2 ** (this.#streak - FREE_REFUSALS - 1));
    this.#refusedAt = now + pauseMs;
    return pauseMs;
  }

  /** A request is refused that has waited in the queue. */
  timedOut(startedAt: number, now: number): void {
    if (this.isImpatient(startedAt)) this.#refusedAt = now;
  }

  /** A request of the connection was not refused. */
  served(): void {
    this.#streak = 0;
  }
}
