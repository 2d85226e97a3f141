import type { NewsPosition } from './news-position.ts';

/** The replies to remove; every field but `soft` narrows the selection. */
export interface PurgeTarget {
  readonly endpoint?: string;
  readonly host?: string;
  /** Path and query, or the canonical request of an image: as in the keys of the cache. */
  readonly target?: string;
  /** A name that the replies have in `Cache-Groups`. */
  readonly group?: string;
  /** They become stale and stay, for routes that may serve them stale. */
  readonly soft?: boolean;
}

/** Targets that an unsafe request has changed, whose stored replies are outdated for all routes (RFC 9111 §4.4). */
export interface Invalidation {
  readonly host: string;
  /** Paths with query, as in CacheKey. */
  readonly targets: readonly string[];
  /** The statements of a trusted peer about the request, as in the text of a CacheKey. */
  readonly selection: string;
  /** Groups of this host that have changed (RFC 9875), whatever their targets. */
  readonly groups?: readonly string[] | undefined;
}

/** Replies that the workers of a host must remove. Orders may be repeated or reordered with the same result. */
export type CacheOrder = ({ readonly purge: PurgeTarget } | { readonly invalidate: Invalidation }) & {
  /** Only on a host of a fleet. */
  readonly news?: OrderNews | undefined;
};

/** The news of a fleet that an order is, or will be. The order of the host that issues it comes first, and later the same one with its position. */
export interface OrderNews {
  /** Equal for orders that remove the same replies at the same time. */
  readonly id?: string | undefined;
  /** Replies whose fetch began with less news than this are older than the order. Undefined while it is not known. */
  readonly position?: NewsPosition | undefined;
}

/** The last order that a worker has carried out; orders are numbered anew by each control. */
export interface CachePosition {
  readonly epoch: number;
  readonly number: number;
}

/** A worker's messages to control about its cache. */
export type CacheReport =
  /** The first message on a connection; without a position it is the worker's first connection. */
  | { readonly type: 'cache-position'; readonly position?: CachePosition | undefined }
  /** Asks control to pass this on to the other workers, and to answer `invalidated` with this id. */
  | { readonly type: 'invalidate'; readonly id: number; readonly order: CacheOrder }
  /** The orders up to this one are carried out; the number of removed entries. */
  | { readonly type: 'forgotten'; readonly number: number; readonly entries: number };

/** Control's messages to a worker about its cache. */
export type CacheCommand =
  /** Asks the worker to carry these out, and to answer `forgotten`. */
  | { readonly type: 'forget'; readonly position: CachePosition; readonly orders: readonly CacheOrder[] }
  /** The other workers have carried the order out, or are late. */
  | { readonly type: 'invalidated'; readonly id: number; readonly position: CachePosition };
