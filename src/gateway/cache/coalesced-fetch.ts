import { type Aging, servesOnError } from '../../policy/cache/freshness.ts';
import { type ReplyHead, validates } from '../../policy/cache/storing.ts';
import { Refusal } from '../refusal.ts';
import { replyHeaders } from '../http/reply-sinks.ts';
import { forward } from '../stack.ts';
import type { Service } from '../upstream/layer.ts';
import { ClientGone } from '../upstream/cancellable.ts';
import type { ReplyHeaders, ReplySink } from '../upstream/reply-sink.ts';
import { ArrivingReply, type Keeping } from './arriving-reply.ts';
import type { CacheClient } from './cache-client.ts';
import type { AnyFetch, CoalescedFetches } from './coalesced-fetches.ts';
import { type CacheKey, type Entry, headOf, updatedHead } from './entry.ts';
import { FetchCaller } from './fetch-caller.ts';
import type { SubscribedFetch, Subscriber } from './subscriber.ts';

export interface FetchDependencies extends Keeping {
  readonly stack: Service;
  readonly fetches: CoalescedFetches<AnyFetch>;
  readonly onBug: (error: unknown) => void;
  /** How fresh an entry is for this worker, which may not hear of purges. */
  readonly trusted: (entry: Entry) => Aging;
}

/**
 * If the leader's request fails before a response, it is sent once more on behalf of the remaining subscribers; a second
 * failure is returned to all of them.
 */
const MAX_LEADERS = 2;
/** A body without a recipient is read up to this size, to keep the connection. */
const MAX_DISCARDED_BYTES = 64 * 1024;

/**
 * One request to a backend on behalf of all concurrent requests for a key (singleflight). It belongs to no client: any
 * client may leave, and the fetch continues while one is left. Each subscriber gets the reply while it arrives, in a
 * sink of its own that bounds the unread bytes of a slow client (ADR 70). A reply that is being stored is read at the
 * pace of the backend; any other reply waits for clients whose sinks are full.
 */
export class CoalescedFetch implements ReplySink, SubscribedFetch, AnyFetch {
  readonly key: CacheKey;
  readonly joinKey: string | undefined;
  slot = -1;
  readonly #dependencies: FetchDependencies;
  readonly #caller: FetchCaller;
  #stale: Entry | undefined;
  #leaders = 0;
  #reply: ArrivingReply | undefined;
  /** Asks the backend for more. */
  #resume: (() => void) | undefined;
  #hasEnded = false;
  #isClosed = false;
  #isInvalidated = false;
  /** All subscribers have been answered in another way, so the body is read and dropped. */
  #isMuted = false;
  #isError = false;
  #discardedBytes = 0;

  /** `joinKey`: undefined for a fetch that no request may join. `stale`: the entry to validate, if any. */
  constructor(
    dependencies: FetchDependencies,
    client: CacheClient,
    joinKey: string | undefined,
    stale: Entry | undefined,
  ) {
    this.key = client.key;
    this.joinKey = joinKey;
    this.#dependencies = dependencies;
    this.#caller = new FetchCaller(client, dependencies.clock.now(), dependencies.shared?.marks.position);
    this.#stale = stale;
  }

  /** Starts for a client, and for those that join it. */
  start(leader: Subscriber): void {
    this.#caller.lead(leader);
    leader.subscribeTo(this);
    this.#run().catch(this.#dependencies.onBug);
  }

  /** Starts for the cache alone; no client waits for it. Resolves with whether it succeeded. */
  startInBackground(): Promise<boolean> {
    this.#caller.isInBackground = true;
    return this.#run();
  }

