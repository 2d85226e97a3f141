import { LRUCache } from 'lru-cache';
import type { Clock, Timer } from '../../core/clock.ts';
import type { RateLimit, TokenAsk, TokenGrant } from '../../protocol/tokens.ts';
import { TokenPurse } from '../../policy/rate/token-purse.ts';

/** Subjects that are kept; one that falls out comes back with an unused share, and nothing else. */
const CAPACITY = 100_000;
/** Longest wait for control; then the share decides, and goes on to until control answers. */
const PATIENCE_MS = 20;
/** How often unused tokens are looked for. */
const SWEEP_MS = 50;
/** Keeps a message far below the longest that the link takes. */
const MAX_ASKS = 1000;

export interface TokenClientOptions {
  readonly clock: Clock;
  /** Workers of the host, for the share of this one. */
  readonly workers: number;
  /** Asks control; false when it cannot be asked now. Undefined where there is no control. */
  readonly send?: ((asks: readonly TokenAsk[]) => boolean) | undefined;
}

/** Milliseconds until a request would be let through, or undefined: it is let through. */
export type TokenVerdict = number | undefined;

interface Queue {
  readonly since: number;
  readonly resolvers: ((verdict: TokenVerdict) => void)[];
}

/** Keeps the tokens of all subjects of a worker in step with control: one message a turn of the event loop for all. */
export class TokenClient {
  readonly #options: TokenClientOptions;
  readonly #purses = new LRUCache<string, TokenPurse>({ max: CAPACITY });
  readonly #queues = new Map<TokenPurse, Queue>();
  /** Those that hold tokens, or have something to say. */
  readonly #held = new Set<TokenPurse>();
  readonly #toAsk = new Set<TokenPurse>();
  #present = false;
  /** Control has not answered in time, and not since. */
  #late = false;
  #flushing = false;
  #patience: Timer | undefined;
  #sweep: Timer | undefined;
  #byShare = 0;

  constructor(options: TokenClientOptions) {
    this.#options = options;
  }

  /** Subjects that are kept. */
  get size(): number {
    return this.#purses.size;
  }

  /** Requests that were decided without control. */
  get byShare(): number {
    return this.#byShare;
  }

