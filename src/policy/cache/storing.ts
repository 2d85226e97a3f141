import CachePolicy from 'http-cache-semantics';
import { formatHttpDate, parseHttpDate } from '../../core/http-date.ts';
import { type Directives, parseDirectives, secondsOf } from './directives.ts';
import type { Lifetime } from './freshness.ts';
import { varyNames } from './vary.ts';

/** How the replies of a route are kept, as its configuration says. */
export interface CacheRules {
  /** Of a reply that says nothing of its own. */
  readonly ttlSeconds: number | undefined;
  /** The same for 404, 405, 410, 414 and 501. */
  readonly negativeTtlSeconds: number | undefined;
  readonly staleWhileRevalidateSeconds: number;
  readonly staleIfErrorSeconds: number;
  /** Whether replies to authorised requests may be shared although they do not say so. */
  readonly public: boolean;
}

/** A reply's head: names in lower case, values of several lines joined or as a list, as they came. */
export interface ReplyHead {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/**
 * Whether a reply may be kept, and why not: the reason is for people. `share`: whether it also answers those who asked
 * for the same while it was on its way, which it does only while it is fresh.
 */
export type Verdict =
  | { readonly store: true; readonly share: boolean; readonly lifetime: Lifetime; readonly vary: readonly string[] }
  | { readonly store: false; readonly share: boolean; readonly because: string };

/** The library at one moment: what is asked of it is the state at arrival, and time is this project's own. */
class AtArrival extends CachePolicy {
  now(): number {
    return 0;
  }
}

/** Lasting failures that RFC 9110 §15.1 lets caches keep without being told. */
const negative: ReadonlySet<number> = new Set([404, 405, 410, 414, 501]);
/** The same for what is no failure. 206 is not kept at all. */
const heuristic: ReadonlySet<number> = new Set([200, 203, 204, 300, 301, 308]);
const mayLackBody: ReadonlySet<number> = new Set([204]);

const refuse = (because: string): Verdict => ({ store: false, share: false, because });

/**
 * Whether the reply to a GET may be kept and shared, and for how long (RFC 9111 §3 and §4.2 for a shared cache).
 *
 * `credentials`: the request had Authorization, a key or a cookie. `arrivedAt`: by the wall clock, for a reply
 * without a date. Stricter than the RFC: no heuristic lifetimes; qualified `private` and `no-cache` count as whole; no
 * Set-Cookie without `public`; nothing whose end cannot be told from a connection that broke.
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
  const headers = {
    'cache-control': plain(directives),
    date: validDate(field('date'), arrivedAt) ?? formatHttpDate(arrivedAt),
    // A date that is none lies in the past (RFC 9111 §5.3).
    ...present('expires', field('expires') === undefined ? undefined : (validDate(field('expires'), arrivedAt) ?? '0')),
    ...present('pragma', directives.size === 0 ? field('pragma') : undefined),
    ...present('age', field('age')),
  };
  const asked = credentials && !rules.public ? { authorization: 'yes' } : {};
  const options = { shared: true, cacheHeuristic: 0, immutableMinTimeToLive: 0 };
  const policy = new AtArrival({ method: 'GET', headers: asked }, { status, headers }, options);
  if (!policy.storable()) return refuse('RFC 9111 §3 does not allow it');
  const inputs = { status, directives, rules, saysNothing: saysNothing(headers, directives) };
  const lifetime = lifetimeOf(policy, { ...inputs, apparentAgeMs: apparentAgeMs(headers.date, arrivedAt) });
  const hasValidator = field('etag') !== undefined || field('last-modified') !== undefined;
  const { freshMs, staleIfErrorMs, staleWhileRevalidateMs, ageMs } = lifetime;
  const share = freshMs > ageMs;
  if (share || hasValidator || staleIfErrorMs > 0 || staleWhileRevalidateMs > 0) {
    return { store: true, share, lifetime, vary };
  }
  return refuse('it is stale at once, and cannot be validated');
}

/** The text if it is an HTTP-date; the library believes looser forms too. */
function validDate(text: string | undefined, wallNow: number): string | undefined {
  const at = parseHttpDate(text, wallNow);
  return at === undefined ? undefined : formatHttpDate(at);
}

interface LifetimeInputs {
  readonly status: number;
  readonly directives: Directives;
  readonly rules: CacheRules;
  readonly saysNothing: boolean;
  readonly apparentAgeMs: number;
}

/** Date is in whole seconds: a reply that was made a moment ago may bear the second before. */
const DATE_RESOLUTION_MS = 1000;

/** By its date, for what has lain in a cache that says nothing of it (RFC 9111 §4.2.3); 0 for a date that is none. */
function apparentAgeMs(date: string, arrivedAt: number): number {
  return Math.max(0, arrivedAt - DATE_RESOLUTION_MS - (parseHttpDate(date) ?? arrivedAt));
}

function lifetimeOf(policy: CachePolicy, inputs: LifetimeInputs): Lifetime {
  const { status, directives, rules, saysNothing, apparentAgeMs: apparentMs } = inputs;
  const fallback = negative.has(status) ? rules.negativeTtlSeconds : heuristic.has(status) ? rules.ttlSeconds : 0;
  const freshSeconds = saysNothing ? (fallback ?? 0) : policy.maxAge();
  const mustRevalidate = ['must-revalidate', 'proxy-revalidate', 'no-cache'].some((name) => directives.has(name));
  // s-maxage implies proxy-revalidate (RFC 9111 §5.2.2.10), unless the reply itself says how long stale is good.
  const byRoute = mustRevalidate || directives.has('s-maxage') || freshSeconds === 0 ? 0 : 1;
  const window = (name: string, seconds: number): number =>
    mustRevalidate ? 0 : (secondsOf(directives, name) ?? seconds * byRoute) * 1000;
  return {
    ageMs: Math.max(apparentMs, policy.age() * 1000),
    freshMs: Math.max(0, freshSeconds) * 1000,
    staleWhileRevalidateMs: window('stale-while-revalidate', rules.staleWhileRevalidateSeconds),
    staleIfErrorMs: window('stale-if-error', rules.staleIfErrorSeconds),
    mustRevalidate: mustRevalidate || directives.has('s-maxage'),
  };
}

function saysNothing(
  headers: { readonly expires?: string; readonly pragma?: string },
  directives: Directives,
): boolean {
  if (headers.expires !== undefined || /no-cache/i.test(headers.pragma ?? '')) return false;
  return !['max-age', 's-maxage', 'no-cache', 'proxy-revalidate'].some((name) => directives.has(name));
}

/** The directives as the library reads them: it knows lower case only, and takes `no-cache=""` for nothing. */
function plain(directives: Directives): string {
  const texts: string[] = [];
  for (const name of directives.keys()) {
    const seconds = name === 'max-age' || name === 's-maxage' ? secondsOf(directives, name) : undefined;
    texts.push(seconds === undefined ? name : `${name}=${seconds}`);
  }
  return texts.join(', ');
}

function present<Name extends string>(name: Name, value: string | undefined): { readonly [name in Name]?: string } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [name in Name]: string });
}

/** Several lines of a field are one list (RFC 9110 §5.3). */
export function joined(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value;
}

/** Whether a 304 speaks of this stored reply (RFC 9111 §4.3.4), by the library's reading. */
export function validates(stored: ReplyHead, notModified: ReplyHead): boolean {
  const lines = ({ headers }: ReplyHead): Record<string, string> => ({
    ...present('etag', joined(headers['etag'])),
    ...present('last-modified', joined(headers['last-modified'])),
  });
  const request = { method: 'GET', headers: {} };
  const policy = new AtArrival(request, { status: stored.status, headers: lines(stored) }, { shared: true });
  const answer = { status: 304, headers: lines(notModified) };
  // A 304 without any validator speaks of the only reply that was asked about.
  return Object.keys(answer.headers).length === 0 || policy.revalidatedPolicy(request, answer).matches;
}