  /** Adds another client; false if the reply is not for it. */
  join(subscriber: Subscriber): boolean {
    const reply = this.#reply;
    if (this.#isClosed || reply?.isFor(subscriber.client) === false) return false;
    this.#caller.subscribers.add(subscriber);
    subscriber.subscribeTo(this);
    if (reply === undefined) return true;
    this.#begin(subscriber, reply);
    // The sink keeps the bytes that its client does not read at once; all sinks share one copy of the bytes.
    for (const chunk of reply.chunks) subscriber.data(chunk);
    return true;
  }

  /** The reply was invalidated while it arrived. It is neither stored nor shared with later requests. */
  invalidate(): void {
    this.#isInvalidated = true;
    this.#close();
  }

  leave(subscriber: Subscriber): void {
    this.#caller.remove(subscriber);
    if (!this.#isWanted) this.cancel();
    else this.drained();
  }

  cancel(): void {
    this.#caller.over = true;
    this.#close();
    this.#caller.underway?.cancel(new ClientGone());
  }

  /** Cancels it if it serves no client. */
  cancelIfInBackground(): void {
    if (this.#caller.isInBackground && this.#caller.subscribers.size === 0) this.cancel();
  }

  informational(status: number, headers: ReplyHeaders): void {
    const fields = replyHeaders(headers, status);
    for (const { client } of this.#caller.subscribers) client.x.writeInformational(status, fields);
  }

  head(status: number, headers: ReplyHeaders): void {
    const { leader, subscribers } = this.#caller;
    const head = { status, headers };
    if (this.#stale !== undefined && this.#isAnsweredByStale(head, this.#stale)) return;
    const reply = new ArrivingReply(this.#dependencies, this.#caller, head);
    this.#reply = reply;
    if (this.#isInvalidated) reply.stopStoring();
    if (!reply.isStoring) this.#close();
    for (const subscriber of subscribers) {
      if (subscriber === leader || reply.isFor(subscriber.client)) this.#begin(subscriber, reply);
      else this.#release(subscriber, reply);
    }
    // A reply that is for none of them is read to its end where the store wants it.
    if (subscribers.size === 0 && reply.isStoring) this.#caller.isInBackground = true;
    if (!this.#isWanted) this.cancel();
  }

  data(chunk: Buffer, resume: () => void): boolean {
    if (this.#isMuted) return this.#discard(chunk);
    const reply = this.#reply as ArrivingReply;
    if (!reply.push(chunk)) this.#outgrow(reply);
    for (const subscriber of this.#caller.subscribers) subscriber.data(chunk);
    if (reply.isStoring || !this.#caller.isHeldBack) return true;
    this.#resume = resume;
    return false;
  }

  drained(): void {
    if (this.#resume === undefined || this.#caller.isHeldBack) return;
    const resume = this.#resume;
    this.#resume = undefined;
    resume();
  }

  end(): void {
    if (this.#isMuted) return;
    this.#hasEnded = true;
    if (this.#isInvalidated) this.#reply?.stopStoring();
    this.#reply?.store();
    this.#close();
    for (const subscriber of this.#caller.subscribers) subscriber.end();
  }

  /** Resolves with whether the fetch succeeded. */
  async #run(): Promise<boolean> {
    let refusal: Refusal | undefined;
    do {
      this.#leaders++;
      refusal = await this.#ask();
    } while (!this.#hasEnded && this.#goesOn(refusal));
    this.#close();
    this.#reply?.stopStoring();
    this.#dependencies.fetches.remove(this);
    return refusal === undefined && !this.#isError && !this.#caller.isCut;
  }

  async #ask(): Promise<Refusal | undefined> {
    const { stack, onBug } = this.#dependencies;
    try {
      return await forward(this.#caller, this.#caller.client.request(this.#stale), this, stack);
    } catch (error) {
      onBug(error);
      return new Refusal('internal-error', 'the gateway failed; its log has the reason under this request id');
    }
  }

  /** Decides after a request without a complete reply: true if another one is sent for the remaining subscribers. */
  #goesOn(refusal: Refusal | undefined): boolean {
    const { leader, subscribers } = this.#caller;
    const now = this.#dependencies.clock.now();
    if (refusal !== undefined) {
      this.#serveOnError(undefined);
      if (leader !== undefined && subscribers.has(leader)) this.#caller.fail(leader, refusal, now);
    }
    // The remaining subscribers have no reply. The last one to join has the most time left, so its request is sent.
    const next = this.#caller.leader ?? [...subscribers].at(-1);
    if (next === undefined) return false;
    if (this.#leaders < MAX_LEADERS && !this.#caller.over) {
      this.#startOver(next);
      return true;
    }
    const ending = refusal ?? new Refusal('upstream-failed', 'the backend gave no reply that can be passed on');
    for (const subscriber of subscribers) this.#caller.fail(subscriber, ending, now);
    return false;
  }

  #startOver(next: Subscriber): void {
    this.#reply?.stopStoring();
    this.#reply = undefined;
    this.#isMuted = false;
    this.#isError = false;
    this.#caller.lead(next);
  }

  #begin(subscriber: Subscriber, reply: ArrivingReply): void {
    this.#caller.tellTimes(subscriber, reply.arrivedAt);
    subscriber.begin(reply.head, { isStored: reply.isStoring, isCollapsed: subscriber !== this.#caller.leader });
    if (!subscriber.isSatisfied) return;
    if (reply.isStoring) this.#caller.isInBackground = true;
    this.#caller.remove(subscriber);
    subscriber.settle({ kind: 'ended', ending: undefined });
  }

  #release(subscriber: Subscriber, { verdict, arrivedAt }: ArrivingReply): void {
    this.#caller.settle(subscriber, { kind: 'released', mayShare: verdict.share }, arrivedAt);
  }

  /** Whether the stale reply has answered all subscribers: after a 304, or in place of an error. */
  #isAnsweredByStale(head: ReplyHead, stale: Entry): boolean {
    if (head.status === 304) {
      this.#isMuted = true;
      if (validates(headOf(stale), head)) this.#confirm(stale, head);
      else {
        // The 304 is about another reply than the stored one, so ask again without conditions.
        this.#stale = undefined;
        this.#dependencies.store.forget(stale.key.text);
      }
      return true;
    }
    if (head.status < 500) return false;
    this.#isError = true;
    this.#serveOnError(head.status);
    this.#isMuted = this.#caller.subscribers.size === 0;
    return this.#isMuted;
  }

  /** The stored reply, with the fields of the 304, answers all subscribers and is fresh again. */
  #confirm(stale: Entry, notModified: ReplyHead): void {
    const { leader, subscribers } = this.#caller;
    const reply = new ArrivingReply(this.#dependencies, this.#caller, updatedHead(stale, notModified));
    if (!reply.isStoring) this.#dependencies.store.forget(stale.key.text);
    const entry = reply.entryWith(stale.body, reply.verdict.store ? reply.verdict.lifetime : stale.lifetime);
    if (!this.#isInvalidated) reply.keep(entry);
    this.#close();
    for (const subscriber of subscribers) {
      if (subscriber !== leader && !reply.isFor(subscriber.client)) this.#release(subscriber, reply);
      else
        this.#caller.settle(subscriber, { kind: 'stored', entry, result: 'revalidated', status: 304 }, reply.arrivedAt);
    }
  }

  #serveOnError(status: number | undefined): void {
    const entry = this.#stale;
    if (entry === undefined) return;
    const now = this.#dependencies.clock.now();
    const aging = this.#dependencies.trusted(entry);
    for (const subscriber of this.#caller.subscribers) {
      if (servesOnError(aging, subscriber.client.requestCacheControl, now))
        this.#caller.settle(subscriber, { kind: 'stored', entry, result: 'stale', status }, now);
    }
  }

  /** The reply is too large to be stored. It continues for the clients that have begun it; no other joins. */
  #outgrow(reply: ArrivingReply): void {
    reply.stopStoring();
    this.#caller.isInBackground = false;
    this.#close();
    if (!this.#isWanted) this.cancel();
  }

  get #isWanted(): boolean {
    return this.#hasEnded || this.#caller.isInBackground || this.#caller.subscribers.size > 0;
  }

  #discard(chunk: Buffer): boolean {
    this.#discardedBytes += chunk.length;
    if (this.#discardedBytes > MAX_DISCARDED_BYTES) this.cancel();
    return true;
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#dependencies.fetches.close(this);
  }
}
