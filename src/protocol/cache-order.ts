/** The replies to remove; every field narrows the selection. */
export interface PurgeTarget {
  readonly endpoint?: string;
  readonly host?: string;
  /** Path and query, or the canonical request of an image: as in the keys of the cache. */
  readonly target?: string;
}

/** Targets that an unsafe request has changed: what any route keeps of them is outdated (RFC 9111 §4.4). */
export interface Invalidation {
  readonly host: string;
  /** Paths with query, as in CacheKey. */
  readonly targets: readonly string[];
  /** The statements of a trusted peer about the request, as in the text of a CacheKey. */
  readonly selection: string;
}

/** Replies that the workers of a host must remove; twice, or in another order, has the same result. */
export type CacheOrder = { readonly purge: PurgeTarget } | { readonly invalidate: Invalidation };

/** The last order that a worker has carried out; orders are numbered anew by each control. */
export interface CachePosition {
  readonly epoch: number;
  readonly number: number;
}

/** A worker's messages to control about its cache. */
export type CacheReport =
  /** The first words on a connection; without a position it is the worker's first one. */
  | { readonly type: 'cache-position'; readonly position?: CachePosition | undefined }
  /** Pass this on to the other workers, and say `invalidated` with this id. */
  | { readonly type: 'invalidate'; readonly id: number; readonly order: CacheOrder }
  /** The orders up to this one are carried out; how many entries went. */
  | { readonly type: 'forgotten'; readonly number: number; readonly entries: number };

/** Control's messages to a worker about its cache. */
export type CacheCommand =
  /** Carry these out, and say `forgotten`. */
  | { readonly type: 'forget'; readonly position: CachePosition; readonly orders: readonly CacheOrder[] }
  /** The other workers have carried it out, or are late. */
  | { readonly type: 'invalidated'; readonly id: number; readonly position: CachePosition };
