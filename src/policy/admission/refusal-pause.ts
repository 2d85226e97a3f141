/** A client that returns sooner than this after a refusal has ignored `Retry-After`. */
const AT_ONCE_MS = 250;
/** A client is impatient after it has returned at once from this many refusals in a row. */
const IMPATIENT_AFTER = 4;
const LONGEST_MS = 100;

/**
 * Handles a client that returns at once after every refusal, although each refusal asked it to wait. A closed loop
 * without back-off turns refusals into load, because each one causes the next request. Early refusals do not help an
 * impatient client, so its requests may wait behind all others. If the queue has no place even for that, each further
 * refusal is sent later than the one before: after 1, 2, 4 and up to 100 ms. The client counts as patient again when a
 * request was served, or when it has waited. Each connection has one of these.
 */
export class RefusalPause {
  #streak = 0;
  #refusedAt = Number.NEGATIVE_INFINITY;

  /** Whether the client of a request that began at `startedAt` would return at once after a refusal. */
  isImpatient(startedAt: number): boolean {
    return this.#streak > IMPATIENT_AFTER && startedAt - this.#refusedAt < AT_ONCE_MS;
  }

  /** A request that began at `startedAt` is refused. Returns the delay of the refusal in milliseconds. */
  refused(startedAt: number, now: number): number {
    this.#streak = startedAt - this.#refusedAt < AT_ONCE_MS ? this.#streak + 1 : 1;
    const late = this.#streak - IMPATIENT_AFTER;
    const pauseMs = late <= 0 ? 0 : Math.min(LONGEST_MS, 2 ** (late - 1));
    this.#refusedAt = now + pauseMs;
    return pauseMs;
  }

  /** A request is refused after it has waited in the queue. */
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
