import type { Logger } from 'pino';
import type { CacheOrder, OrderNews, PurgeTarget } from '../protocol/cache-order.ts';
import type { ControlMessage, MemberMessage } from '../protocol/messages.ts';
import { CacheOrders, type PurgeResult } from './cache-orders.ts';
import type { ControlDependencies } from './control-dependencies.ts';
import type { FleetReach, NewsDesk } from './fleet/news-desk.ts';
import { InvalidationPost } from './fleet/invalidation-post.ts';
import { loadProgress } from './fleet/news-file.ts';
import { openNews, progressPath } from './fleet/open-news.ts';

interface HostCachesOptions<Worker> {
  /** Tells this control from those before it. */
  readonly epoch: number;
  readonly workers: () => readonly Worker[];
  readonly tell: (worker: Worker, message: ControlMessage) => void;
  /** The fleet may have another version of the configuration. */
  readonly onConfigNews: () => void;
  /** Replies of this host were removed. */
  readonly onPurge: (target: PurgeTarget) => void;
}

/** A purge on this host, and in a fleet on all hosts. */
export type FleetPurgeResult = PurgeResult & { readonly fleet?: FleetReach | undefined };

/** Removes stored replies and keys from the workers of this host, and in a fleet from those of every host. */
export class HostCaches<Worker> {
  readonly #options: HostCachesOptions<Worker>;
  readonly #log: Logger;
  readonly #orders: CacheOrders<Worker>;
  readonly #post: InvalidationPost;
  readonly #news: NewsDesk | undefined;

  constructor(dependencies: ControlDependencies, options: HostCachesOptions<Worker>) {
    const { clock, bugs, valkey, log } = dependencies;
    this.#log = log;
    const { epoch, tell, onConfigNews } = options;
    this.#options = options;
    const saved = valkey && loadProgress(progressPath(dependencies));
    const fleet = valkey && {
      resumed: saved?.orders,
      resumedNews: saved?.news,
      onDone: () => this.#news?.worked(),
    };
    this.#orders = new CacheOrders({ clock, epoch, tell, fleet });
    const actions = {
      purge: (target: PurgeTarget, news: OrderNews) => void this.#orders.purge(target, news),
      invalidate: (order: CacheOrder) => this.#orders.spread(order),
      forgetKeys: () => this.#forgetKeys(),
      lookAtConfig: onConfigNews,
    };
    this.#news = openNews(dependencies, { orders: this.#orders, epoch, saved, actions });
    this.#post = new InvalidationPost(clock, bugs, (orders) => this.#news?.post('invalidate', orders));
  }

  /** The news of the fleet; undefined without VALKEY_URL. */
  get news(): NewsDesk | undefined {
    return this.#news;
  }

  /** Undefined without VALKEY_URL. */
  status(): ReturnType<NewsDesk['status']> | undefined {
    return this.#news?.status();
  }

  /** Has every worker remove stored replies, in a fleet those of all hosts. */
  async purge(target: PurgeTarget): Promise<FleetPurgeResult> {
    const id = this.#news?.newId();
    const here = this.#orders.purge(target, id === undefined ? undefined : { id });
    const [result, fleet] = await Promise.all([here, this.#news?.tell('purge', target, id)]);
    const all = { ...result, ...(fleet && { fleet }) };
    this.#log.info({ target, ...all }, 'cache purged');
    this.#options.onPurge(target);
    return all;
  }

  /** Has every worker forget what it knows of keys; in a fleet, resolves with who has. */
  async keysChanged(): Promise<FleetReach | undefined> {
    this.#forgetKeys();
    return this.#news?.tell('keys', {});
  }

  /** Takes what a worker says of its cache; other messages mean nothing here. */
  said(worker: Worker, message: MemberMessage): void {
    // In a fleet, a worker that was away may have missed that keys have changed.
    if (message.type === 'cache-position' && this.#news !== undefined)
      this.#options.tell(worker, { type: 'keys-changed' });
    this.#orders.said(worker, message);
    if (message.type === 'invalidate') this.#post.add(message.order);
  }

  /** A worker has disconnected. */
  left(worker: Worker): void {
    this.#orders.left(worker);
  }

  async close(): Promise<void> {
    this.#post.close();
    await this.#news?.close(this.#options.workers().length === 0);
  }

  /** The barrier is an order, so that this host acknowledges the news only when its workers have dealt with both. */
  #forgetKeys(): void {
    for (const worker of this.#options.workers()) this.#options.tell(worker, { type: 'keys-changed' });
    if (this.#news !== undefined) this.#orders.barrier();
  }
}
