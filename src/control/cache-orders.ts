import type { Clock, Timer } from '../core/clock.ts';
import { WorkerTrust } from '../policy/fleet/worker-trust.ts';
import type { CacheOrder, CachePosition, OrderNews, PurgeTarget } from '../protocol/cache-order.ts';
import { OrderLog } from './order-log.ts';
import type { ControlMessage, MemberMessage } from '../protocol/messages.ts';
import type { NewsPosition } from '../protocol/news-position.ts';

/** How long a worker may take to confirm a purge, and an invalidation, for which a reply waits. */
const PURGE_LIMIT_MS = 2000;
const INVALIDATION_LIMIT_MS = 100;

/** The result of a purge. */
export interface PurgeResult {
  /** Workers that were told. */
  readonly workers: number;
  /** The workers that have carried it out. */
  readonly purged: number;
  /** Entries that went, all workers together. */
  readonly entries: number;
}

interface Running<Worker> {
  readonly awaited: Set<Worker>;
  readonly workers: number;
  readonly timer: Timer;
  readonly finished: (result: PurgeResult, number: number) => void;
  purged: number;
  entries: number;
}

export interface CacheOrdersOptions<Worker> {
  readonly clock: Clock;
  /** Tells this control from those before it. */
  readonly epoch: number;
  readonly tell: (worker: Worker, message: ControlMessage) => void;
  /** Undefined on a host without a fleet. */
  readonly fleet?: FleetOrders | undefined;
}

/** Lets a host of a fleet acknowledge a purge when it has an effect at each of its workers. */
interface FleetOrders {
  /** The orders of the previous control that this control goes on from; a worker that has missed some of them forgets everything. */
  readonly resumed: CachePosition | undefined;
  /** The news that the workers had carried out by then. */
  readonly resumedNews: NewsPosition | undefined;
  /** A worker has carried out orders. */
  readonly onDone: () => void;
}

/**
 * Orders to remove stored replies: purges, and invalidations after unsafe requests. Each order has a number, so
 * that a worker that was away gets what it has missed.
 */
export class CacheOrders<Worker> {
  readonly #options: CacheOrdersOptions<Worker>;
  readonly #log = new OrderLog();
  readonly #present = new Set<Worker>();
  readonly #running = new Map<number, Running<Worker>>();
  /** Workers that have not answered in time: replies do not wait for them until they answer. */
  readonly #late = new Set<Worker>();
  /** Where the workers stood with the control before this one. */
  #before: CachePosition | undefined;
  readonly #trust = new WorkerTrust<Worker>();
  #trustedUntil = Number.NEGATIVE_INFINITY;
  /** The news for which all workers were sent orders. */
  #news: NewsPosition | undefined;

  constructor(options: CacheOrdersOptions<Worker>) {
    this.#options = options;
  }

