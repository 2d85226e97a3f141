import type { Logger } from 'pino';
import type { Clock } from '../../core/clock.ts';
import { ageMs, worthOf } from '../../policy/cache/freshness.ts';
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
import { Flight, type FlightDependencies, type FlightEvents } from './flight.ts';
import { Flights } from './flights.ts';
import { BufferBudget } from './flight-buffer.ts';
import { HeaderLines } from './header-lines.ts';
import { matches, ReplyStore, type Slot } from './reply-store.ts';
import { Seat } from './seat.ts';

export interface CacheOptions {
  readonly clock: Clock;
  /** What asks a backend. */
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
export class Cache implements FlightEvents {
  readonly isOn: boolean;
  readonly store: ReplyStore;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #stack: Service;
  readonly #flight: FlightDependencies;
  readonly #flights = new Flights();
  readonly #refreshAfter = new WeakMap<Entry, number>();
  readonly #routes: readonly string[];

  constructor({ clock, stack, log, maxBytes, shares, routes }: CacheOptions) {
    this.isOn = maxBytes > 0;
    this.store = new ReplyStore(maxBytes, shares);
    this.#routes = routes;
    this.#clock = clock;
    this.#log = log;
    this.#stack = stack;
    this.#flight = { clock, stack, budget: new BufferBudget(maxBytes), events: this, lines: new HeaderLines() };
  }

  /** Answers a request out of the cache, or has it answered by a backend. */
  answer(client: CacheClient): Ending {
    const { x, key, demands } = client;
    if (!this.isOn) return this.#goPast(client, 'bypass');
    if (demands.past !== undefined) return this.#goPast(client, demands.past);
    const slot = this.store.find(key, x);
    const now = this.#clock.now();
    const entry = slot?.kind === 'reply' ? slot : undefined;
    const worth = entry === undefined ? 'stale' : worthOf(entry, demands, now);
    if (entry !== undefined && (worth === 'fresh' || worth === 'stale-at-once')) {
      if (worth === 'stale-at-once') this.#refreshBehind(client, entry);
      x.metrics.countCache(now < entry.freshUntil ? 'hit' : 'stale');
      return this.#hit(client, entry, now);
    }
    if (demands.onlyIfCached)
      return new Refusal('not-cached', 'it is not in the cache, and only-if-cached asks for no more');
    const reason = reasonOf(slot, worth);
    // The reply to HEAD has no body to keep.
    if (x.req.method === 'HEAD') return this.#goPast(client, reason);
    const seat = new Seat(client, reason, now);
    if (x.head.deadlineMs !== undefined) {
      const leftMs = x.startedAt + x.head.deadlineMs - now;
      seat.timer = this.#clock.setTimeout(() => seat.giveUp(pastDeadline), Math.max(1, leftMs));
    }
    if (worth === 'demanded' || demands.validate || !mayWait(slot, now)) this.#setOff(seat, undefined, entry);
    else this.#joinOrSetOff(seat, entry);
    return seat.ended;
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
    for (const flight of this.#flights) if (matches(flight.key, target)) flight.outdate();
    return this.store.purge(target);
  }

  #invalidate(text: string): void {
    for (const flight of this.#flights) if (flight.key.text === text) flight.outdate();
    this.store.forget(text);
  }

  /** Gives up what is under way for nobody but the cache. */
  close(): void {
    for (const flight of this.#flights) flight.cancelIfBehind();
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

  closed(flight: Flight): void {
    this.#flights.close(flight);
  }

  ended(flight: Flight): void {
    this.#flights.remove(flight);
  }

  release(seat: Seat, mayShare: boolean): void {
    const { client } = seat;
    seat.joinedAt = this.#clock.now();
    if (!mayShare) this.#setOff(seat, undefined, undefined);
    else {
      const slot = this.store.find(client.key, client.x);
      const entry = slot?.kind === 'reply' ? slot : undefined;
      if (entry !== undefined && worthOf(entry, client.demands, seat.joinedAt) === 'fresh') {
        client.x.metrics.countCache('hit');
        seat.end(this.#hit(client, entry, seat.joinedAt));
      } else this.#joinOrSetOff(seat, entry);
    }
  }

  serve(seat: Seat, entry: Entry, result: 'revalidated' | 'stale', status: number | undefined): void {
    const { x } = seat.client;
    x.metrics.countCache(result);
    const fwd = { reason: seat.reason, ...(status === undefined ? {} : { status }) };
    x.cacheStatus = forwardedStatus(
      result === 'stale' ? { ...fwd, detail: 'stale-if-error' } : { ...fwd, stored: true },
    );
    seat.end(seat.client.deliver(entry, ageSeconds(entry, this.#clock.now())));
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

  #joinOrSetOff(seat: Seat, entry: Entry | undefined): void {
    const joinKey = this.store.joinKey(seat.client.key, seat.client.x);
    const flight = this.#flights.find(joinKey);
    if (flight === undefined || !flight.join(seat)) this.#setOff(seat, joinKey, entry);
  }

  #setOff(seat: Seat, joinKey: string | undefined, entry: Entry | undefined): void {
    const flight = this.#newFlight(seat.client, joinKey, entry);
    seat.moveTo(flight);
    flight.launch(seat);
  }

  #refreshBehind(client: CacheClient, entry: Entry): void {
    if (this.#clock.now() < (this.#refreshAfter.get(entry) ?? 0)) return;
    const joinKey = this.store.joinKey(client.key, client.x);
    if (this.#flights.find(joinKey) !== undefined) return;
    this.#newFlight(client, joinKey, entry).launchBehind();
  }

  #newFlight(client: CacheClient, joinKey: string | undefined, entry: Entry | undefined): Flight {
    const flight = new Flight(this.#flight, client, joinKey, entry);
    this.#flights.add(flight);
    return flight;
  }
}

/** Waiting for one another pays where the reply can be shared: not where it never is, nor where it is never fresh. */
function mayWait(slot: Slot | undefined, now: number): boolean {
  if (slot?.kind === 'pass') return now >= slot.until;
  return slot?.kind !== 'reply' || slot.lifetime.freshMs > slot.lifetime.ageMs;
}

function reasonOf(slot: Slot | undefined, worth: string): ForwardReason {
  if (worth === 'demanded') return 'request';
  if (slot?.kind === 'reply') return 'stale';
  return slot?.kind === 'variants' ? 'vary-miss' : 'uri-miss';
}

const ageSeconds = (entry: Entry, now: number): number => Math.floor(ageMs(entry, now) / 1000);

function selected(vary: readonly string[], x: Exchange): string {
  return selection(vary, x.head.names, (index) => x.req.rawHeaders[index * 2 + 1] as string);
}
