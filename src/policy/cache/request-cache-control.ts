import { parseDirectives, secondsOf } from './directives.ts';

/**
 * The fields of a request that control how the cache may answer it, as received; several lines of a field are joined by
 * commas.
 */
export interface RequestFields {
  readonly cacheControl?: string;
  readonly pragma?: string;
  readonly range?: string;
  readonly ifNoneMatch?: string;
  readonly ifModifiedSince?: string;
  /** If-Match, If-Unmodified-Since or If-Range: about the state at the origin, which no stored reply knows. */
  readonly precondition?: string;
  /**
   * Fields that change the answer of some backends and are not part of a key: X-Original-URL, X-HTTP-Method-Override, …
   */
  readonly override?: string;
}

/** The cache directives of a request (RFC 9111 §5.2.1). */
export interface RequestCacheControl {
  /**
   * The request bypasses the cache: `request` if it asks for that, `bypass` if the cache does not handle such requests.
   */
  readonly past: 'request' | 'bypass' | undefined;
  /** A stored reply must be validated first. */
  readonly validate: boolean;
  readonly onlyIfCached: boolean;
  readonly maxAgeMs: number;
  readonly minFreshMs: number;
  readonly maxStaleMs: number;
}

/** The result for a request without such fields: the same object each time, so that the fast path is a comparison. */
export const anything: RequestCacheControl = {
  past: undefined,
  validate: false,
  onlyIfCached: false,
  maxAgeMs: Number.POSITIVE_INFINITY,
  minFreshMs: 0,
  maxStaleMs: 0,
};

export function requestCacheControlOf(fields: RequestFields): RequestCacheControl {
  if (fields.range !== undefined || fields.precondition !== undefined || fields.override !== undefined) {
    return { ...anything, past: 'bypass' };
  }
  if (fields.cacheControl === undefined && fields.pragma === undefined) return anything;
  const directives = parseDirectives(fields.cacheControl);
  if (directives.has('no-store')) return { ...anything, past: 'request' };
  const maxAge = secondsOf(directives, 'max-age');
  const maxStale = directives.get('max-stale');
  return {
    past: undefined,
    // RFC 9111 §5.4: Pragma counts only without Cache-Control.
    validate:
      directives.has('no-cache') || (fields.cacheControl === undefined && /no-cache/i.test(fields.pragma ?? '')),
    onlyIfCached: directives.has('only-if-cached'),
    maxAgeMs: maxAge === undefined ? Number.POSITIVE_INFINITY : maxAge * 1000,
    minFreshMs: (secondsOf(directives, 'min-fresh') ?? 0) * 1000,
    maxStaleMs: maxStale === true ? Number.POSITIVE_INFINITY : (secondsOf(directives, 'max-stale') ?? 0) * 1000,
  };
}
