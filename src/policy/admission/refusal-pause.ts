/** A client that comes back sooner than this after a refusal has not waited, whatever it was asked to do. */
const AT_ONCE_MS = 250;
/** So many refusals in a row are answered at once: in an open loop connections are shared, and most streaks are shorter. */
const FREE_REFUSALS = 12;
const LONGEST_MS = 100;

/**
 * How much later a client is refused that comes back at once, although every refusal asked it to wait.
 * A closed loop without back-off turns refusals into load: each one brings the next. Its connection is refused 1, 2, 4
 * and up to 100 ms later each time, until a request of it was served or it has waited. One of these per connection.
 */
export class RefusalPause {
  #streak = 0;
  #refusedAt = Number.NEGATIVE_INFINITY;

  /** A request that began at `startedAt` is refused; how long to wait before it is told, in milliseconds. */
  refused(startedAt: number, now: number): number {
    this.#streak = startedAt - this.#refusedAt < AT_ONCE_MS ? this.#streak + 1 : 1;
    const pauseMs = this.#streak <= FREE_REFUSALS ? 0 : Math.min(LONGEST_MS, 2 ** (this.#streak - FREE_REFUSALS - 1));
    this.#refusedAt = now + pauseMs;
    return pauseMs;
  }

  /** A request of the connection was not refused. */
  served(): void {
    this.#streak = 0;
  }
}
