import type { Clock } from '../core/clock.ts';
import { RateLimitAuthority } from '../policy/rate/rate-limit-authority.ts';
import type { TokenAsk, TokenGrant } from '../protocol/tokens.ts';

/** Keys and addresses whose bucket is kept; about 20 MB when it is full. */
const RATE_SUBJECTS = 100_000;
/** The buckets of a control that ended longer ago would be full again. */
const PREDECESSOR_MS = 10 * 60_000;

/** The tokens of all rate limits of the host, from which workers get theirs. */
export class RateTokens {
  readonly #clock: Clock;
  readonly #authority: RateLimitAuthority;

  /** `predecessorMs`: when the previous control was last seen, in milliseconds since the epoch; its buckets are lost. */
  constructor(clock: Clock, predecessorMs: number | undefined) {
    this.#clock = clock;
    // The lost buckets may have been empty.
    const hadPredecessor = clock.wallNow() - (predecessorMs ?? 0) < PREDECESSOR_MS;
    this.#authority = new RateLimitAuthority(RATE_SUBJECTS, hadPredecessor ? clock.now() : Number.NEGATIVE_INFINITY);
  }

  /** Subjects that have a bucket. */
  get size(): number {
    return this.#authority.size;
  }

  /** Settles every ask; the grants answer those that want tokens. */
  answer(asks: readonly TokenAsk[]): TokenGrant[] {
    const now = this.#clock.now();
    const answers = asks.map((ask) => ({ wanted: ask.wanted, grant: this.#authority.answer(ask, now) }));
    return answers.filter(({ wanted }) => wanted > 0).map(({ grant }) => grant);
  }
}
