import { parseHttpDate } from '../../core/http-date.ts';
import { type Directives, parseDirectives, secondsOf } from './directives.ts';
import type { Lifetime } from './freshness.ts';
import { varyNames } from './vary.ts';

/** How the replies of a route are kept, as its configuration says. */
export interface CacheRules {
  /** The lifetime of a reply that states none. */
  readonly ttlSeconds: number | undefined;
  /** The same for 404, 405, 410, 414 and 501. */
  readonly negativeTtlSeconds: number | undefined;
  readonly staleWhileRevalidateSeconds: number;
  readonly staleIfErrorSeconds: number;
  /** Whether replies to authorised requests may be shared although they do not allow it themselves. */
  readonly public: boolean;
}

/** A reply's head as received: names in lower case, values of several lines joined or as a list. */
export interface ReplyHead {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/**
 * Whether a reply may be stored, and a human-readable reason if not. `share`: whether it also answers concurrent
 * requests for the same key, which it does only if it is fresh.
 */
export type Verdict =
  | { readonly store: true; readonly share: boolean; readonly lifetime: Lifetime; readonly vary: readonly string[] }
  | { readonly store: false; readonly share: boolean; readonly because: string };

/** Lasting failures that caches may store by default (RFC 9110 §15.1). */
const negative: ReadonlySet<number> = new Set([404, 405, 410, 414, 501]);
/** Other statuses that caches may store by default. 206 is never stored. */
const heuristic: ReadonlySet<number> = new Set([200, 203, 204, 300, 301, 308]);
/** Redirections that are stored only if the reply states a lifetime. */
const explicitOnly: ReadonlySet<number> = new Set([302, 303, 307]);
const mayLackBody: ReadonlySet<number> = new Set([204]);

const refuse = (because: string): Verdict => ({ store: false, share: false, because });

/**
 * Whether the reply to a GET may be stored and shared, and for how long (RFC 9111 §3 and §4.2 for a shared cache).
 *
 * `credentials`: the request had Authorization, a key or a cookie. `arrivedAt`: by the wall clock, for a reply without
 * a date. It is stricter than the RFC: no heuristic lifetimes; `private` and `no-cache` with field names count for the
 * whole reply; no Set-Cookie without `public`; no reply whose end looks like a broken connection.
 */
export function judgeReply(reply: ReplyHead, credentials: boolean, rules: CacheRules, arrivedAt: number): Verdict {
  const { status } = reply;
  const field = (name: string): string | undefined => joined(reply.headers[name]);
  const directives = parseDirectives(field('cache-control'));
  const vary = varyNames(field('vary'));
  if (vary === 'never') return refuse('it varies by what is personal, or by everything');
  if (directives.has('private')) return refuse('it is private');
  if (field('set-cookie') !== undefined && !directives.has('public')) return refuse('it sets a cookie');
  if (field('content-range') !== undefined) return refuse('it is a part');
  if (field('content-length') === undefined && field('transfer-encoding') === undefined && !mayLackBody.has(status)) {
    return refuse('its length is not known');
  }
  const expires = field('expires');
  if (!isStorable(status, directives, expires, credentials && !rules.public)) {
    return refuse('RFC 9111 §3 does not allow it');
  }
  const lifetime = lifetimeOf({
    status,
    directives,
    rules,
    expires,
    arrivedAt,
    date: parseHttpDate(field('date'), arrivedAt) ?? arrivedAt,
    age: field('age'),
    pragma: directives.size === 0 ? field('pragma') : undefined,
  });
  const hasValidator = field('etag') !== undefined || field('last-modified') !== undefined;
  const { freshMs, staleIfErrorMs, staleWhileRevalidateMs, ageMs } = lifetime;
  const share = freshMs > ageMs;
  if (share || hasValidator || staleIfErrorMs > 0 || staleWhileRevalidateMs > 0) {
    return { store: true, share, lifetime, vary };
  }
  return refuse('it is stale at once, and cannot be validated');
}

/** Whether a reply of this status may be stored at all. */
export const isStorableStatus = (status: number): boolean =>
  heuristic.has(status) || negative.has(status) || explicitOnly.has(status);

/** Whether RFC 9111 §3 lets a shared cache keep a reply that is not private. `isAuthorised`: to a request with credentials. */
function isStorable(
  status: number,
  directives: Directives,
  expires: string | undefined,
  isAuthorised: boolean,
): boolean {
  if (directives.has('no-store')) return false;
  if (isAuthorised && !['public', 's-maxage', 'must-revalidate'].some((name) => directives.has(name))) return false;
  if (heuristic.has(status) || negative.has(status)) return true;
  const isExplicit = expires !== undefined || ['max-age', 's-maxage', 'public'].some((name) => directives.has(name));
  return explicitOnly.has(status) && isExplicit;
}

interface LifetimeInputs {
  readonly status: number;
  readonly directives: Directives;
  readonly rules: CacheRules;
  readonly expires: string | undefined;
  readonly age: string | undefined;
  readonly pragma: string | undefined;
  /** The reply's Date, or `arrivedAt` if it has none, in milliseconds of the wall clock. */
  readonly date: number;
  readonly arrivedAt: number;
}

/** Date is in whole seconds: a reply that was made a moment ago may bear the second before. */
const DATE_RESOLUTION_MS = 1000;

function lifetimeOf(inputs: LifetimeInputs): Lifetime {
  const { status, directives, rules, date, arrivedAt } = inputs;
  const fallback = negative.has(status) ? rules.negativeTtlSeconds : heuristic.has(status) ? rules.ttlSeconds : 0;
  const freshSeconds = saysNothing(inputs) ? (fallback ?? 0) : explicitSeconds(inputs);
  const mustRevalidate = ['must-revalidate', 'proxy-revalidate', 'no-cache'].some((name) => directives.has(name));
  // s-maxage implies proxy-revalidate (RFC 9111 §5.2.2.10), unless the reply itself says how long it may be served
  // stale.
  const byRoute = mustRevalidate || directives.has('s-maxage') || freshSeconds === 0 ? 0 : 1;
  const window = (name: string, seconds: number): number =>
    mustRevalidate ? 0 : (secondsOf(directives, name) ?? seconds * byRoute) * 1000;
  return {
    // Computed from Date, for a reply from another cache that sends no Age (RFC 9111 §4.2.3).
    ageMs: Math.max(0, arrivedAt - DATE_RESOLUTION_MS - date, seconds(inputs.age) * 1000),
    freshMs: freshSeconds * 1000,
    staleWhileRevalidateMs: window('stale-while-revalidate', rules.staleWhileRevalidateSeconds),
    staleIfErrorMs: window('stale-if-error', rules.staleIfErrorSeconds),
    mustRevalidate: mustRevalidate || directives.has('s-maxage'),
  };
}

/** The freshness that a reply states (RFC 9111 §4.2.1), for a shared cache. Without a lifetime it is never fresh. */
function explicitSeconds({ directives, expires, date, arrivedAt }: LifetimeInputs): number {
  if (directives.has('no-cache') || directives.has('proxy-revalidate')) return 0;
  const stated = secondsOf(directives, 's-maxage') ?? secondsOf(directives, 'max-age');
  if (stated !== undefined) return stated;
  // An invalid date counts as a date in the past (RFC 9111 §5.3).
  const expiresAt = parseHttpDate(expires, arrivedAt) ?? 0;
  return Math.max(0, (expiresAt - date) / 1000);
}

function saysNothing({ expires, pragma, directives }: LifetimeInputs): boolean {
  if (expires !== undefined || /no-cache/i.test(pragma ?? '')) return false;
  return !['max-age', 's-maxage', 'no-cache', 'proxy-revalidate'].some((name) => directives.has(name));
}

/** An Age that is not a number counts as 0. */
const seconds = (age: string | undefined): number => (/^\s*\d+/.test(age ?? '') ? Number.parseInt(age ?? '', 10) : 0);

/** Several lines of a field are one list (RFC 9110 §5.3). */
export function joined(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value;
}

/** Whether a 304 is about this stored reply (RFC 9111 §4.3.4). */
export function validates(stored: ReplyHead, notModified: ReplyHead): boolean {
  const [ours, theirs] = [joined(stored.headers['etag']), joined(notModified.headers['etag'])];
  const [ourDate, theirDate] = [joined(stored.headers['last-modified']), joined(notModified.headers['last-modified'])];
  // A 304 without a validator is about the only reply of the conditional request.
  if (theirs === undefined && theirDate === undefined) return true;
  if (theirs !== undefined && !isWeak(theirs)) return ours !== undefined && opaqueTag(ours) === theirs;
  if (theirs !== undefined && ours !== undefined) return opaqueTag(ours) === opaqueTag(theirs);
  return ourDate !== undefined && ourDate === theirDate;
}

const isWeak = (etag: string): boolean => /^\s*W\//.test(etag);
const opaqueTag = (etag: string): string => etag.replace(/^\s*W\//, '');
