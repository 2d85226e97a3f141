import type { RateLimit, TokenAsk, TokenGrant } from '../../protocol/tokens.ts';

/**
 * A token bucket from which others draw in batches.
 *
 * The invariant: arrival ≥ tokens given × spacing, and tokens are given only while arrival ≤ now + burst × spacing, so
 * the tokens given since the start never exceed burst + rate × time (the GCRA of ITU-T I.371, batch by batch). Tokens
 * that come back move the arrival back only within their chain: once the bucket has been full, it misses nothing.
 */
export interface TokenBucket {
  limit: RateLimit;
  /** The theoretical arrival time of the GCRA. Each granted token has moved it forward by one spacing. */
  arrival: number;
  /** Changes whenever the bucket was full, because tokens granted before that are no longer missing from it. */
  chain: number;
}

export interface NewBucket {
  readonly limit: RateLimit;
  readonly now: number;
  /** It counts as if it had held one token at this time, because earlier use is unknown; -Infinity: it was full. */
  readonly blankSince: number;
  readonly chain: number;
}

/** The longest time in which the debt of requests that were allowed without asking is paid off. */
const MAX_DEBT_MS = 1000;

export function openBucket({ limit, now, blankSince, chain }: NewBucket): TokenBucket {
  return { limit, arrival: Math.max(now, blankArrival(limit, blankSince)), chain };
}

/** The arrival of a bucket that held one token at this time. */
export const blankArrival = (limit: RateLimit, blankSince: number): number =>
  blankSince + (limit.burst - 1) * spacingMs(limit);

/** Settles a report, and gives the tokens that are wanted and available. `newChain` is called when a chain begins. */
export function drawTokens(bucket: TokenBucket, ask: TokenAsk, now: number, newChain: () => number): TokenGrant {
  if (!isSame(bucket.limit, ask.limit)) {
    adopt(bucket, ask.limit, now);
    bucket.chain = newChain();
  }
  const spacing = spacingMs(bucket.limit);
  const most = latestArrival(bucket.limit, now);
  // An arrival beyond that is from a clock that was set back since.
  bucket.arrival = Math.min(bucket.arrival, most);
  if (ask.returned > 0 && ask.chain === bucket.chain) bucket.arrival -= ask.returned * spacing;
  if (ask.spent > 0) bucket.arrival = Math.min(bucket.arrival + ask.spent * spacing, most);
  const tokens = Math.min(ask.wanted, available(bucket, now));
  if (tokens > 0) {
    if (bucket.arrival < now) {
      bucket.arrival = now;
      bucket.chain = newChain();
    }
    bucket.arrival += tokens * spacing;
  }
  const retryAfterMs = Math.max(0, bucket.arrival + spacing - bucket.limit.burst * spacing - now);
  return { subject: ask.subject, tokens, remaining: available(bucket, now), retryAfterMs, chain: bucket.chain };
}

const spacingMs = ({ requestsPerSecond }: RateLimit): number => 1000 / requestsPerSecond;
const latestArrival = (limit: RateLimit, now: number): number => now + limit.burst * spacingMs(limit) + MAX_DEBT_MS;
const isSame = (left: RateLimit, right: RateLimit): boolean =>
  left.requestsPerSecond === right.requestsPerSecond && left.burst === right.burst;

/** Whole tokens in the bucket; the small addition corrects rounding errors. */
function available({ limit, arrival }: TokenBucket, now: number): number {
  const spacing = spacingMs(limit);
  return Math.max(0, Math.floor((now + limit.burst * spacing - Math.max(arrival, now)) / spacing + 1e-9));
}

/** A new limit keeps the present tokens as far as they fit, so that a change does not grant a new burst. */
function adopt(bucket: TokenBucket, limit: RateLimit, now: number): void {
  const before = spacingMs(bucket.limit);
  const level = bucket.limit.burst - Math.max(0, bucket.arrival - now) / before;
  bucket.arrival = now + (limit.burst - Math.min(Math.max(0, level), limit.burst)) * spacingMs(limit);
  bucket.limit = limit;
}
