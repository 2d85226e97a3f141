import type { Timer } from '../../core/clock.ts';
import type { ReplyHead } from '../../policy/cache/storing.ts';
import type { Underway } from '../http/exchange.ts';
import type { CacheResult } from '../metrics.ts';
import type { Refusal } from '../refusal.ts';
import { clientClosed } from '../http/request-body.ts';
import type { CacheClient, Ending, CacheSink } from './cache-client.ts';
import { type ForwardReason, forwardedStatus } from './cache-status.ts';

/** The source of a subscriber: the chunks that a fetch still has, by their number since the reply began. */
export interface ChunkSource {
  chunkAt(index: number): Buffer | undefined;
  readonly ended: boolean;
  /** A subscriber has taken chunks, and others may be wanted. */
  progressed(): void;
  leave(subscriber: Subscriber): void;
}

/** One client's place in a fetch: how far it has come in the reply, and how it ends. */
export class Subscriber implements Underway {
  readonly client: CacheClient;
  readonly ended: Promise<Refusal | undefined>;
  /** Why its request went on; it may be another for one that came by another way to the same fetch. */
  readonly reason: ForwardReason;
  /** Since when it has waited for its present fetch. */
  joinedAt: number;
  /** The number of the next chunk. */
  position = 0;
  readonly #resolve: (ending: Ending) => void;
  #source: ChunkSource | undefined;
  #sink: CacheSink | undefined;
  #full = false;
  #over = false;
  /** Ends the wait of a client that said how long it waits. */
  timer: Timer | undefined;

  constructor(client: CacheClient, reason: ForwardReason, now: number) {
    this.client = client;
    this.reason = reason;
    this.joinedAt = now;
    const { promise, resolve } = Promise.withResolvers<Refusal | undefined>();
    this.ended = promise;
    this.#resolve = resolve;
    client.x.underway = this;
  }

  /** The client has left. */
  giveUp(refusal: Refusal = clientClosed): void {
    if (this.#over) return;
    this.#source?.leave(this);
    this.end(refusal);
  }

  /** Goes over to another fetch, before anything of a reply has been sent. */
  moveTo(source: ChunkSource): void {
    this.#source = source;
    this.restart();
  }

  /** Forgets what has come: it will come again from the start. */
  restart(): void {
    this.#sink = undefined;
    this.position = 0;
    this.#full = false;
  }

  begin(head: ReplyHead, { isStored, isCollapsed }: { isStored: boolean; isCollapsed: boolean }): void {
    const { x } = this.client;
    const result: CacheResult = isCollapsed ? 'collapsed' : 'miss';
    x.metrics.countCache(result);
    const status = { reason: this.reason, status: head.status, stored: isStored, collapsed: isCollapsed };
    x.cacheStatus = forwardedStatus(status);
    this.timer?.cancel();
    this.#opened().head(head.status, head.headers);
  }

  /** Its client does not read at the moment. */
  get isFull(): boolean {
    return this.#full;
  }

  /** Ends a reply that will not be whole. */
  cut(failure: string | undefined): void {
    const { x } = this.client;
    x.failure = failure;
    x.cutReply();
    this.end(undefined);
  }

  get isSatisfied(): boolean {
    return this.#opened().isSatisfied;
  }

  /** Takes as many chunks as its client reads, and ends when there will be no more. */
  pump(): void {
    const source = this.#source;
    if (source === undefined) return;
    const sink = this.#opened();
    let chunk = source.chunkAt(this.position);
    while (chunk !== undefined && !this.#full && !this.#over) {
      this.position++;
      this.#full = !sink.data(chunk, () => this.#resume());
      chunk = source.chunkAt(this.position);
    }
    if (chunk !== undefined || this.#over || !source.ended) return;
    sink.end();
    source.leave(this);
    this.end(this.client.finish(sink));
  }

  /** Settles what the request path waits for. */
  end(ending: Ending): void {
    if (this.#over) return;
    this.#over = true;
    this.timer?.cancel();
    const { x } = this.client;
    if (x.underway === this) x.underway = undefined;
    this.#resolve(ending);
  }

  /** Where the reply goes; made when the first of it comes, and anew after each restart. */
  #opened(): CacheSink {
    return (this.#sink ??= this.client.openSink());
  }

  #resume(): void {
    this.#full = false;
    this.pump();
    this.#source?.progressed();
  }
}
