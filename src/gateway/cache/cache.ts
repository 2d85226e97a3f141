import type { Clock } from '../../core/clock.ts';
import type { Bugs } from '../../metrics/bugs.ts';
import { ageMs, type Aging, freshAtMost, freshnessOf, freshUntil } from '../../policy/cache/freshness.ts';
import { clientClosed } from '../http/body-refusals.ts';
import { Refusal } from '../refusal.ts';
import { forward } from '../stack.ts';
import type { StoredTrust } from '../stored-trust.ts';
import type { Service } from '../upstream/layer.ts';
import { ClientDeadline } from '../upstream/cancellable.ts';
import type { CacheClient, Ending } from './cache-client.ts';
import { type ForwardReason, forwardedStatus, hitStatus } from './cache-status.ts';
import type { CacheOrder, PurgeTarget } from '../../protocol/cache-order.ts';
import type { NewsPosition } from '../../protocol/news-position.ts';
import { type Entry, keyText } from './entry.ts';
import { CoalescedFetch, type FetchDependencies } from './coalesced-fetch.ts';
import { type AnyFetch, CoalescedFetches } from './coalesced-fetches.ts';
import { HeaderLines } from './header-lines.ts';
import { BufferBudget } from './reply-buffer.ts';
import { matches, ReplyStore, type Slot } from './reply-store.ts';
import type { SharedCache } from './shared-cache.ts';
import { SharedLookUp } from './shared-look-up.ts';
import { type StoredReply, Subscriber } from './subscriber.ts';

export interface CacheOptions {
  readonly clock: Clock;
  /** The layers that ask a backend. */
  readonly stack: Service;
  readonly bugs: Bugs;
  /** 0 switches it off. */
  readonly maxBytes: number;
  readonly routes: CachedRoutes;
  readonly trust: StoredTrust;
  /** Undefined where hosts share no cache. */
  readonly shared?: SharedCache | undefined;
}

/** The routes whose replies are kept. */
export interface CachedRoutes {
  /** By `keyName`. */
  readonly names: readonly string[];
  /** The most bytes that a route may take, by endpoint, where it has a limit of its own. */
  readonly shares: ReadonlyMap<string, number>;
}

/**
 * How long no further refresh is started after one has failed, because the backend is in trouble; the stale entry is
 * served meanwhile.
 */
const REFRESH_PAUSE_MS = 1000;

/** Step 5 of the request path: stored replies, and one request to a backend for concurrent misses of a key. */
export class Cache {
  readonly isOn: boolean;
  readonly store: ReplyStore;
  readonly #clock: Clock;
  readonly #stack: Service;
  readonly #trust: StoredTrust;
  readonly #fetchDependencies: FetchDependencies;
  readonly #fetches = new CoalescedFetches<AnyFetch>();
  readonly #shared: SharedCache | undefined;
  readonly #refreshAfter = new WeakMap<Entry, number>();
  #names: readonly string[];

