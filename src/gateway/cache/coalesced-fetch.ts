import type { Clock } from '../../core/clock.ts';
import { servesOnError } from '../../policy/cache/freshness.ts';
import { joined, type ReplyHead, type Verdict, validates } from '../../policy/cache/storing.ts';
import { Refusal } from '../refusal.ts';
import { replyHeaders } from '../http/reply-sinks.ts';
import { forward } from '../stack.ts';
import type { Service } from '../upstream/layer.ts';
import type { ReplyHeaders, ReplySink } from '../upstream/reply-sink.ts';
import type { CacheClient } from './cache-client.ts';
import { type CacheKey, type Entry, headOf, makeEntry, updatedHead } from './entry.ts';
import { FetchCaller } from './fetch-caller.ts';
import type { BufferBudget } from './fetch-buffer.ts';
import type { HeaderLines } from './header-lines.ts';
import { Subscribers } from './subscribers.ts';
import type { ChunkSource, Subscriber } from './subscriber.ts';

/** The cache, as a coalesced fetch needs it. */
export interface FetchEvents {
  /** Learns from the head of a reply. Returns the slot in which the reply may be stored, if it may be stored. */
  learn(client: CacheClient, verdict: Verdict, status: number): string | undefined;
  /** Whether two requests select the same of replies that vary by these fields. */
  selectSame(vary: readonly string[], left: CacheClient, right: CacheClient): boolean;
  keep(slotKey: string, entry: Entry): void;
  forget(entry: Entry): void;
  /** Nobody may join any more. */
  closed(fetch: CoalescedFetch): void;
  /** The backend has nothing more to say to it. */
  ended(fetch: CoalescedFetch): void;
  /** The reply is not for this one, which may share another (`mayShare`) or goes alone. */
  release(subscriber: Subscriber, mayShare: boolean): void;
  /** A stored reply answers this one: one that a backend has confirmed, or a stale one in place of an error. */
  serve(subscriber: Subscriber, entry: Entry, result: 'revalidated' | 'stale', status: number | undefined): void;
  /** An entry could not be validated behind the requests that it served. */
  refreshFailed(entry: Entry): void;
  bug(error: unknown): void;
}

export interface FetchDependencies {
  readonly clock: Clock;
  readonly stack: Service;
  readonly budget: BufferBudget;
  readonly events: FetchEvents;
  readonly lines: HeaderLines;
}

/**
 * If the leader's request fails before a response, it is sent once more on behalf of the remaining subscribers; a second
 * failure is returned to all of them.
 */
const MAX_LEADERS = 2;
/** A body that nobody gets is read away up to here, to save the connection. */
const MAX_DISCARDED_BYTES = 64 * 1024;

/**
 * One request to a backend on behalf of all who ask for the same at the time. It belongs to no client: any of them may
 * leave, and it goes on while one is left. What is to be kept is read at the pace of the backend, and each client at
 * its own from the buffer; what is not (or no longer, having outgrown its bound) comes no faster than they read.
 */
export class CoalescedFetch implements ReplySink, ChunkSource {
  readonly key: CacheKey;
  /** Under what others find it; undefined for one that nobody may join. */
  readonly joinKey: string | undefined;
  /** Its place among the fetches. */
  slot = -1;
  /** The whole reply is there. */
  ended = false;
  readonly #clock: Clock;
  readonly #stack: Service;
  readonly #events: FetchEvents;
  readonly #lines: HeaderLines;
  readonly #subscribers: Subscribers;
  #stale: Entry | undefined;
  readonly #caller: FetchCaller;
  #leaders = 0;
  #head: ReplyHead | undefined;
  #verdict: Verdict | undefined;
  #slotKey: string | undefined;
  #arrivedAt = 0;
  #isStoring = false;
  #isClosed = false;
  #isInvalidated = false;
  /** Everybody has been answered otherwise: what comes is read away. */
  #isMuted = false;
  #isError = false;
  #discardedBytes = 0;

  /** `stale`: what is to be validated, if anything. */
  constructor(
    { clock, stack, budget, events, lines }: FetchDependencies,
    client: CacheClient,
    joinKey: string | undefined,
    stale: Entry | undefined,
  ) {
    this.key = client.key;
    this.joinKey = joinKey;
    this.#clock = clock;
    this.#stack = stack;
    this.#events = events;
    this.#lines = lines;
    this.#subscribers = new Subscribers(clock, budget, client.maxEntryBytes);
    this.#caller = new FetchCaller(client, this.#subscribers, clock.now());
    this.#stale = stale;
  }

  /** Starts for a client, and for those who join it. */
  start(leader: Subscriber): void {
    this.#caller.lead(leader);
    this.#subscribers.all.add(leader);
    void this.#run();
  }

  /** Starts for the cache alone; no client waits for it. */
  startInBackground(): void {
    this.#caller.isInBackground = true;
    void this.#run();
  }

