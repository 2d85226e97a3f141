/** A connection that has been idle for longer than this counts as spare. */
const SPARE_AFTER_MS = 250;
/** A client has more connections than it needs if more than this number, and more than this part of them, are spare. */
const FEW = 1;
const FEW_PART = 0.1;
/**
 * A client whose connections have grown by more than this within this time needs more of them for arriving requests.
 */
const GROWTH_MS = 300;
const GROWTH_PART = 0.05;
/** A verdict holds for this long. */
const VERDICT_MS = 50;

/**
 * Whether the connections of one address belong to a closed loop that never pauses. In such a loop each connection
 * carries its next request as soon as it has a reply. In an open loop requests arrive by themselves and share
 * connections, so some connections are always spare, or their number grows. On a single connection the two look alike,
 * because both use it again at once.
 */
export class ClientLoop<Connection> {
  /** The idle connections, longest idle first, with the time since when they are idle. */
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
