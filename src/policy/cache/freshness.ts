import { anything, type RequestCacheControl } from './request-cache-control.ts';

/** How long a reply may be served, in milliseconds from its arrival. */
export interface Lifetime {
  /** How old it was when it arrived (RFC 9111 §4.2.3). */
  readonly ageMs: number;
  /** Fresh up to this age. */
  readonly freshMs: number;
  /** For this long after that, it is served at once while it is validated in the background (RFC 5861 §3). */
  readonly staleWhileRevalidateMs: number;
  /** For this long after it turned stale, it is served if its validation fails (RFC 5861 §4). */
  readonly staleIfErrorMs: number;
  /** Whether it must never be served stale, even if the client would accept it. */
  readonly mustRevalidate: boolean;
}

/** A lifetime that began at a moment of the monotonic clock. */
export interface Aging {
  readonly lifetime: Lifetime;
  readonly arrivedAt: number;
}

export function ageMs({ lifetime, arrivedAt }: Aging, now: number): number {
  return lifetime.ageMs + Math.max(0, now - arrivedAt);
}

/** When it turns stale; in the past for a reply that was never fresh. */
export function freshUntil({ lifetime, arrivedAt }: Aging): number {
  return arrivedAt + lifetime.freshMs - lifetime.ageMs;
}

/** The same reply, fresh until `until` at the latest, or until its arrival if it arrived later. */
export function freshAtMost({ lifetime, arrivedAt }: Aging, until: number): Aging {
  const freshMs = Math.min(lifetime.freshMs, ageMs({ lifetime, arrivedAt }, until));
  return { arrivedAt, lifetime: { ...lifetime, freshMs } };
}

/**
 * How fresh a stored reply is for a request: `fresh`: serve it · `stale-at-once`: serve it, and validate it in the
 * background · `stale`: validate it first · `demanded`: it is fresh, but the request demands a validation.
 */
export type Freshness = 'fresh' | 'stale-at-once' | 'stale' | 'demanded';

/** RFC 9111 §4 and §5.2.1. */
export function freshnessOf(reply: Aging, requestCacheControl: RequestCacheControl, now: number): Freshness {
  const left = freshUntil(reply) - now;
  if (requestCacheControl === anything && left > 0) return 'fresh';
  const age = ageMs(reply, now);
  const { mustRevalidate, staleWhileRevalidateMs } = reply.lifetime;
  // A max-age beyond the reply's own lifetime does not extend it, so the reply must be both fresh and young enough.
  if (requestCacheControl.validate || age > requestCacheControl.maxAgeMs) return left > 0 ? 'demanded' : 'stale';
  if (left > 0) return left >= requestCacheControl.minFreshMs ? 'fresh' : 'demanded';
  if (mustRevalidate || requestCacheControl.minFreshMs > 0) return 'stale';
  if (-left < requestCacheControl.maxStaleMs) return 'fresh';
  return -left < staleWhileRevalidateMs ? 'stale-at-once' : 'stale';
}

/** Whether a stale reply may stand in for an error. */
export function servesOnError(reply: Aging, requestCacheControl: RequestCacheControl, now: number): boolean {
  const { mustRevalidate, staleIfErrorMs } = reply.lifetime;
  if (mustRevalidate || requestCacheControl.validate || ageMs(reply, now) > requestCacheControl.maxAgeMs) return false;
  return now - freshUntil(reply) < staleIfErrorMs;
}
