/** The least that a client must read in a second while others need a permit or spool space that it holds. */
const MIN_BYTES_PER_SECOND = 4096;
/** How long the rate is measured before it counts. */
const MEASURED_MS = 5000;

interface Mark {
  readonly at: number;
  readonly delivered: number;
}

/** How fast a client reads, measured over five to ten seconds. */
export class ReadingRate {
  #latest: Mark;
  #previous: Mark;

  /** `delivered`: bytes that the client has taken by `now`. */
  constructor(delivered: number, now: number) {
    this.#latest = { at: now, delivered };
    this.#previous = this.#latest;
  }

  /** Whether the client has read less than the least rate; not before it has been measured for long enough. */
  isTooSlow(delivered: number, now: number): boolean {
    if (now - this.#latest.at >= MEASURED_MS) {
      this.#previous = this.#latest;
      this.#latest = { at: now, delivered };
    }
    const elapsedMs = now - this.#previous.at;
    if (elapsedMs < MEASURED_MS) return false;
    return (delivered - this.#previous.delivered) * 1000 < MIN_BYTES_PER_SECOND * elapsedMs;
  }
}
