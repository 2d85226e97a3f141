/**
 * How long workers may use what they have stored, in milliseconds after the host has asked for news and got all of it. A worker
 * whose trust has ended asks the backend or the database again, so news that it has missed does no harm.
 */
export const TRUST_MS = 5000;

/** Some orders in a row, and how long the worker may still use what these orders remove. */
interface OpenOrders {
  readonly from: number;
  readonly to: number;
  readonly trustedUntil: number;
}

interface Trusted {
  until: number;
  /** Its last order that it has carried out. */
  done: number;
  /** Those after that, oldest first. */
  open: readonly OpenOrders[];
}

/** More orders than this to a worker that hangs are counted as if all of them had come with the last one, which bounds the list. */
const MOST_OPEN = 100;

/**
 * Which orders have an effect at every worker of a host. A worker reads orders and grants of trust in the sequence in which they were
 * sent, so an order that it has not carried out is harmless once the trust from before that order has ended.
 */
export class WorkerTrust<Worker> {
  readonly #workers = new Map<Worker, Trusted>();
  readonly #gone = new Set<Worker>();

  /** The worker was sent the order of this number. */
  ordered(worker: Worker, number: number): void {
    const trusted = this.#of(worker);
    const { until: trustedUntil } = trusted;
    const last = trusted.open.at(-1);
    const isJoined = last !== undefined && (last.trustedUntil === trustedUntil || trusted.open.length >= MOST_OPEN);
    if (isJoined) trusted.open = [...trusted.open.slice(0, -1), { from: last.from, to: number, trustedUntil }];
    else trusted.open = [...trusted.open, { from: number, to: number, trustedUntil }];
  }

  /** The worker has carried out its orders up to this one. */
  done(worker: Worker, number: number): void {
    const trusted = this.#of(worker);
    trusted.done = Math.max(trusted.done, number);
    trusted.open = trusted.open.filter(({ to }) => to > trusted.done);
  }

  /** The worker was told that it may use what it has stored until then. */
  extended(worker: Worker, until: number): void {
    const trusted = this.#of(worker);
    trusted.until = Math.max(trusted.until, until);
  }

  /**
   * Whether the worker still has not carried out orders from before it was trusted last. It may hang, so it is not trusted any
   * longer, or no other host could ever stop waiting for it.
   */
  isBehind(worker: Worker): boolean {
    const trusted = this.#of(worker);
    return trusted.open.some(({ trustedUntil }) => trustedUntil < trusted.until);
  }

  /** The worker has disconnected. It may live on, with the trust that it has. */
  left(worker: Worker): void {
    if (this.#workers.has(worker)) this.#gone.add(worker);
  }

  /** The last order, of those up to `last`, that no worker can contradict any more. */
  appliedAt(now: number, last: number): number {
    let applied = last;
    for (const [worker, { done, open, until }] of this.#workers) {
      const first = open.find((orders) => orders.trustedUntil > now);
      if (first !== undefined) applied = Math.min(applied, Math.max(done, first.from - 1));
      // A worker that has left hears of no further orders.
      else if (this.#gone.has(worker) && until > now) applied = Math.min(applied, open.at(-1)?.to ?? done);
    }
    return applied;
  }

  /** Drops workers that have left and whose trust has ended. */
  prune(now: number): void {
    for (const worker of this.#gone) {
      if ((this.#workers.get(worker)?.until ?? now) > now) continue;
      this.#workers.delete(worker);
      this.#gone.delete(worker);
    }
  }

  #of(worker: Worker): Trusted {
    const known = this.#workers.get(worker);
    if (known !== undefined) return known;
    const added: Trusted = { until: Number.NEGATIVE_INFINITY, done: 0, open: [] };
    this.#workers.set(worker, added);
    return added;
  }
}
