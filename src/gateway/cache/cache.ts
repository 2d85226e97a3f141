import type { Logger } from 'pino';
import type { Clock } from '../../core/clock.ts';
import { ageMs, freshnessOf } from '../../policy/cache/freshness.ts';
import type { Verdict } from '../../policy/cache/storing.ts';
import { selection } from '../../policy/cache/vary.ts';
import type { Exchange } from '../http/exchange.ts';
import { Refusal } from '../refusal.ts';
import { forward } from '../stack.ts';
import type { Service } from '../upstream/layer.ts';
import { pastDeadline } from '../upstream/admission-queue.ts';
import type { CacheClient, Ending } from './cache-client.ts';
import { type ForwardReason, forwardedStatus, hitStatus } from './cache-status.ts';
import type { CacheOrder, PurgeTarget } from '../../protocol/cache-order.ts';
import { type Entry, keyText } from './entry.ts';
import { CoalescedFetch, type FetchDependencies, type FetchEvents } from './coalesced-fetch.ts';
import { CoalescedFetches } from './coalesced-fetches.ts';
import { BufferBudget } from './fetch-buffer.ts';
import { HeaderLines } from './header-lines.ts';
import { matches, ReplyStore, type Slot } from './reply-store.ts';
import { Subscriber } from './subscriber.ts';

export interface CacheOptions {
  readonly clock: Clock;
  /** The layers that ask a backend. */
  readonly stack: Service;
  readonly log: Logger;
  /** 0 switches it off. */
  readonly maxBytes: number;
  /** The most bytes that a route may take, by endpoint, where it has a limit of its own. */
  readonly shares: ReadonlyMap<string, number>;
  /** The endpoints of proxied routes whose replies are kept. */
  readonly routes: readonly string[];
}

/** How long a key whose replies cannot be shared is asked for without waiting for one another. */
const PASS_MS = 10_000;
/** How long a stale entry is served without another refresh behind it after one has failed: the backend is in trouble. */
const REFRESH_PAUSE_MS = 1000;

/** Step 5 of the request path: stored replies, and one request to a backend for all who miss the same one. */
export class Cache implements FetchEvents {
  readonly isOn: boolean;
  readonly store: ReplyStore;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #stack: Service;
  readonly #fetchDependencies: FetchDependencies;
  readonly #fetches = new CoalescedFetches();
  readonly #refreshAfter = new WeakMap<Entry, number>();
  readonly #routes: readonly string[];

  constructor({ clock, stack, log, maxBytes, shares, routes }: CacheOptions) {
    this.isOn = maxBytes > 0;
    this.store = new ReplyStore(maxBytes, shares);
    this.#routes = routes;
    this.#clock = clock;
    this.#log = log;
    this.#stack = stack;
    this.#fetchDependencies = {
      clock,
      stack,
      budget: new BufferBudget(maxBytes),
      events: this,
      lines: new HeaderLines(),
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
    const freshness = entry === undefined ? 'stale' : freshnessOf(entry, requestCacheControl, now);
    if (entry !== undefined && (freshness === 'fresh' || freshness === 'stale-at-once')) {
      if (freshness === 'stale-at-once') this.#revalidateInBackground(client, entry);
      x.metrics.countCache(now < entry.freshUntil ? 'hit' : 'stale');
      return this.#hit(client, entry, now);
    }
    if (requestCacheControl.onlyIfCached)
      return new Refusal('not-cached', 'it is not in the cache, and only-if-cached asks for no more');
    const reason = reasonOf(slot, freshness);
    // The reply to HEAD has no body to keep.
    if (x.req.method === 'HEAD') return this.#goPast(client, reason);
    const subscriber = new Subscriber(client, reason, now);
    if (x.head.deadlineMs !== undefined) {
      const leftMs = x.startedAt + x.head.deadlineMs - now;
      subscriber.timer = this.#clock.setTimeout(() => subscriber.giveUp(pastDeadline), Math.max(1, leftMs));
    }
    if (freshness === 'demanded' || requestCacheControl.validate || !mayWait(slot, now))
      this.#startFetch(subscriber, undefined, entry);
    else this.#joinOrStart(subscriber, entry);
    return subscriber.ended;
  }

  /** Whether an unsafe request can change what is kept. */
  get keepsRoutes(): boolean {
    return this.isOn && this.#routes.length > 0;
  }

