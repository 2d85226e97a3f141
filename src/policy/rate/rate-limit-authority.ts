import type { TokenAsk, TokenGrant } from '../../protocol/tokens.ts';
import { drawTokens, openBucket, type TokenBucket } from './token-bucket.ts';

/** Control's half of the rate limits of a host: the bucket of each subject, from which workers take tokens in batches. */
export class RateLimitAuthority {
  readonly #capacity: number;
  /** In order of use, the least recently used first. */
  readonly #buckets = new Map<string, TokenBucket>();
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
    return drawTokens(this.#touch(ask, now), ask, now, () => ++this.#chains);
  }

  #touch({ subject, limit }: TokenAsk, now: number): TokenBucket {
    let bucket = this.#buckets.get(subject);
    if (bucket === undefined) {
      this.#makeRoom(now);
      bucket = openBucket({ limit, now, blankSince: this.#blankSince, chain: ++this.#chains });
    } else this.#buckets.delete(subject);
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
