/** Seconds that a request's deposit lasts. */
const LIFETIME_SECONDS = 10;
/** In units of which a request pays in one, and a retry takes out five: a fifth. */
const RETRY_COST = 5;
/** Retries a second that are allowed with no traffic to speak of. */
const RESERVE_PER_SECOND = 10;

/**
 * What retries and hedges together may add to the load: a fifth of the requests of the last ten seconds, and ten a
 * second besides (Finagle `RetryBudget`). Kept in one bucket a second.
 */
export class RetryBudget {
  readonly #deposits = new Float64Array(LIFETIME_SECONDS);
  readonly #withdrawals = new Float64Array(LIFETIME_SECONDS);
  #second = 0;

  /** A request has come; retries are not requests. */
  deposit(now: number): void {
    this.#turn(now);
    const slot = this.#second % LIFETIME_SECONDS;
    this.#deposits[slot] = (this.#deposits[slot] as number) + 1;
  }

  /** Whether one more retry is within the budget; if so, it is taken from it. */
  withdraw(now: number): boolean {
    this.#turn(now);
    if (this.#left() < RETRY_COST) return false;
    const slot = this.#second % LIFETIME_SECONDS;
    this.#withdrawals[slot] = (this.#withdrawals[slot] as number) + 1;
    return true;
  }

  /** Retries that could be made at once. */
  balance(now: number): number {
    const second = Math.floor(now / 1000);
    return second - this.#second >= LIFETIME_SECONDS
      ? RESERVE_PER_SECOND
      : Math.max(0, Math.floor(this.#left() / RETRY_COST));
  }

  #left(): number {
    let left = this.#deposits.reduce((sum, units) => sum + units, 0);
    for (const retries of this.#withdrawals) left -= RETRY_COST * Math.max(0, retries - RESERVE_PER_SECOND);
    const current = this.#withdrawals[this.#second % LIFETIME_SECONDS] as number;
    return left + RETRY_COST * Math.max(0, RESERVE_PER_SECOND - current);
  }

  /** Empties the buckets of the seconds that have passed. */
  #turn(now: number): void {
    const second = Math.floor(now / 1000);
    for (let gone = Math.min(LIFETIME_SECONDS, second - this.#second); gone > 0; gone--) {
      this.#deposits[(second - gone + 1) % LIFETIME_SECONDS] = 0;
      this.#withdrawals[(second - gone + 1) % LIFETIME_SECONDS] = 0;
    }
    this.#second = Math.max(this.#second, second);
  }
}
