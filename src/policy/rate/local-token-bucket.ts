import { gcra, type RateVerdict } from './gcra.ts';
import { type RateLimit, TOKEN_LIFETIME_MS, type TokenAsk, type TokenGrant } from '../../protocol/tokens.ts';

interface Batch {
  tokens: number;
  readonly until: number;
  readonly chain: number;
}

/** A worker asks for the tokens that it will need in this time, estimated from the demand of an equal time before. */
const HORIZON_MS = 50;
/** It asks for more when it has less than it needs for this time, which is longer than an answer takes. */
const LOW_WATER_MS = 10;
/** An empty bucket of control is not asked more often than this, even if it has a token sooner. */
const MAX_SPACING_MS = 5;

/** Tokens that were taken together. */
export interface TakenTokens {
  readonly tokens: number;
  /** The oldest of their chains: what is returned under it is at most forgotten, and never counted twice. */
  readonly chain: number;
}

/**
 * The lower half of the rate limit of one subject: tokens from above, and a static share of the limit for the time when
 * nobody answers there. Requests with tokens are charged to the share as well, so that the fallback allows no second
 * burst. A worker has its tokens from control, and control of a fleet has its own from Valkey.
 */
export class LocalTokenBucket {
  readonly subject: string;
  #parts: number;
  readonly #maxSpacingMs: number;
  #limit: RateLimit;
  #share: RateLimit;
  #shareArrival: number | undefined;
  #batches: Batch[] = [];
  #askedAt: number | undefined;
  #wanted = 0;
  #refusedUntil = Number.NEGATIVE_INFINITY;
  #remaining = 0;
  #spent = 0;
  #returned = 0;
  #returnedChain = 0;
  /** Requests, refused ones included, decayed by age: about the number of the last HORIZON_MS. */
  #demand = 0;
  #demandAt = Number.NEGATIVE_INFINITY;

  /** `parts`: its share is one of so many. `maxSpacingMs`: how long it may leave an empty bucket alone. */
  constructor(subject: string, limit: RateLimit, parts: number, maxSpacingMs = MAX_SPACING_MS) {
    this.subject = subject;
    this.#parts = parts;
    this.#maxSpacingMs = maxSpacingMs;
    this.#limit = limit;
    this.#share = shareOf(limit, parts);
  }

  get limit(): RateLimit {
    return this.#limit;
  }

  /** When it asked control, while the answer is outstanding. */
  get askedAt(): number | undefined {
    return this.#askedAt;
  }

  /** Whether the next message has more to say than what it wants. */
  get hasReport(): boolean {
    return this.#returned > 0 || this.#spent > 0;
  }

  /** What is left above, by the last answer. */
  get remaining(): number {
    return this.#remaining;
  }