  /** Forgets what an order names, and has nothing of it kept that is on its way. How many entries a purge took. */
  carryOut(order: CacheOrder): number {
    if ('purge' in order) return this.#purge(order.purge);
    const { host, targets, selection } = order.invalidate;
    // Any route may keep what a path serves: GET need not go the way of the unsafe method.
    for (const endpoint of this.#routes)
      for (const target of targets) this.#invalidate(keyText(endpoint, host, target, selection));
    return 0;
  }

  #purge(target: PurgeTarget): number {
    for (const fetch of this.#fetches) if (matches(fetch.key, target)) fetch.invalidate();
    return this.store.purge(target);
  }

  #invalidate(text: string): void {
    for (const fetch of this.#fetches) if (fetch.key.text === text) fetch.invalidate();
    this.store.forget(text);
  }

  /** Gives up what is under way for nobody but the cache. */
  close(): void {
    for (const fetch of this.#fetches) fetch.cancelIfInBackground();
  }

  learn({ key, x }: CacheClient, verdict: Verdict, status: number): string | undefined {
    if (verdict.store) return this.store.placeOf(key, verdict.vary, x);
    // An error says nothing of how the next reply will be.
    if (status < 500 && !verdict.share) this.store.markPass(key, this.#clock.now() + PASS_MS);
    return undefined;
  }

  selectSame(vary: readonly string[], left: CacheClient, right: CacheClient): boolean {
    return selected(vary, left.x) === selected(vary, right.x);
  }

  keep(slotKey: string, entry: Entry): void {
    this.store.keep(slotKey, entry);
  }

  forget(entry: Entry): void {
    this.store.forget(entry.key.text);
  }

  closed(fetch: CoalescedFetch): void {
    this.#fetches.close(fetch);
  }

  ended(fetch: CoalescedFetch): void {
    this.#fetches.remove(fetch);
  }

  release(subscriber: Subscriber, mayShare: boolean): void {
    const { client } = subscriber;
    subscriber.joinedAt = this.#clock.now();
    if (!mayShare) this.#startFetch(subscriber, undefined, undefined);
    else {
      const slot = this.store.find(client.key, client.x);
      const entry = slot?.kind === 'reply' ? slot : undefined;
      if (entry !== undefined && freshnessOf(entry, client.requestCacheControl, subscriber.joinedAt) === 'fresh') {
        client.x.metrics.countCache('hit');
        subscriber.end(this.#hit(client, entry, subscriber.joinedAt));
      } else this.#joinOrStart(subscriber, entry);
    }
  }

  serve(subscriber: Subscriber, entry: Entry, result: 'revalidated' | 'stale', status: number | undefined): void {
    const { x } = subscriber.client;
    x.metrics.countCache(result);
    const fwd = { reason: subscriber.reason, ...(status === undefined ? {} : { status }) };
    x.cacheStatus = forwardedStatus(
      result === 'stale' ? { ...fwd, detail: 'stale-if-error' } : { ...fwd, stored: true },
    );
    subscriber.end(subscriber.client.deliver(entry, ageSeconds(entry, this.#clock.now())));
  }

  refreshFailed(entry: Entry): void {
    this.#refreshAfter.set(entry, this.#clock.now() + REFRESH_PAUSE_MS);
  }

  bug(error: unknown): void {
    this.#log.error({ err: error }, 'a shared request met a bug');
  }

  /** To a backend as if there were no cache. */
  async #goPast(client: CacheClient, reason: ForwardReason): Promise<Refusal | undefined> {
    const { x } = client;
    x.cacheStatus = forwardedStatus({ reason });
    x.metrics.countCache(reason === 'uri-miss' || reason === 'vary-miss' || reason === 'stale' ? 'miss' : 'bypass');
    const sink = client.openSink();
    return (await forward(x, client.request(undefined), sink, this.#stack)) ?? client.finish(sink);
  }

  #hit(client: CacheClient, entry: Entry, now: number): Ending {
    client.x.cacheStatus = hitStatus(Math.ceil((entry.freshUntil - now) / 1000));
    return client.deliver(entry, ageSeconds(entry, now));
  }

  #joinOrStart(subscriber: Subscriber, entry: Entry | undefined): void {
    const joinKey = this.store.joinKey(subscriber.client.key, subscriber.client.x);
    const fetch = this.#fetches.find(joinKey);
    if (fetch === undefined || !fetch.join(subscriber)) this.#startFetch(subscriber, joinKey, entry);
  }

  #startFetch(subscriber: Subscriber, joinKey: string | undefined, entry: Entry | undefined): void {
    const fetch = this.#newFetch(subscriber.client, joinKey, entry);
    subscriber.moveTo(fetch);
    fetch.start(subscriber);
  }

  #revalidateInBackground(client: CacheClient, entry: Entry): void {
    if (this.#clock.now() < (this.#refreshAfter.get(entry) ?? 0)) return;
    const joinKey = this.store.joinKey(client.key, client.x);
    if (this.#fetches.find(joinKey) !== undefined) return;
    this.#newFetch(client, joinKey, entry).startInBackground();
  }

  #newFetch(client: CacheClient, joinKey: string | undefined, entry: Entry | undefined): CoalescedFetch {
    const fetch = new CoalescedFetch(this.#fetchDependencies, client, joinKey, entry);
    this.#fetches.add(fetch);
    return fetch;
  }
}

/** Waiting for one another pays where the reply can be shared: not where it never is, nor where it is never fresh. */
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

function selected(vary: readonly string[], x: Exchange): string {
  return selection(vary, x.head.names, (index) => x.req.rawHeaders[index * 2 + 1] as string);
}
