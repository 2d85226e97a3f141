import type { RequestCacheControl } from '../../policy/cache/request-cache-control.ts';
import type { ReplyHead, Verdict } from '../../policy/cache/storing.ts';
import type { Exchange } from '../exchange.ts';
import type { Refusal } from '../refusal.ts';
import type { ReplySink } from '../upstream/reply-sink.ts';
import type { UpstreamRequest } from '../upstream/upstream-call.ts';
import type { CacheKey, Entry } from './entry.ts';

/** How a request ends: with a refusal, or with the reply that has been made. */
export type Ending = Refusal | undefined | Promise<Refusal | undefined>;

/** Takes a reply as it comes; several clients may take the same one. */
export interface CacheSink extends ReplySink {
  /** The client has all that it wants: a 304 needs no body. */
  readonly isSatisfied: boolean;
}

/** One request before the cache: what it asks for, and what it makes of the reply. */
export interface CacheClient {
  readonly kind: 'cacheable';
  readonly x: Exchange;
  readonly key: CacheKey;
  readonly requestCacheControl: RequestCacheControl;
  /** The largest reply that may be kept. */
  readonly maxEntryBytes: number;
  /** Its request as a backend gets it: one for a whole reply, or for a validation of the stale one. */
  request(stale: Entry | undefined): UpstreamRequest;
  /** Whether the reply to its request may be kept, and shared with those who wait for it too. */
  judge(head: ReplyHead): Verdict;
  /** Where a reply goes that is still coming; called again where the first one failed. */
  openSink(): CacheSink;
  /** Ends a reply that has come through the sink. */
  finish(sink: CacheSink): Ending;
  /** Replies out of the cache. */
  deliver(entry: Entry, ageSeconds: number): Ending;
}