  get tokens(): number {
    let sum = 0;
    for (const { tokens } of this.#batches) sum += tokens;
    return sum;
  }

  /** Updates the limit of the subject; after a change an earlier refusal no longer counts. */
  adopt(limit: RateLimit): void {
    if (limit === this.#limit) return;
    const { requestsPerSecond, burst } = this.#limit;
    this.#limit = limit;
    if (limit.requestsPerSecond === requestsPerSecond && limit.burst === burst) return;
    this.#share = shareOf(limit, this.#parts);
    this.#refusedUntil = Number.NEGATIVE_INFINITY;
  }

  /** Changes the share. */
  divide(parts: number): void {
    if (parts === this.#parts) return;
    this.#parts = parts;
    this.#share = shareOf(this.#limit, parts);
  }

  /** Requests have come. */
  arrived(now: number, count = 1): void {
    this.#demand = this.#demand * Math.exp((this.#demandAt - now) / HORIZON_MS) + count;
    this.#demandAt = now;
  }

  /** Takes up to so many tokens. */
  takeMany(count: number, now: number): TakenTokens {
    this.expire(now);
    const chain = this.#batches[0]?.chain ?? 0;
    let tokens = 0;
    for (let batch = this.#batches[0]; batch !== undefined && tokens < count; batch = this.#batches[0]) {
      const taken = Math.min(batch.tokens, count - tokens);
      tokens += taken;
      batch.tokens -= taken;
      if (batch.tokens === 0) this.#batches.shift();
    }
    this.#chargeShare(now, tokens);
    return { tokens, chain };
  }

  /** Tokens come back from below; those of an older chain count no longer. */
  giveBack(tokens: number, chain: number): void {
    if (tokens === 0 || chain < this.#returnedChain) return;
    if (chain > this.#returnedChain) this.#returned = 0;
    this.#returnedChain = chain;
    this.#returned += tokens;
  }

  /** Undoes requests that the share allowed, because their tokens came back unused. */
  unspend(tokens: number): void {
    const undone = Math.min(tokens, this.#spent);
    this.#spent -= undone;
    if (this.#shareArrival !== undefined) this.#shareArrival -= (undone * 1000) / this.#share.requestsPerSecond;
  }

  /** Lets a request through, if there is a token for it. */
  take(now: number): boolean {
    this.expire(now);
    const batch = this.#batches[0];
    if (batch === undefined) return false;
    if (--batch.tokens === 0) this.#batches.shift();
    this.#chargeShare(now, 1);
    return true;
  }

  /** Milliseconds during which control has no token and need not be asked; 0 if it may have one. */
  refusedMs(now: number): number {
    return Math.max(0, this.#refusedUntil - now);
  }

  /** Decides without control. */
  takeByShare(now: number): RateVerdict {
    const verdict = gcra(this.#shareArrival, now, this.#share);
    this.#shareArrival = verdict.next;
    if (verdict.allowed) this.#spent++;
    return verdict;
  }

  /** Charges more than one request's worth, with the next message. Without control the share is charged at once. */
  charge(tokens: number, now: number): void {
    this.#spent += tokens;
    this.#chargeShare(now, tokens);
  }

  /** Returns tokens that were not used in time with the next message; true if something must be sent or kept. */
  expire(now: number): boolean {
    for (let batch = this.#batches[0]; batch !== undefined && batch.until <= now; batch = this.#batches[0]) {
      this.#batches.shift();
      this.giveBack(batch.tokens, batch.chain);
    }
    return this.#batches.length > 0 || this.#returned > 0 || this.#spent > 0;
  }

  /** The next message to control on behalf of so many waiting requests; undefined: none. */
  ask(waiting: number, now: number): TokenAsk | undefined {
    this.expire(now);
    const wanted = this.#askedAt === undefined ? this.#wants(waiting, now) : 0;
    if (wanted === 0 && this.#returned === 0 && this.#spent === 0) return undefined;
    const ask: TokenAsk = {
      subject: this.subject,
      limit: this.#limit,
      wanted,
      spent: this.#spent,
      returned: this.#returned,
      chain: this.#returnedChain,
    };
    this.#spent = 0;
    this.#returned = 0;
    if (wanted > 0) {
      this.#askedAt = now;
      this.#wanted = wanted;
    }
    return ask;
  }

  /**
   * The message could not be sent. The returned tokens are lost; the requests that were allowed without control must be
   * reported later.
   */
  unsent({ spent, wanted }: TokenAsk): void {
    this.#spent += spent;
    if (wanted > 0) this.#askedAt = undefined;
  }

  /** Whether to ask for more tokens although no request waits. */
  isLow(now: number): boolean {
    return this.#askedAt === undefined && this.#wants(0, now) > 0;
  }

  /** The age of tokens counts from the request for them, because control cannot have granted them earlier. */
  answered({ tokens, remaining, retryAfterMs, chain }: TokenGrant, now: number): void {
    const askedAt = this.#askedAt ?? now;
    this.#askedAt = undefined;
    this.#remaining = remaining;
    if (tokens > 0) this.#batches.push({ tokens, until: askedAt + TOKEN_LIFETIME_MS, chain });
    if (tokens >= this.#wanted) return;
    const { burst, requestsPerSecond } = this.#limit;
    const spacing = Math.min(this.#maxSpacingMs, (250 * burst) / requestsPerSecond);
    this.#refusedUntil = now + Math.max(retryAfterMs, spacing);
  }

  /** The level above has lost its buckets. The tokens here remain valid, but there is nothing to report any more. */
  settle(): void {
    this.#refusedUntil = Number.NEGATIVE_INFINITY;
    this.#spent = 0;
    this.#returned = 0;
    this.#returnedChain = 0;
  }

  /** Control is gone, and its buckets with it. */
  forget(): void {
    this.#batches = [];
    this.#askedAt = undefined;
    this.settle();
  }

  #wants(waiting: number, now: number): number {
    if (waiting === 0 && now < this.#refusedUntil) return 0;
    const demand = this.#demand * Math.exp((this.#demandAt - now) / HORIZON_MS);
    const worth = (this.#limit.requestsPerSecond * HORIZON_MS) / 1000;
    // A first request after a pause does not predict a second one: prefetch a token for it only if plenty are left.
    const plenty = demand > 0.5 && this.#remaining * 2 >= this.#limit.burst ? 1 : 0;
    const target = Math.floor(Math.max(plenty, Math.min(demand - 1, worth)));
    const { tokens } = this;
    if (waiting > 0) return waiting + Math.max(0, target - tokens);
    return tokens <= (target * LOW_WATER_MS) / HORIZON_MS ? Math.max(0, target - tokens) : 0;
  }

  #chargeShare(now: number, tokens: number): void {
    const spacing = 1000 / this.#share.requestsPerSecond;
    const next = Math.max(this.#shareArrival ?? now, now) + tokens * spacing;
    this.#shareArrival = Math.min(next, now + this.#share.burst * spacing);
  }
}

/** Rounded down, so that all shares together stay within the limit, but at least one request. */
function shareOf({ requestsPerSecond, burst }: RateLimit, parts: number): RateLimit {
  return { requestsPerSecond: requestsPerSecond / parts, burst: Math.max(1, Math.floor(burst / parts)) };
}
