import { LRUCache } from 'lru-cache';
import type { Clock } from '../../core/clock.ts';
import { gcra, type RateVerdict } from '../../policy/rate/gcra.ts';
import type { RateLimit } from '../../protocol/tokens.ts';

const MAX_NETWORKS = 10_000;

/** Counts what goes wrong by network, against a rate. */
export class Strikes {
  readonly #clock: Clock;
  readonly #limit: RateLimit;
  readonly #arrivals = new LRUCache<string, number>({ max: MAX_NETWORKS });

  constructor(clock: Clock, limit: RateLimit) {
    this.#clock = clock;
    this.#limit = limit;
  }

  /** Whether the rate allows another one; looking spends nothing. */
  look(network: string): Pick<RateVerdict, 'allowed' | 'retryAfterMs'> {
    return this.#verdict(network);
  }

  add(network: string): void {
    this.#arrivals.set(network, this.#verdict(network).next);
  }

  #verdict(network: string): RateVerdict {
    return gcra(this.#arrivals.get(network), this.#clock.now(), this.#limit);
  }
}
