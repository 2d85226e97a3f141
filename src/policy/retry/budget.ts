/** Seconds that a request's deposit lasts. */
const LIFETIME_SECONDS = 10;
/** In units of which a request pays in one, and a retry takes out five: a fifth. */
const RETRY_COST = 5;
/** Retries a second that are allowed with no traffic to speak of. */
const RESERVE_PER_SECOND = 10;
/** Of everything, at most: hedges come first, while all is well, and would leave nothing for the moment of failure. */
const HEDGE_SHARE = 0.5;

export type BudgetUse = 'retry' | 'hedge';

/**
 * What retries and hedges together may add to the load: a fifth of the requests of the last ten seconds, and ten a
 * second besides (Finagle `RetryBudget`); hedges half of that at most. Kept in one bucket a second.
 */
export class RetryBudget {
  readonly #deposits = new Float64Array(LIFETIME_SECONDS);
  /** What retries and hedges have taken out. */
  readonly #withdrawals = new Float64Array(LIFETIME_SECONDS);
  /** What of it went to hedges. */
  readonly #hedges = new Float64Array(LIFETIME_SECONDS);
  #second = 0;

  /** A request has come; retries are not requests. */
  deposit(now: number): void {
    this.#turn(now);
    this.#add(this.#deposits);
  }

  /** Whether one more attempt is within the budget; if so, it is taken from it. */
  withdraw(now: number, use: BudgetUse = 'retry'): boolean {
    this.#turn(now);
    if (this.#left(this.#withdrawals, 1) < RETRY_COST) return false;
    if (use === 'hedge') {
      if (this.#left(this.#hedges, HEDGE_SHARE) < RETRY_COST) return false;
      this.#add(this.#hedges);
    }
    this.#add(this.#withdrawals);
    return true;
  }

  /** Retries that could be made at once. */
  balance(now: number): number {
    const second = Math.floor(now / 1000);
    return second - this.#second >= LIFETIME_SECONDS
      ? RESERVE_PER_SECOND
      : Math.max(0, Math.floor(this.#left(this.#withdrawals, 1) / RETRY_COST));
  }

  /** Units that are left of this share of the budget after these withdrawals. */
  #left(withdrawals: Float64Array, share: number): number {
    const reserve = RESERVE_PER_SECOND * share;
    let left = share * this.#deposits.reduce((sum, units) => sum + units, 0);
    for (const attempts of withdrawals) left -= RETRY_COST * Math.max(0, attempts - reserve);
    return left + RETRY_COST * Math.max(0, reserve - (withdrawals[this.#slot] as number));
  }

  get #slot(): number {
    return this.#second % LIFETIME_SECONDS;
  }

  #add(buckets: Float64Array): void {
    buckets[this.#slot] = (buckets[this.#slot] as number) + 1;
  }

  /** Empties the buckets of the seconds that have passed. */
  #turn(now: number): void {
    const second = Math.floor(now / 1000);
    for (let gone = Math.min(LIFETIME_SECONDS, second - this.#second); gone > 0; gone--) {
      const slot = (second - gone + 1) % LIFETIME_SECONDS;
      for (const buckets of [this.#deposits, this.#withdrawals, this.#hedges]) buckets[slot] = 0;
    }
    this.#second = Math.max(this.#second, second);
  }
}
