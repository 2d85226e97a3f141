import type { RateLimit } from '../../protocol/tokens.ts';

export interface RateVerdict {
  readonly allowed: boolean;
  /** The theoretical arrival time to keep for the next call; unchanged when refused. */
  readonly next: number;
  /** Milliseconds until a request would be allowed; 0 when allowed. */
  readonly retryAfterMs: number;
}

/**
 * The generic cell rate algorithm: a token bucket kept as one number, the theoretical arrival time (ITU-T I.371).
 * `previous` is the number of the last call, undefined for the first; all times in milliseconds of one clock.
 */
export function gcra(previous: number | undefined, now: number, limit: RateLimit): RateVerdict {
  const spacing = 1000 / limit.requestsPerSecond;
  const tolerance = spacing * (limit.burst - 1);
  const arrival = Math.max(previous ?? now, now);
  const early = arrival - tolerance - now;
  if (early > 1e-9) return { allowed: false, next: previous ?? now, retryAfterMs: early };
  return { allowed: true, next: arrival + spacing, retryAfterMs: 0 };
}
