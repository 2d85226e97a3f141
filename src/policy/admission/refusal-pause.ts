/** A client that comes back sooner than this after a refusal has not waited, whatever it was asked to do. */
const AT_ONCE_MS = 250;
/** After so many refusals in a row that it came back from at once, a client is impatient. */
const IMPATIENT_AFTER = 4;
const LONGEST_MS = 100;

/**
 * Treats a client that comes back at once after every refusal, although each refusal asked it to wait.
 * A closed loop without back-off turns refusals into load, because each one brings the next. Early refusals gain an
 * impatient client nothing, so its requests may wait behind all others. Where there is no place even for that, it is
 * refused 1, 2, 4 and up to 100 ms later each time. It is patient again when a request was served, or when it has
 * waited. One of these per connection.
 */
export class RefusalPause {
  #streak = 0;
  #refusedAt = Number.NEGATIVE_INFINITY;

  /** Whether the client of a request that began at `startedAt` would be back at once if it was refused. */
  isImpatient(startedAt: number): boolean {
    return this.#streak > IMPATIENT_AFTER && startedAt - this.#refusedAt < AT_ONCE_MS;
  }

  /** A request that began at `startedAt` is refused; how long to wait before it is told, in milliseconds. */
  refused(startedAt: number, now: number): number {
    this.#streak = startedAt - this.#refusedAt < AT_ONCE_MS ? this.#streak + 1 : 1;
    const late = this.#streak - IMPATIENT_AFTER;
    const pauseMs = late <= 0 ? 0 : Math.min(LONGEST_MS, 2 ** (late - 1));
    this.#refusedAt = now + pauseMs;
    return pauseMs;
  }

  /** A request is refused that has waited in the queue. */
  timedOut(startedAt: number, now: number): void {
    if (this.isImpatient(startedAt)) this.#refusedAt = now;
  }

  /** Whether there is anything to forget. */
  get hasStreak(): boolean {
    return this.#streak > 0;
  }

  /** A request was served: the client is patient again, until it is refused once more and comes back at once. */
  served(now: number): void {
    this.#streak = Math.min(this.#streak, IMPATIENT_AFTER);
    this.#refusedAt = now;
  }

  /** The connection has turned out to be a shared one. */
  forget(): void {
    this.#streak = 0;
  }
}
