/** Seconds that a request's deposit lasts. */
const LIFETIME_SECONDS = 10;
/** Requests that pay for one retry: a fifth. */
const RETRY_COST = 5;
/** Retries a second that a host is allowed with little traffic. */
const HOST_RESERVE_PER_SECOND = 10;
/**
 * The largest share of hedges in the budget. Hedges happen in good times, and would otherwise leave no budget for
 * retries in bad ones.
 */
const HEDGE_SHARE = 0.5;

export type BudgetUse = 'retry' | 'hedge';

/**
 * Bounds the load that retries and hedges together may add: a fifth of the requests of the last ten seconds, or ten a
 * second if that is more; hedges may take half of that. It keeps one bucket for each second. After Finagle's
 * `RetryBudget`, which adds the two, so that 200 requests a second could become 250 and more. The ten a second are for
 * the host, so each worker has a part of them.
 */
export class RetryBudget {
  readonly #reserve: number;
  readonly #deposits = new Float64Array(LIFETIME_SECONDS);
  /** Withdrawals of retries and hedges. */
  readonly #withdrawals = new Float64Array(LIFETIME_SECONDS);
  /** Withdrawals of hedges alone. */
  readonly #hedges = new Float64Array(LIFETIME_SECONDS);
  #second = 0;

  /** `workers`: how many share the budget of a host. */
  constructor(workers = 1) {
    this.#reserve = HOST_RESERVE_PER_SECOND / workers;
  }

  /** A request has come; retries are not requests. */
  deposit(now: number): void {
    this.#turn(now);
    this.#add(this.#deposits);
  }

  /** Takes one attempt from the budget; false if the budget is used up. */
  withdraw(now: number, use: BudgetUse = 'retry'): boolean {
    this.#turn(now);
    if (this.#left(this.#withdrawals, 1) < 1) return false;
    if (use === 'hedge') {
      if (this.#left(this.#hedges, HEDGE_SHARE) < 1) return false;
      this.#add(this.#hedges);
    }
    this.#add(this.#withdrawals);
    return true;
  }

  /** Retries that could be made at once. */
  balance(now: number): number {
    const second = Math.floor(now / 1000);
    return second - this.#second >= LIFETIME_SECONDS
      ? Math.floor(this.#perSecond(1))
      : Math.max(0, Math.floor(this.#left(this.#withdrawals, 1)));
  }

  /** The remaining retries in this share of the budget. */
  #left(withdrawals: Float64Array, share: number): number {
    const taken = withdrawals.reduce((sum, count) => sum + count, 0);
    const deposits = this.#deposits.reduce((sum, count) => sum + count, 0);
    const ofTraffic = (share * deposits) / RETRY_COST - taken;
    const ofSecond = this.#perSecond(share) - (withdrawals[this.#slot] as number);
    const ofReserve = share * this.#reserve * LIFETIME_SECONDS - taken;
    return Math.max(ofTraffic, Math.min(ofSecond, ofReserve));
  }

  /** At least one, however many workers there are. */
  #perSecond(share: number): number {
    return Math.max(1, share * this.#reserve);
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
