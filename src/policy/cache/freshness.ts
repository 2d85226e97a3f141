import { anything, type Demands } from './demands.ts';

/** For how long a reply serves, in milliseconds from when it arrived. */
export interface Lifetime {
  /** How old it was when it arrived (RFC 9111 §4.2.3). */
  readonly ageMs: number;
  /** Fresh up to this age. */
  readonly freshMs: number;
  /** Beyond that, served at once while it is validated behind the request (RFC 5861 §3). */
  readonly staleWhileRevalidateMs: number;
  /** Beyond that, served where validating fails (RFC 5861 §4). */
  readonly staleIfErrorMs: number;
  /** Whether it must never be served stale, whatever the client takes. */
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

/** When it turns stale; in the past for what never was fresh. */
export function freshUntil({ lifetime, arrivedAt }: Aging): number {
  return arrivedAt + lifetime.freshMs - lifetime.ageMs;
}

/**
 * What a stored reply is worth to a request: `fresh`: serve it · `stale-at-once`: serve it, and validate it behind
 * the request · `stale`: validate it first · `demanded`: it is fresh, yet the request wants it validated.
 */
export type Worth = 'fresh' | 'stale-at-once' | 'stale' | 'demanded';

/** RFC 9111 §4 and §5.2.1. */
export function worthOf(reply: Aging, demands: Demands, now: number): Worth {
  const left = freshUntil(reply) - now;
  if (demands === anything && left > 0) return 'fresh';
  const age = ageMs(reply, now);
  const { mustRevalidate, staleWhileRevalidateMs } = reply.lifetime;
  // max-age beyond the reply's own lifetime widens nothing, so fresh and young enough are both needed.
  if (demands.validate || age > demands.maxAgeMs) return left > 0 ? 'demanded' : 'stale';
  if (left > 0) return left >= demands.minFreshMs ? 'fresh' : 'demanded';
  if (mustRevalidate || demands.minFreshMs > 0) return 'stale';
  if (-left < demands.maxStaleMs) return 'fresh';
  return -left < staleWhileRevalidateMs ? 'stale-at-once' : 'stale';
}

/** Whether a stale reply may stand in for an error. */
export function servesOnError(reply: Aging, demands: Demands, now: number): boolean {
  const { mustRevalidate, staleIfErrorMs } = reply.lifetime;
  if (mustRevalidate || demands.validate || ageMs(reply, now) > demands.maxAgeMs) return false;
  return now - freshUntil(reply) < staleIfErrorMs;
}