  constructor({ clock, stack, bugs, maxBytes, routes, trust, shared }: CacheOptions) {
    this.isOn = maxBytes > 0;
    this.store = new ReplyStore(maxBytes, routes.shares);
    this.#names = routes.names;
    this.#clock = clock;
    this.#stack = stack;
    this.#trust = trust;
    this.#shared = maxBytes > 0 ? shared : undefined;
    this.#fetchDependencies = {
      clock,
      stack,
      budget: new BufferBudget(maxBytes),
      store: this.store,
      fetches: this.#fetches,
      lines: new HeaderLines(),
      shared: this.#shared,
      trusted: (entry) => this.#trusted(entry),
      onBug: (error) => bugs.report('cache', error),
    };
  }

  /** Answers a request out of the cache, or has it answered by a backend. */
  answer(client: CacheClient): Ending {
    const { x, key, requestCacheControl } = client;
    if (!this.isOn) return this.#goPast(client, 'bypass');
    if (requestCacheControl.past !== undefined) return this.#goPast(client, requestCacheControl.past);
    const slot = this.store.find(key, x);
    const now = this.#clock.now();
    const entry = slot?.kind === 'reply' ? slot : undefined;
    const freshness = entry === undefined ? 'stale' : freshnessOf(this.#trusted(entry, now), requestCacheControl, now);
    if (entry !== undefined && (freshness === 'fresh' || freshness === 'stale-at-once')) {
      return this.#hit(client, entry, { isRefreshed: freshness === 'stale-at-once', now });
    }
    const mayShare = freshness !== 'demanded' && !requestCacheControl.validate && mayWait(slot, now);
    if (requestCacheControl.onlyIfCached && !(mayShare && this.#looksUp(client))) return notCached();
    const reason = reasonOf(slot, freshness);
    // The reply to HEAD has no body to store.
    if (x.request.method === 'HEAD') return this.#goPast(client, reason);
    const subscriber = new Subscriber(client, reason, now);
    if (x.head.deadlineMs !== undefined) {
      const leftMs = x.startedAt + x.head.deadlineMs - now;
      subscriber.timer = this.#clock.setTimeout(() => subscriber.cancel(new ClientDeadline()), Math.max(1, leftMs));
    }
    return this.#fetchFor(subscriber, entry, mayShare);
  }

  /** Replaces the routes whose replies are kept; the replies of the others stay until they are purged. */
  useRoutes({ names, shares }: CachedRoutes): void {
    this.#names = names;
    this.store.useShares(shares);
  }

  /** Whether hosts share a cache, so that its orders need ids. */
  get isShared(): boolean {
    return this.#shared !== undefined;
  }

  /** This worker has carried out all news up to here. */
  learnNews(news: NewsPosition, askedAt: number): void {
    this.#shared?.marks.learn(news, askedAt);
  }

  /** Whether an unsafe request can make a stored reply outdated. */
  get keepsRoutes(): boolean {
    return this.isOn && this.#names.length > 0;
  }

  /**
   * Removes the replies that an order names, and keeps those in flight from being stored. Returns the number of purged
   * entries.
   */
  carryOut(order: CacheOrder): number {
    const isRepeated = this.#shared?.marks.take(order, this.#clock.now()) === 'repeated';
    if ('purge' in order) return this.#purge(order.purge);
    if (isRepeated) return 0;
    const { host, targets, selection, groups = [] } = order.invalidate;
    // Any route may store replies for the path, because GET may use another route than the unsafe method.
    for (const name of this.#names)
      for (const target of targets) this.#invalidate(keyText(name, host, target, selection));
    for (const group of groups) this.#purge({ host, group });
    return 0;
  }

  #purge(target: PurgeTarget): number {
    // The groups of a reply that has not arrived are not known, so any fetch may be of the group.
    for (const fetch of this.#fetches) if (matches(fetch.key, target)) fetch.invalidate();
    return this.store.purge(target, this.#clock.now());
  }

  #invalidate(text: string): void {
    for (const fetch of this.#fetches) if (fetch.key.text === text) fetch.invalidate();
    this.store.forget(text);
  }

  /** Cancels the fetches that serve no client. */
  close(): void {
    for (const fetch of this.#fetches) fetch.cancelIfInBackground();
    this.#shared?.close();
  }

  /** Forwards the request as if there were no cache. */
  async #goPast(client: CacheClient, reason: ForwardReason): Promise<Refusal | undefined> {
    const { x } = client;
    x.cacheStatus = forwardedStatus({ reason });
    x.countCache(reason === 'uri-miss' || reason === 'vary-miss' || reason === 'stale' ? 'miss' : 'bypass');
    const sink = client.openSink();
    return (await forward(x, client.request(undefined), sink, this.#stack)) ?? client.finish(sink);
  }

  /** An entry that a purge may have removed, if this worker had heard of it, is not fresh. */
  #trusted(entry: Entry, now = this.#clock.now()): Aging {
    return now < this.#trust.until ? entry : freshAtMost(entry, this.#trust.until);
  }

  #hit(client: CacheClient, entry: Entry, { isRefreshed, now, detail }: HitOptions): Ending {
    if (isRefreshed) this.#revalidateInBackground(client, entry);
    const leftMs = freshUntil(this.#trusted(entry, now)) - now;
    client.x.countCache(leftMs > 0 ? 'hit' : 'stale');
    client.x.cacheStatus = hitStatus(Math.ceil(leftMs / 1000), detail);
    return client.deliver(entry, ageSeconds(entry, now));
  }

  /**
   * Waits for the subscriber's own fetch or another's, and for the next one if the reply was not for this subscriber.
   */
  async #fetchFor(
    subscriber: Subscriber,
    stale: Entry | undefined,
    isShareable: boolean,
  ): Promise<Refusal | undefined> {
    const { client } = subscriber;
    let entry = stale;
    let mayShare = isShareable;
    try {
      for (;;) {
        this.#joinOrStart(subscriber, entry, mayShare);
        const result = await subscriber.result;
        if (result.kind === 'ended') return result.ending;
        if (client.x.over) return clientClosed;
        if (result.kind === 'stored') return this.#serve(subscriber, result);
        const now = this.#clock.now();
        subscriber.joinedAt = now;
        ({ mayShare } = result);
        const slot = mayShare ? this.store.find(client.key, client.x) : undefined;
        entry = slot?.kind === 'reply' ? slot : undefined;
        const freshness = entry && freshnessOf(this.#trusted(entry, now), client.requestCacheControl, now);
        if (entry !== undefined && (freshness === 'fresh' || freshness === 'stale-at-once')) {
          const detail = subscriber.shared === 'found' ? 'l2' : undefined;
          return this.#hit(client, entry, { isRefreshed: freshness === 'stale-at-once', now, detail });
        }
        if (client.requestCacheControl.onlyIfCached && subscriber.shared !== undefined) return notCached();
      }
    } finally {
      subscriber.timer?.cancel();
    }
  }

  #joinOrStart(subscriber: Subscriber, entry: Entry | undefined, mayShare: boolean): void {
    const { client } = subscriber;
    const joinKey = mayShare ? this.store.joinKey(client.key, client.x) : undefined;
    const fetch = joinKey === undefined ? undefined : this.#fetches.find(joinKey);
    if (fetch?.join(subscriber) === true) return;
    if (joinKey !== undefined && subscriber.shared === undefined && this.#looksUp(client))
      this.#newLookUp(client, joinKey).start(subscriber);
    else this.#newFetch(client, joinKey, entry).start(subscriber);
  }

  /** Whether the shared cache may have the reply. The reply to HEAD has no body to keep. */
  #looksUp(client: CacheClient): boolean {
    return this.#shared?.serves(client) === true && client.x.request.method !== 'HEAD';
  }

  #serve({ client, reason }: Subscriber, { entry, result, status }: StoredReply): Ending {
    client.x.countCache(result);
    client.x.cacheStatus = forwardedStatus({
      reason,
      ...(status === undefined ? {} : { status }),
      ...(result === 'stale' ? { detail: 'stale-if-error' } : { stored: true }),
    });
    return client.deliver(entry, ageSeconds(entry, this.#clock.now()));
  }

  #revalidateInBackground(client: CacheClient, entry: Entry): void {
    if (this.#clock.now() < (this.#refreshAfter.get(entry) ?? 0)) return;
    const joinKey = this.store.joinKey(client.key, client.x);
    if (this.#fetches.find(joinKey) !== undefined) return;
    this.#refresh(this.#newFetch(client, joinKey, entry), entry).catch(this.#fetchDependencies.onBug);
  }

  async #refresh(fetch: CoalescedFetch, entry: Entry): Promise<void> {
    const hasSucceeded = await fetch.startInBackground();
    if (!hasSucceeded) this.#refreshAfter.set(entry, this.#clock.now() + REFRESH_PAUSE_MS);
  }

  #newLookUp(client: CacheClient, joinKey: string): SharedLookUp {
    const shared = this.#shared as SharedCache;
    const lookUp = new SharedLookUp({ ...this.#fetchDependencies, shared }, client, joinKey);
    this.#fetches.add(lookUp);
    return lookUp;
  }

  #newFetch(client: CacheClient, joinKey: string | undefined, entry: Entry | undefined): CoalescedFetch {
    const fetch = new CoalescedFetch(this.#fetchDependencies, client, joinKey, entry);
    this.#fetches.add(fetch);
    return fetch;
  }
}

interface HitOptions {
  /** The entry is stale, and validated in the background. */
  readonly isRefreshed: boolean;
  readonly now: number;
  /** Where it comes from, if not out of the memory of the worker. */
  readonly detail?: string | undefined;
}

const notCached = (): Refusal =>
  new Refusal('not-cached', 'the reply is not in the cache, and only-if-cached forbids asking a backend');

/** Coalescing is useful only if the reply can be shared and can be fresh. */
function mayWait(slot: Slot | undefined, now: number): boolean {
  if (slot?.kind === 'pass') return now >= slot.until;
  return slot?.kind !== 'reply' || slot.lifetime.freshMs > slot.lifetime.ageMs;
}

function reasonOf(slot: Slot | undefined, freshness: string): ForwardReason {
  if (freshness === 'demanded') return 'request';
  if (slot?.kind === 'reply') return 'stale';
  return slot?.kind === 'variants' ? 'vary-miss' : 'uri-miss';
}

const ageSeconds = (entry: Entry, now: number): number => Math.floor(ageMs(entry, now) / 1000);
