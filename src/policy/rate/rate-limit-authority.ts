import type { RateLimit, TokenAsk, TokenGrant } from '../../protocol/tokens.ts';

interface Bucket {
  limit: RateLimit;
  /** The theoretical arrival time of the GCRA. Each granted token has moved it forward by one spacing. */
  arrival: number;
  /** Changes whenever the bucket was full, because tokens granted before that are no longer missing from it. */
  chain: number;
}

const spacingMs = ({ requestsPerSecond }: RateLimit): number => 1000 / requestsPerSecond;
const isSame = (left: RateLimit, right: RateLimit): boolean =>
  left.requestsPerSecond === right.requestsPerSecond && left.burst === right.burst;

/**
 * Control's half of the rate limits: the bucket of each subject, from which workers take tokens in batches.
 *
 * The invariant: arrival ≥ tokens given × spacing, and tokens are given only while arrival ≤ now + burst × spacing, so
 * the tokens given since the start never exceed burst + rate × time (the GCRA of ITU-T I.371, batch by batch). Tokens
 * that come back move the arrival back only within their chain: once the bucket has been full, it misses nothing.
 */
export class RateLimitAuthority {
  readonly #capacity: number;
  /** In order of use, the least recently used first. */
  readonly #buckets = new Map<string, Bucket>();
  /** A new bucket counts as if it had held one token at this time, because earlier use is unknown. */
  #blankSince: number;
  #chains = 0;

  /**
   * `blankSince`: when the buckets of a previous control were lost; -Infinity if there was none, and all buckets are
   * full.
   */
  constructor(capacity: number, blankSince: number) {
    this.#capacity = capacity;
    this.#blankSince = blankSince;
  }

  /** Subjects that have a bucket. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Settles the worker's report, and grants the tokens that are available. */
  answer(ask: TokenAsk, now: number): TokenGrant {
    const bucket = this.#touch(ask, now);
    settle(bucket, ask, now);
    const tokens = Math.min(ask.wanted, available(bucket, now));
    if (tokens > 0) this.#give(bucket, tokens, now);
    const { subject } = ask;
    const spacing = spacingMs(bucket.limit);
    const retryAfterMs = Math.max(0, bucket.arrival + spacing - bucket.limit.burst * spacing - now);
    return { subject, tokens, remaining: available(bucket, now), retryAfterMs, chain: bucket.chain };
  }

  #give(bucket: Bucket, tokens: number, now: number): void {
    if (bucket.arrival < now) {
      bucket.arrival = now;
      bucket.chain = ++this.#chains;
    }
    bucket.arrival += tokens * spacingMs(bucket.limit);
  }

  #touch({ subject, limit }: TokenAsk, now: number): Bucket {
    let bucket = this.#buckets.get(subject);
    if (bucket === undefined) {
      this.#makeRoom(now);
      const arrival = Math.max(now, this.#blankSince + (limit.burst - 1) * spacingMs(limit));
      bucket = { limit, arrival, chain: ++this.#chains };
    } else {
      this.#buckets.delete(subject);
      if (!isSame(bucket.limit, limit)) {
        adopt(bucket, limit, now);
        bucket.chain = ++this.#chains;
      }
    }
    this.#buckets.set(subject, bucket);
    return bucket;
  }

  /** An evicted bucket that was not full could come back full, so from then on all new buckets start nearly empty. */
  #makeRoom(now: number): void {
    if (this.#buckets.size < this.#capacity) return;
    for (const [subject, { arrival }] of this.#buckets) {
      this.#buckets.delete(subject);
      if (arrival > now) this.#blankSince = now;
      return;
    }
  }
}

/** Whole tokens in the bucket; the small addition corrects rounding errors. */
function available({ limit, arrival }: Bucket, now: number): number {
  const spacing = spacingMs(limit);
  return Math.max(0, Math.floor((now + limit.burst * spacing - Math.max(arrival, now)) / spacing + 1e-9));
}

/** The longest time in which the debt of requests that were allowed without asking is paid off. */
const MAX_DEBT_MS = 1000;

function settle(bucket: Bucket, { spent, returned, chain }: TokenAsk, now: number): void {
  const spacing = spacingMs(bucket.limit);
  if (returned > 0 && chain === bucket.chain) bucket.arrival -= returned * spacing;
  if (spent === 0) return;
  const most = Math.max(bucket.arrival, now + bucket.limit.burst * spacing + MAX_DEBT_MS);
  bucket.arrival = Math.min(bucket.arrival + spent * spacing, most);
}

/** A new limit keeps the present tokens as far as they fit, so that a change does not grant a new burst. */
function adopt(bucket: Bucket, limit: RateLimit, now: number): void {
  const before = spacingMs(bucket.limit);
  const level = bucket.limit.burst - Math.max(0, bucket.arrival - now) / before;
  bucket.arrival = now + (limit.burst - Math.min(Math.max(0, level), limit.burst)) * spacingMs(limit);
  bucket.limit = limit;
}
