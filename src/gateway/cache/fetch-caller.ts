import type { Priority } from '../../policy/admission/priority.ts';
import type { Underway } from '../http/exchange.ts';
import type { Caller } from '../upstream/upstream-call.ts';
import type { CacheClient } from './cache-client.ts';
import type { Subscriber } from './subscriber.ts';
import type { Subscribers } from './subscribers.ts';

/** For whom a coalesced fetch asks a backend: the client whose request goes out, on behalf of all subscribers. */
export class FetchCaller implements Caller {
  startedAt: number;
  over = false;
  waitMs = 0;
  permitMs = 0;
  execMs = 0;
  execPhase: 'upstream' | 'database' | undefined;
  failure: string | undefined;
  underway: Underway | undefined;
  /** Whose request goes out; it may have left. */
  client: CacheClient;
  /** The subscriber of that client, as long as it is there. */
  leader: Subscriber | undefined;
  isInBackground = false;
  readonly #subscribers: Subscribers;

  constructor(client: CacheClient, subscribers: Subscribers, startedAt: number) {
    this.client = client;
    this.startedAt = startedAt;
    this.#subscribers = subscribers;
  }

  get id(): string {
    return this.client.x.id;
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
    for (const subscriber of this.#subscribers.all) if (subscriber.client.x.replyBegun) return true;
    return false;
  }

  cutReply(): void {
    for (const subscriber of this.#subscribers.all) {
      this.#subscribers.all.delete(subscriber);
      subscriber.cut(this.failure);
    }
  }

  /** The request of this subscriber goes out. */
  lead(leader: Subscriber): void {
    this.leader = leader;
    this.client = leader.client;
    this.startedAt = leader.client.x.startedAt;
  }

  /** Another request will go out: what the one before it took counts no longer. */
  reset(): void {
    this.failure = undefined;
    this.waitMs = 0;
    this.permitMs = 0;
    this.execMs = 0;
  }

  /** The leader waits for its own request; the other subscribers wait for the leader. */
  tellTimes(subscriber: Subscriber, until: number): void {
    const { x } = subscriber.client;
    if (subscriber === this.leader) {
      x.waitMs = this.waitMs;
      x.permitMs = this.permitMs;
      x.execMs = this.execMs;
      x.execPhase = this.execPhase;
    } else x.coalescedMs += Math.max(0, until - subscriber.joinedAt);
    // Told again after another attempt, this time does not count twice.
    subscriber.joinedAt = Math.max(subscriber.joinedAt, until);
  }
}