  /** Takes another client along; false where what has come is not for it. */
  join(subscriber: Subscriber): boolean {
    if (this.#isClosed || (this.#head !== undefined && !this.#isFor(subscriber))) return false;
    this.#subscribers.all.add(subscriber);
    subscriber.moveTo(this);
    if (this.#head !== undefined) {
      this.#begin(subscriber, this.#head);
      subscriber.pump();
    }
    return true;
  }

  /** The reply was invalidated on its way: it is neither stored nor shared. */
  invalidate(): void {
    this.#isInvalidated = true;
    this.#close();
  }

  leave(subscriber: Subscriber): void {
    const { all } = this.#subscribers;
    all.delete(subscriber);
    if (this.#caller.leader === subscriber) this.#caller.leader = undefined;
    const goesOn = this.#caller.isInBackground || (subscriber.isSatisfied && this.#isStoring);
    if (this.ended) this.#tidy();
    else if (all.size === 0 && !goesOn) this.cancel();
    else this.progressed();
  }

  cancel(): void {
    this.#caller.over = true;
    this.#close();
    this.#caller.underway?.giveUp();
  }

  /** Gives it up if it serves nobody but the cache. */
  cancelIfInBackground(): void {
    if (this.#caller.isInBackground && this.#subscribers.all.size === 0) this.cancel();
  }

  chunkAt(index: number): Buffer | undefined {
    return this.#subscribers.chunkAt(index);
  }

  progressed(): void {
    this.#subscribers.progressed();
  }

  informational(status: number, headers: ReplyHeaders): void {
    const fields = replyHeaders(headers, status);
    for (const subscriber of this.#subscribers.all) subscriber.client.x.writeInformational(status, fields);
  }

  head(status: number, headers: ReplyHeaders): void {
    const head = { status, headers };
    this.#arrivedAt = this.#clock.now();
    if (this.#stale !== undefined && this.#isAnsweredByStale(head, this.#stale)) return;
    const verdict = this.#caller.client.judge(head);
    this.#head = head;
    this.#verdict = verdict;
    this.#slotKey = this.#events.learn(this.#caller.client, verdict, status);
    const announcedBytes = Number(joined(headers['content-length']) ?? 0);
    this.#isStoring =
      this.#slotKey !== undefined && !this.#isInvalidated && announcedBytes <= this.#caller.client.maxEntryBytes;
    if (!verdict.share || !this.#isStoring) this.#close();
    for (const subscriber of this.#subscribers.all) {
      if (subscriber === this.#caller.leader || this.#isFor(subscriber)) this.#begin(subscriber, head);
      else this.#release(subscriber, verdict.share);
    }
    if (this.#subscribers.all.size === 0 && !this.#isStoring) this.cancel();
  }

  data(chunk: Buffer, resume: () => void): boolean {
    if (this.#isMuted) return this.#discard(chunk);
    const fits = this.#subscribers.add(chunk);
    if (this.#isStoring && fits && this.#subscribers.heldBytes <= this.#caller.client.maxEntryBytes) return true;
    if (this.#isStoring) {
      this.#isStoring = false;
      this.#close();
      if (this.#subscribers.all.size === 0) this.cancel();
    }
    return this.#subscribers.takeMore(resume);
  }

  end(): void {
    if (this.#isMuted) return;
    this.ended = true;
    if (this.#isStoring && !this.#isInvalidated) this.#keep();
    this.#close();
    this.#subscribers.pump();
    this.#tidy();
  }

  async #run(): Promise<void> {
    this.#leaders++;
    let refusal: Refusal | undefined;
    try {
      refusal = await forward(this.#caller, this.#caller.client.request(this.#stale), this, this.#stack);
    } catch (error) {
      this.#events.bug(error);
      refusal = new Refusal('internal-error', 'the gateway failed; its log has the reason under this request id');
    }
    if (!this.ended && this.#goesOn(refusal)) return;
    this.#close();
    if (!this.ended) this.#subscribers.clear();
    const hasFailed = refusal !== undefined || this.#isError;
    if (this.#caller.isInBackground && hasFailed && this.#stale !== undefined) this.#events.refreshFailed(this.#stale);
    this.#events.ended(this);
  }

  /** Ends or restarts the remaining subscribers when the request has ended; true if another request was started for them. */
  #goesOn(refusal: Refusal | undefined): boolean {
    const { all } = this.#subscribers;
    const leader = this.#caller.leader;
    if (refusal !== undefined) {
      this.#serveOnError(all, undefined);
      if (leader !== undefined && all.has(leader)) this.#fail(leader, refusal);
    }
    // The remaining subscribers have no reply. The one that came last has the most time left, so its request goes out.
    const next = leader !== undefined && all.has(leader) ? leader : [...all].at(-1);
    if (next === undefined) return false;
    if (this.#leaders < MAX_LEADERS && !this.#caller.over) {
      this.#startOver(next);
      return true;
    }
    const ending = refusal ?? new Refusal('upstream-failed', 'the backend gave no reply that can be passed on');
    for (const subscriber of all) this.#fail(subscriber, ending);
    return false;
  }

  #startOver(next: Subscriber): void {
    this.#subscribers.clear();
    this.#head = undefined;
    this.#isStoring = false;
    this.#isMuted = false;
    this.#caller.reset();
    for (const subscriber of this.#subscribers.all) subscriber.restart();
    this.start(next);
  }

  #fail(subscriber: Subscriber, refusal: Refusal): void {
    this.#subscribers.all.delete(subscriber);
    this.#caller.tellTimes(subscriber, this.#clock.now());
    subscriber.client.x.failure = this.#caller.failure;
    subscriber.end(refusal);
  }

  /** A 304, or an error in whose place a stale reply serves: whether it has answered everybody. */
  #isAnsweredByStale(head: ReplyHead, stale: Entry): boolean {
    if (head.status === 304) {
      this.#isMuted = true;
      if (validates(headOf(stale), head)) this.#confirm(stale, head);
      else {
        // It speaks of something that is not here: ask again, for the whole.
        this.#stale = undefined;
        this.#events.forget(stale);
      }
      return true;
    }
    if (head.status < 500) return false;
    this.#isError = true;
    this.#serveOnError(this.#subscribers.all, head.status);
    this.#isMuted = this.#subscribers.all.size === 0;
    return this.#isMuted;
  }

  /** The stored reply, with what the 304 says anew, answers everybody and is fresh again. */
  #confirm(stale: Entry, notModified: ReplyHead): void {
    const head = updatedHead(stale, notModified);
    const verdict = this.#caller.client.judge(head);
    const lifetime = verdict.store ? verdict.lifetime : stale.lifetime;
    const entry = this.#entryOf(head, lifetime, stale.body);
    const slotKey = verdict.store ? this.#events.learn(this.#caller.client, verdict, head.status) : undefined;
    if (slotKey === undefined) this.#events.forget(stale);
    else if (!this.#isInvalidated) this.#events.keep(slotKey, entry);
    this.#close();
    for (const subscriber of this.#subscribers.all) {
      if (subscriber !== this.#caller.leader && !(verdict.share && this.#selects(subscriber, verdict)))
        this.#release(subscriber, verdict.share);
      else this.#serve(subscriber, entry, 'revalidated', 304);
    }
  }

  #serveOnError(all: Iterable<Subscriber>, status: number | undefined): void {
    const stale = this.#stale;
    if (stale === undefined) return;
    for (const subscriber of all) {
      if (servesOnError(stale, subscriber.client.requestCacheControl, this.#clock.now()))
        this.#serve(subscriber, stale, 'stale', status);
    }
  }

  #serve(subscriber: Subscriber, entry: Entry, result: 'revalidated' | 'stale', status: number | undefined): void {
    this.#subscribers.all.delete(subscriber);
    this.#caller.tellTimes(subscriber, this.#clock.now());
    this.#events.serve(subscriber, entry, result, status);
  }

  #begin(subscriber: Subscriber, head: ReplyHead): void {
    this.#caller.tellTimes(subscriber, this.#arrivedAt);
    subscriber.begin(head, { isStored: this.#isStoring, isCollapsed: subscriber !== this.#caller.leader });
    if (!subscriber.isSatisfied) return;
    this.leave(subscriber);
    subscriber.end(undefined);
  }

  #isFor(subscriber: Subscriber): boolean {
    const verdict = this.#verdict;
    return verdict?.share === true && this.#selects(subscriber, verdict);
  }

  #selects(subscriber: Subscriber, verdict: Verdict): boolean {
    if (!verdict.store || verdict.vary.length === 0) return true;
    return this.#events.selectSame(verdict.vary, this.#caller.client, subscriber.client);
  }

  #release(subscriber: Subscriber, mayShare: boolean): void {
    this.#subscribers.all.delete(subscriber);
    this.#caller.tellTimes(subscriber, this.#arrivedAt);
    this.#events.release(subscriber, mayShare);
  }

  #entryOf(head: ReplyHead, lifetime: Entry['lifetime'], body: Buffer | string): Entry {
    const arrivedAtWallMs = this.#clock.wallNow() - (this.#clock.now() - this.#arrivedAt);
    const arrivedAt = this.#arrivedAt;
    return makeEntry({ key: this.key, head, lifetime, body, arrivedAt, arrivedAtWallMs }, this.#lines);
  }

  #keep(): void {
    if (this.#slotKey === undefined || this.#verdict?.store !== true || this.#head === undefined) return;
    this.#events.keep(this.#slotKey, this.#entryOf(this.#head, this.#verdict.lifetime, this.#subscribers.whole()));
  }

  #discard(chunk: Buffer): boolean {
    this.#discardedBytes += chunk.length;
    if (this.#discardedBytes > MAX_DISCARDED_BYTES) this.cancel();
    return true;
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#events.closed(this);
  }

  #tidy(): void {
    if (this.#subscribers.all.size === 0) this.#subscribers.clear();
  }
}
