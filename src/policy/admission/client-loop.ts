/** A connection that has had nothing to do for longer than this is one to spare. */
const SPARE_AFTER_MS = 250;
/** With more connections to spare than this, and than this part of them, a client has more of them than it needs. */
const FEW = 1;
const FEW_PART = 0.1;
/** A client whose connections have grown by more than this within so long needs more of them for what arrives. */
const GROWTH_MS = 300;
const GROWTH_PART = 0.05;
/** A verdict holds for this long. */
const VERDICT_MS = 50;

/**
 * Whether the connections of one address belong to a closed loop that never pauses: then each comes back with its next
 * request as soon as it is answered. Requests that arrive by themselves (an open loop) share connections, of which some
 * are always to spare, or their number grows. On a single connection the two look alike, because both use it again at once.
 */
export class ClientLoop<Connection> {
  /** Those without a request, the one that has been idle for longest first, with the time since when. */
  readonly #idle = new Map<Connection, number>();
  #open = 0;
  #grownBy = 0;
  #grownSince = 0;
  #verdict = false;
  #verdictAt = Number.NEGATIVE_INFINITY;

  get open(): number {
    return this.#open;
  }

  opened(connection: Connection, now: number): void {
    this.#open++;
    if (now - this.#grownSince > GROWTH_MS) {
      this.#grownSince = now;
      this.#grownBy = 0;
    }
    this.#grownBy++;
    this.#idle.set(connection, now);
  }

  closed(connection: Connection): void {
    this.#open--;
    this.#idle.delete(connection);
  }

  busy(connection: Connection): void {
    this.#idle.delete(connection);
  }

  idle(connection: Connection, now: number): void {
    this.#idle.set(connection, now);
  }

  isClosed(now: number): boolean {
    if (now - this.#verdictAt < VERDICT_MS) return this.#verdict;
    this.#verdictAt = now;
    this.#verdict = false;
    const isGrowing = now - this.#grownSince <= GROWTH_MS && this.#grownBy > this.#open * GROWTH_PART;
    if (isGrowing) return false;
    const few = Math.max(FEW, this.#open * FEW_PART);
    let spare = 0;
    for (const since of this.#idle.values()) {
      if (now - since < SPARE_AFTER_MS || spare > few) break;
      spare++;
    }
    this.#verdict = spare <= few;
    return this.#verdict;
  }
}
