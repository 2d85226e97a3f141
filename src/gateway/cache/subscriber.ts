import type { Timer } from '../../core/clock.ts';
import type { ReplyHead } from '../../policy/cache/storing.ts';
import { refusalFor } from '../upstream/waiter.ts';
import type { Cancellable, Cancellation } from '../upstream/cancellable.ts';
import type { CacheClient, CacheSink, Ending } from './cache-client.ts';
import { type ForwardReason, forwardedStatus } from './cache-status.ts';
import type { Entry } from './entry.ts';

/** A stored reply answers the request. */
export interface StoredReply {
  readonly kind: 'stored';
  readonly entry: Entry;
  /** `revalidated`: a backend has confirmed it; `stale`: it is served in place of an error. */
  readonly result: 'revalidated' | 'stale';
  /** The status of the backend's reply; undefined if there was none. */
  readonly status: number | undefined;
}

/** The reply is not for this request, which may join another fetch (`mayShare`) or needs a fetch of its own. */
export interface Released {
  readonly kind: 'released';
  readonly mayShare: boolean;
}

/** The reply has gone through the client's sink, or the request is refused. */
export interface Ended {
  readonly kind: 'ended';
  readonly ending: Ending;
}

/** The result of a fetch for one of the requests that share it. */
export type FetchResult = StoredReply | Released | Ended;

/** The part of a fetch that a subscriber uses. */
export interface SubscribedFetch {
  leave(subscriber: Subscriber): void;
  /** A client whose sink was full has read. */
  drained(): void;
}

/** One request that shares a fetch, its own or another's, until it has a result. */
export class Subscriber implements Cancellable {
  readonly client: CacheClient;
  /** Why its request was forwarded; subscribers of one fetch may have different reasons. */
  readonly reason: ForwardReason;
  /** Since when it has waited for its present fetch. */
  joinedAt: number;
  /** Ends the wait of a client that set a deadline. */
  timer: Timer | undefined;
  /** The client's sink is full: it accepts further chunks, but wants the backend to pause. */
  isFull = false;
  /** The result of its look-up in the shared cache. */
  shared: 'found' | 'absent' | undefined;
  #sink: CacheSink | undefined;
  #fetch: SubscribedFetch | undefined;
  #result: Promise<FetchResult> | undefined;
  #resolve: ((result: FetchResult) => void) | undefined;

  constructor(client: CacheClient, reason: ForwardReason, now: number) {
    this.client = client;
    this.reason = reason;
    this.joinedAt = now;
  }

  /** Resolves with the result of the present fetch. */
  get result(): Promise<FetchResult> {
    if (this.#result === undefined) throw new Error('The subscriber waits for no fetch');
    return this.#result;
  }

  subscribeTo(fetch: SubscribedFetch): void {
    this.#fetch = fetch;
    const { promise, resolve } = Promise.withResolvers<FetchResult>();
    this.#result = promise;
    this.#resolve = resolve;
    this.client.x.underway = this;
  }

  begin(head: ReplyHead, { isStored, isCollapsed }: { isStored: boolean; isCollapsed: boolean }): void {
    const { x } = this.client;
    x.countCache(isCollapsed ? 'collapsed' : 'miss');
    x.cacheStatus = forwardedStatus({
      reason: this.reason,
      status: head.status,
      stored: isStored,
      collapsed: isCollapsed,
    });
    this.timer?.cancel();
    this.#sink = this.client.openSink();
    this.#sink.head(head.status, head.headers);
  }

  /** The client needs no more bytes. */
  get isSatisfied(): boolean {
    return this.#sink?.isSatisfied === true;
  }

  data(chunk: Buffer): void {
    if (this.#sink?.data(chunk, this.#onDrained) === false) this.isFull = true;
  }

  /** The reply is complete. */
  end(): void {
    const sink = this.#sink;
    if (sink === undefined) return;
    sink.end();
    this.settle({ kind: 'ended', ending: this.client.finish(sink) });
  }

  /** Cuts a reply that cannot be completed. */
  cut(failure: string | undefined): void {
    const { x } = this.client;
    x.failure = failure;
    x.cutReply();
    this.settle({ kind: 'ended', ending: undefined });
  }

  /** The client has left, or its deadline has passed. */
  cancel(reason: Cancellation): void {
    if (this.#resolve === undefined) return;
    this.#fetch?.leave(this);
    this.settle({ kind: 'ended', ending: refusalFor(reason) });
  }

  /** Gives the result to the request; only the first result counts. */
  settle(result: FetchResult): void {
    const resolve = this.#resolve;
    if (resolve === undefined) return;
    this.#resolve = undefined;
    const { x } = this.client;
    if (x.underway === this) x.underway = undefined;
    resolve(result);
  }

  readonly #onDrained = (): void => {
    this.isFull = false;
    this.#fetch?.drained();
  };
}