  /** Resolves when each worker has said that it is done, has gone, or is late. */
  purge(target: PurgeTarget, news?: OrderNews): Promise<PurgeResult> {
    return new Promise((resolve) => {
      const to = [...this.#present];
      const order = { purge: target, ...(news && { news }) };
      this.#give(order, { to, awaited: new Set(to), limitMs: PURGE_LIMIT_MS, finished: resolve });
    });
  }

  /** Has every worker carry out an order; nobody waits for it. */
  spread(order: CacheOrder): void {
    this.#give(order, { to: [...this.#present], awaited: new Set(), limitMs: 0, finished: () => {} });
  }

  /** The number of the last order. */
  get last(): number {
    return this.#log.last;
  }

  /** The last order, of those up to `last`, that has an effect at every worker. Times are those of `extendTrust`. */
  appliedAt(now: number): number {
    return this.#trust.appliedAt(now, this.#log.last);
  }

  /** Removes nothing. Workers that have carried it out have dealt with every message before it. */
  barrier(): void {
    this.spread({ invalidate: { host: '', targets: [], selection: '' } });
  }

  /**
   * Lets all workers use what they have stored until then, and the orders up to now, which are those of all news up to `news`, remove
   * the rest. In milliseconds of the machine's clock.
   */
  extendTrust(until: number, now: number, news?: NewsPosition): void {
    this.#trustedUntil = until;
    this.#news = news;
    this.#trust.prune(now);
    for (const worker of this.#present) if (!this.#trust.isBehind(worker)) this.#tellTrust(worker);
  }

  #tellTrust(worker: Worker): void {
    if (this.#trustedUntil === Number.NEGATIVE_INFINITY) return;
    this.#options.tell(worker, { type: 'trust', until: this.#trustedUntil, news: this.#news });
    this.#trust.extended(worker, this.#trustedUntil);
  }

  /** Takes what a worker says of its cache; other messages mean nothing here. */
  said(worker: Worker, message: MemberMessage): void {
    if (message.type === 'cache-position') this.#joined(worker, message.position);
    else if (message.type === 'invalidate') this.#passOn(worker, message.id, message.order);
    else if (message.type === 'forgotten') this.#done(worker, message.number, message.entries);
  }

  /** A worker has disconnected. If it reconnects, it still has its stored replies. */
  left(worker: Worker): void {
    this.#present.delete(worker);
    this.#late.delete(worker);
    this.#trust.left(worker);
    for (const [number, running] of this.#running) {
      if (running.awaited.delete(worker) && running.awaited.size === 0) this.#finish(number);
    }
  }

  #joined(worker: Worker, position: CachePosition | undefined): void {
    this.#present.add(worker);
    this.#forget(worker, this.#missed(position) ?? this.#everything());
    this.#tellTrust(worker);
    if (position === undefined || position.epoch === this.#options.epoch) return;
    this.#before ??= position;
    const { epoch, number } = this.#before;
    // The worker has missed orders that are no longer in the log, so it must forget everything.
    if (position.epoch !== epoch || position.number !== number) void this.purge({});
  }

  /** Undefined if the missed orders are no longer known. A worker that connects for the first time has almost nothing stored. */
  #missed(position: CachePosition | undefined): CacheOrder[] | undefined {
    if (position === undefined || !this.#mayResume(position)) return undefined;
    return this.#log.since(position.epoch === this.#options.epoch ? position.number : 0);
  }

  /** Removes everything. What a shared cache holds stays valid as far as the orders that this control knows allow it. */
  #everything(): CacheOrder[] {
    if (this.#options.fleet === undefined) return [{ purge: {} }];
    const known = this.#log.since(0);
    const position = known === undefined ? this.#news : this.#options.fleet.resumedNews;
    return [{ purge: {}, ...(position && { news: { position } }) }, ...(known ?? [])];
  }

  /** The orders of a fleet are not in the log of this control, so a worker must have them from the previous control. */
  #mayResume({ epoch, number }: CachePosition): boolean {
    const { fleet, epoch: own } = this.#options;
    if (fleet === undefined || epoch === own) return true;
    return fleet.resumed?.epoch === epoch && number >= fleet.resumed.number;
  }

  #passOn(asker: Worker, id: number, order: CacheOrder): void {
    const to = [...this.#present].filter((worker) => worker !== asker);
    const awaited = new Set(to.filter((worker) => !this.#late.has(worker)));
    const { epoch, tell } = this.#options;
    const finished = (_result: PurgeResult, number: number): void =>
      tell(asker, { type: 'invalidated', id, position: { epoch, number } });
    this.#give(order, { to, awaited, limitMs: INVALIDATION_LIMIT_MS, finished });
  }

  #give(
    order: CacheOrder,
    options: {
      readonly to: readonly Worker[];
      readonly awaited: Set<Worker>;
      readonly limitMs: number;
      readonly finished: (result: PurgeResult, number: number) => void;
    },
  ): void {
    const { to, awaited, limitMs, finished } = options;
    const number = this.#log.append(order);
    const timer = this.#options.clock.setTimeout(() => this.#expire(number), limitMs);
    this.#running.set(number, { awaited, workers: to.length, timer, finished, purged: 0, entries: 0 });
    for (const worker of to) this.#forget(worker, [order]);
    if (awaited.size === 0) this.#finish(number);
  }

  #forget(worker: Worker, orders: readonly CacheOrder[]): void {
    const { epoch, tell } = this.#options;
    this.#trust.ordered(worker, this.#log.last);
    tell(worker, { type: 'forget', position: { epoch, number: this.#log.last }, orders });
  }

  #done(worker: Worker, number: number, entries: number): void {
    this.#late.delete(worker);
    this.#trust.done(worker, number);
    this.#options.fleet?.onDone();
    const running = this.#running.get(number);
    if (running === undefined || !running.awaited.delete(worker)) return;
    running.purged++;
    running.entries += entries;
    if (running.awaited.size === 0) this.#finish(number);
  }

  #expire(number: number): void {
    for (const worker of this.#running.get(number)?.awaited ?? []) this.#late.add(worker);
    this.#finish(number);
  }

  #finish(number: number): void {
    const running = this.#running.get(number);
    if (running === undefined) return;
    this.#running.delete(number);
    running.timer.cancel();
    const { workers, purged, entries, finished } = running;
    finished({ workers, purged, entries }, number);
  }
}
