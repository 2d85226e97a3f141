import { LRUCache } from 'lru-cache';
import { gcra, type RateLimit } from '../policy/rate/gcra.ts';
import type { Clock } from '../core/clock.ts';
import type { Exchange } from './exchange.ts';
import { Refusal } from './refusal.ts';

/** Keys whose state is kept; one that falls out starts afresh, which can only favour it. */
const CAPACITY = 100_000;

/**
 * Holds each key to its rate. Every worker enforces an equal share of the limit: exact when connections are spread
 * evenly, stricter than the limit when they are not.
 */
export class RateLimiter {
  readonly #limit: RateLimit | undefined;
  readonly #clock: Clock;
  readonly #arrivals = new LRUCache<string, number>({ max: CAPACITY });

  constructor(limit: RateLimit | undefined, workers: number, clock: Clock) {
    this.#limit = limit && {
      requestsPerSecond: limit.requestsPerSecond / workers,
      burst: Math.max(1, Math.ceil(limit.burst / workers)),
    };
    this.#clock = clock;
  }

  check(x: Exchange): Refusal | undefined {
    if (this.#limit === undefined || x.key === undefined) return undefined;
    const verdict = gcra(this.#arrivals.get(x.key.id), this.#clock.now(), this.#limit);
    if (verdict.allowed) {
      this.#arrivals.set(x.key.id, verdict.next);
      return undefined;
    }
    const seconds = Math.max(1, Math.ceil(verdict.retryAfterMs / 1000));
    const quota = `q=${this.#limit.burst};w=${Math.max(1, Math.round(this.#limit.burst / this.#limit.requestsPerSecond))}`;
    return new Refusal('rate-limited', 'the key has used up its rate', {
      retryAfterSeconds: seconds,
      headers: ['ratelimit', `"key";r=0;t=${seconds}`, 'ratelimit-policy', `"key";${quota}`],
    });
  }
}
