import type { RequestCacheControl } from '../../policy/cache/request-cache-control.ts';
import type { ReplyHead, Verdict } from '../../policy/cache/storing.ts';
import type { Exchange } from '../exchange.ts';
import type { Refusal } from '../refusal.ts';
import type { ReplySink } from '../upstream/reply-sink.ts';
import type { UpstreamRequest } from '../upstream/upstream-call.ts';
import type { CacheKey, Entry } from './entry.ts';

/** How a request ends: with a refusal, or with a reply. */
export type Ending = Refusal | undefined | Promise<Refusal | undefined>;

/** Takes a reply as it comes; several clients may take the same one. */
export interface CacheSink extends ReplySink {
  /** The client needs no more bytes, for example after a 304. */
  readonly isSatisfied: boolean;
}

/** One request to the cache: its key and conditions, and how it uses the reply. */
export interface CacheClient {
  readonly kind: 'cacheable';
  readonly x: Exchange;
  readonly key: CacheKey;
  readonly requestCacheControl: RequestCacheControl;
  /** Equal for routes whose replies hosts may share; undefined if its replies stay in this worker. */
  readonly sharedScope: string | undefined;
  /** The largest reply that may be kept. */
  readonly maxEntryBytes: number;
  /** The request to a backend: for a whole reply, or for a validation of the stale one. */
  request(stale: Entry | undefined): UpstreamRequest;
  /** Whether the reply to its request may be stored, and shared with the requests that wait for it. */
  judge(head: ReplyHead): Verdict;
  /** Makes the sink of an arriving reply; called again if the first attempt failed. */
  openSink(): CacheSink;
  /** Ends a reply that came through the sink. */
  finish(sink: CacheSink): Ending;
  /** Replies out of the cache. */
  deliver(entry: Entry, ageSeconds: number): Ending;
}