  /** Whether a request for this subject may go on; waits for control where that is the only one to know. */
  take(subject: string, limit: RateLimit): TokenVerdict | Promise<TokenVerdict> {
    const now = this.#options.clock.now();
    const purse = this.#purse(subject, limit);
    purse.arrived(now);
    if (!this.#present) return this.#takeByShare(purse, now);
    if (purse.take(now)) {
      if (purse.isLow(now)) this.#askSoon(purse);
      return undefined;
    }
    const refusedMs = purse.refusedMs(now);
    if (refusedMs > 0) return refusedMs;
    if (!this.#late) return this.#wait(purse, now);
    if (purse.askedAt === undefined) this.#askSoon(purse);
    return this.#takeByShare(purse, now);
  }

  /** Control is there: it decides from now on. What went by share until then was within the shares, and is no debt. */
  connected(): void {
    this.#present = true;
    this.#late = false;
    for (const purse of this.#purses.values()) purse.forget();
  }

  /** Control is gone: what it gave and what it refused count no more, and nobody waits for it. */
  lost(): void {
    this.#present = false;
    for (const purse of this.#purses.values()) purse.forget();
    this.#held.clear();
    this.#toAsk.clear();
    this.#decideAll();
  }

  /** Control's answers. */
  answered(grants: readonly TokenGrant[]): void {
    const now = this.#options.clock.now();
    this.#late = false;
    for (const grant of grants) {
      const purse = this.#purses.get(grant.subject);
      if (purse === undefined) continue;
      purse.answered(grant, now);
      this.#serve(purse, now);
      if (grant.tokens > 0) this.#hold(purse);
    }
  }

  close(): void {
    this.#patience?.cancel();
    this.#sweep?.cancel();
    this.lost();
  }

  #purse(subject: string, limit: RateLimit): TokenPurse {
    const known = this.#purses.get(subject);
    if (known !== undefined) {
      known.adopt(limit);
      return known;
    }
    const purse = new TokenPurse(subject, limit, this.#options.workers);
    this.#purses.set(subject, purse);
    return purse;
  }

  #takeByShare(purse: TokenPurse, now: number): TokenVerdict {
    this.#byShare++;
    const { allowed, retryAfterMs } = purse.takeByShare(now);
    if (allowed && this.#present) this.#hold(purse);
    return allowed ? undefined : retryAfterMs;
  }

  #wait(purse: TokenPurse, now: number): Promise<TokenVerdict> {
    return new Promise((resolve) => {
      const queue = this.#queues.get(purse);
      if (queue === undefined) this.#queues.set(purse, { since: now, resolvers: [resolve] });
      else queue.resolvers.push(resolve);
      this.#askSoon(purse);
      this.#patience ??= this.#options.clock.setTimeout(() => this.#losePatience(), PATIENCE_MS);
    });
  }

  /** Those who wait, in their order; what control could not give is refused, what it was not asked for is asked for. */
  #serve(purse: TokenPurse, now: number): void {
    const queue = this.#queues.get(purse);
    if (queue === undefined) return;
    const { resolvers } = queue;
    let served = 0;
    while (served < resolvers.length && purse.take(now)) resolvers[served++]?.(undefined);
    const refusedMs = purse.refusedMs(now);
    if (served < resolvers.length && refusedMs === 0) {
      resolvers.splice(0, served);
      this.#askSoon(purse);
      return;
    }
    this.#queues.delete(purse);
    for (; served < resolvers.length; served++) resolvers[served]?.(refusedMs);
  }

  #losePatience(): void {
    this.#patience = undefined;
    const now = this.#options.clock.now();
    for (const [purse, { since }] of this.#queues) {
      if (now - since < PATIENCE_MS) {
        this.#patience ??= this.#options.clock.setTimeout(() => this.#losePatience(), since + PATIENCE_MS - now);
        continue;
      }
      this.#late = true;
      this.#decide(purse, now);
    }
  }

  #decide(purse: TokenPurse, now: number): void {
    const queue = this.#queues.get(purse);
    this.#queues.delete(purse);
    for (const resolve of queue?.resolvers ?? []) resolve(this.#takeByShare(purse, now));
  }

  #decideAll(): void {
    const now = this.#options.clock.now();
    for (const purse of this.#queues.keys()) this.#decide(purse, now);
  }

  #askSoon(purse: TokenPurse): void {
    this.#toAsk.add(purse);
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#flushing = false;
    const now = this.#options.clock.now();
    let asks: TokenAsk[] = [];
    for (const purse of this.#toAsk) {
      const ask = purse.ask(this.#queues.get(purse)?.resolvers.length ?? 0, now);
      if (ask !== undefined) asks.push(ask);
      if (asks.length < MAX_ASKS) continue;
      this.#send(asks);
      asks = [];
    }
    this.#toAsk.clear();
    if (asks.length > 0) this.#send(asks);
  }

  #send(asks: readonly TokenAsk[]): void {
    if (this.#options.send?.(asks) === true) return;
    const now = this.#options.clock.now();
    for (const ask of asks) {
      const purse = this.#purses.peek(ask.subject);
      if (purse === undefined) continue;
      purse.unsent(ask);
      this.#decide(purse, now);
      this.#hold(purse);
    }
  }

  #hold(purse: TokenPurse): void {
    this.#held.add(purse);
    this.#sweep ??= this.#options.clock.setTimeout(() => this.#sweepUp(), SWEEP_MS);
  }

  #sweepUp(): void {
    this.#sweep = undefined;
    const now = this.#options.clock.now();
    for (const purse of this.#held) {
      if (!purse.expire(now)) this.#held.delete(purse);
      else if (purse.tokens === 0) this.#askSoon(purse);
    }
    if (this.#held.size > 0) this.#sweep = this.#options.clock.setTimeout(() => this.#sweepUp(), SWEEP_MS);
  }
}
