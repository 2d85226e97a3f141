import type { Priority } from '../../policy/admission/priority.ts';
import type { NewsPosition } from '../../protocol/news-position.ts';
import type { Refusal } from '../refusal.ts';
import type { Cancellable } from '../upstream/cancellable.ts';
import { CallRecord } from '../upstream/call-record.ts';
import type { CallTrace } from '../upstream/call-trace.ts';
import type { Caller } from '../upstream/upstream-call.ts';
import type { CacheClient } from './cache-client.ts';
import type { FetchResult, Subscriber } from './subscriber.ts';

/** The caller of a coalesced fetch: the client whose request is sent, on behalf of all subscribers. */
export class FetchCaller extends CallRecord implements Caller {
  startedAt: number;
  over = false;
  underway: Cancellable | undefined;
  /** The client whose request is sent; it may have left. */
  client: CacheClient;
  /** The subscriber of that client, as long as it is there. */
  leader: Subscriber | undefined;
  /** All subscribers of the fetch, including the leader. A loop over them may remove some. */
  readonly subscribers = new Set<Subscriber>();
  /** The fetch continues for the cache when no client is left. */
  isInBackground = false;
  /** A reply has begun and cannot be completed. */
  isCut = false;

  /** The news that was known when it began; undefined without a shared cache. */
  readonly fetchedAt: NewsPosition | undefined;

  constructor(client: CacheClient, startedAt: number, fetchedAt: NewsPosition | undefined) {
    super();
    this.fetchedAt = fetchedAt;
    this.client = client;
    this.startedAt = startedAt;
  }

  get id(): string {
    return this.client.x.id;
  }

  get trace(): CallTrace | undefined {
    return this.client.x.trace;
  }

  get fairKey(): string {
    return this.client.x.fairKey;
  }

  get readyAt(): number {
    return this.startedAt;
  }

  /** No client waits for a fetch in the background. */
  get priority(): Priority {
    return this.isInBackground ? 'bulk' : this.client.x.priority;
  }

  get replyBegun(): boolean {
    for (const { client } of this.subscribers) if (client.x.replyBegun) return true;
    return false;
  }

  /** A client has left its sink full. */
  get isHeldBack(): boolean {
    for (const { isFull } of this.subscribers) if (isFull) return true;
    return false;
  }

  cutReply(): void {
    this.isCut = true;
    for (const subscriber of this.subscribers) {
      this.remove(subscriber);
      subscriber.cut(this.failure);
    }
  }

  /** The request of this subscriber is sent; the times of the previous one no longer count. */
  lead(leader: Subscriber): void {
    this.subscribers.add(leader);
    this.leader = leader;
    this.client = leader.client;
    this.startedAt = leader.client.x.startedAt;
    this.failure = undefined;
    this.queueMs = 0;
    this.permitMs = 0;
    this.execMs = 0;
    this.attempts = 0;
  }

  remove(subscriber: Subscriber): void {
    this.subscribers.delete(subscriber);
    if (this.leader === subscriber) this.leader = undefined;
  }

  /** Gives a subscriber its result. `until`: monotonic milliseconds at which its wait ended. */
  settle(subscriber: Subscriber, result: FetchResult, until: number): void {
    this.tellTimes(subscriber, until);
    this.remove(subscriber);
    subscriber.settle(result);
  }

  fail(subscriber: Subscriber, refusal: Refusal, now: number): void {
    subscriber.client.x.failure = this.failure;
    this.settle(subscriber, { kind: 'ended', ending: refusal }, now);
  }

  /** The leader waits for its own request; the other subscribers wait for the leader. */
  tellTimes(subscriber: Subscriber, until: number): void {
    const { x } = subscriber.client;
    x.upstream = this.upstream;
    x.backend = this.backend;
    if (subscriber === this.leader) {
      x.queueMs = this.queueMs;
      x.permitMs = this.permitMs;
      x.execMs = this.execMs;
      x.execPhase = this.execPhase;
      x.attempts = this.attempts;
    } else x.coalescedMs += Math.max(0, until - subscriber.joinedAt);
    // If this is called again after another attempt, the time does not count twice.
    subscriber.joinedAt = Math.max(subscriber.joinedAt, until);
  }
}
