import type { Clock } from '../core/clock.ts';
import { RateLimitAuthority } from '../policy/rate/rate-limit-authority.ts';
import type { TokenAsk, TokenGrant } from '../protocol/tokens.ts';

/** Keys and addresses whose bucket is kept; about 20 MB when it is full. */
const RATE_SUBJECTS = 100_000;
/** The buckets of a control that ended longer ago would be full again. */
const PREDECESSOR_MS = 10 * 60_000;

/** `hosts`: how many hosts share the limits. */
export type TellGrants<Member> = (member: Member, grants: readonly TokenGrant[], hosts?: number) => void;

/** Where the workers of a host get the tokens of all rate limits. */
export interface HostTokens<Member> {
  /** Settles every ask; those that want tokens are answered, now or soon. */
  said(member: Member, asks: readonly TokenAsk[]): void;
  joined(member: Member): void;
  left(member: Member): void;
  /** For people. */
  status(): Record<string, unknown>;
  close(): Promise<void>;
}

interface RateTokensOptions<Member> {
  readonly clock: Clock;
  /** When the previous control was last seen, in milliseconds since the epoch; its buckets are lost. */
  readonly predecessorMs: number | undefined;
  readonly tell: TellGrants<Member>;
}

/** The tokens of all rate limits of a host by itself: its buckets are here. */
export class RateTokens<Member> implements HostTokens<Member> {
  readonly #clock: Clock;
  readonly #authority: RateLimitAuthority;
  readonly #tell: TellGrants<Member>;

  constructor({ clock, predecessorMs, tell }: RateTokensOptions<Member>) {
    this.#clock = clock;
    this.#tell = tell;
    // The lost buckets may have been empty.
    const hadPredecessor = clock.wallNow() - (predecessorMs ?? 0) < PREDECESSOR_MS;
    this.#authority = new RateLimitAuthority(RATE_SUBJECTS, hadPredecessor ? clock.now() : Number.NEGATIVE_INFINITY);
  }

  said(member: Member, asks: readonly TokenAsk[]): void {
    const now = this.#clock.now();
    const answers = asks.map((ask) => ({ wanted: ask.wanted, grant: this.#authority.answer(ask, now) }));
    const grants = answers.filter(({ wanted }) => wanted > 0).map(({ grant }) => grant);
    if (grants.length > 0) this.#tell(member, grants);
  }

  joined(): void {}

  left(): void {}

  status(): Record<string, unknown> {
    return { subjects: this.#authority.size };
  }

  async close(): Promise<void> {}
}
