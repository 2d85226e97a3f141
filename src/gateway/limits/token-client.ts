import { LRUCache } from 'lru-cache';
import { AskBatch } from './ask-batch.ts';
import type { Bugs } from '../../metrics/bugs.ts';
import type { Clock, Timer } from '../../core/clock.ts';
import type { RateLimit, TokenAsk, TokenGrant } from '../../protocol/tokens.ts';
import { LocalTokenBucket } from '../../policy/rate/local-token-bucket.ts';

/** Subjects that are kept. A subject that is evicted and returns starts with an unused share and without tokens. */
const CAPACITY = 100_000;
/** How long a request waits for control. After that this worker decides from its static share until control answers. */
const PATIENCE_MS = 20;
/** How often unused tokens are looked for. */
const SWEEP_MS = 50;

export interface TokenClientOptions {
  readonly clock: Clock;
  readonly bugs: Bugs;
  /** The number of workers of the host, from which the share of this one follows. */
  readonly workers: number;
  /** Asks control; false when it cannot be asked now. Undefined where there is no control. */
  readonly send?: ((asks: readonly TokenAsk[]) => boolean) | undefined;
}

/** Milliseconds until a request would be allowed; undefined if it is allowed now. */
export type TokenVerdict = number | undefined;

interface Queue {
  readonly since: number;
  readonly resolvers: ((verdict: TokenVerdict) => void)[];
}

/** Keeps the tokens of all subjects of a worker in step with control: one message a turn of the event loop for all. */
export class TokenClient {
  readonly #options: TokenClientOptions;
  readonly #buckets = new LRUCache<string, LocalTokenBucket>({ max: CAPACITY });
  readonly #queues = new Map<LocalTokenBucket, Queue>();
  /** Buckets that hold tokens or have something to report. */
  readonly #held = new Set<LocalTokenBucket>();
  readonly #asks: AskBatch<LocalTokenBucket, TokenAsk>;
  #present = false;
  /** Control has not answered in time, and has not answered since. */
  #late = false;
  #patience: Timer | undefined;
  #sweep: Timer | undefined;
  #byShare = 0;
  /** How many hosts share the limits. */
  #hosts = 1;

  constructor(options: TokenClientOptions) {
    this.#options = options;
    this.#asks = new AskBatch({
      clock: options.clock,
      bugs: options.bugs,
      where: 'rate-limit',
      askOf: (bucket, now) => this.#ask(bucket, now),
      send: (asks) => this.#send(asks),
    });
  }

  /** Subjects that are kept. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Requests that were decided without control. */
  get byShare(): number {
    return this.#byShare;
  }

  /** Whether a request of this subject may continue; waits for control if this worker has no token. */
  take(subject: string, limit: RateLimit): TokenVerdict | Promise<TokenVerdict> {
    const now = this.#options.clock.now();
    const bucket = this.#bucket(subject, limit);
    bucket.arrived(now);
    if (!this.#present) return this.#takeByShare(bucket, now);
    if (bucket.take(now)) {
      if (bucket.isLow(now)) this.#asks.add(bucket);
      return undefined;
    }
    const refusedMs = bucket.refusedMs(now);
    if (refusedMs > 0) return refusedMs;
    if (!this.#late) return this.#wait(bucket, now);
    if (bucket.askedAt === undefined) this.#asks.add(bucket);
    return this.#takeByShare(bucket, now);
  }

  /** Charges a request more than the token that it took. The debt delays the next requests of the subject. */
  charge(subject: string, limit: RateLimit, tokens: number): void {
    if (tokens <= 0) return;
    const bucket = this.#bucket(subject, limit);
    bucket.charge(tokens, this.#options.clock.now());
    if (!this.#present) return;
    this.#hold(bucket);
    this.#asks.add(bucket);
  }

  /**
   * Control is connected and decides from now on. Requests that were decided by share until then are not charged to it.
   */
  connected(): void {
    this.#present = true;
    this.#late = false;
    for (const bucket of this.#buckets.values()) bucket.forget();
  }

  /** Control is gone: its tokens and refusals no longer count, and no request waits for it. */
  lost(): void {
    this.#present = false;
    for (const bucket of this.#buckets.values()) bucket.forget();
    this.#held.clear();
    this.#asks.clear();
    this.#decideAll();
  }

  /** Control's answers. `hosts`: how many hosts share the limits. */
  answered(grants: readonly TokenGrant[], hosts = 1): void {
    const now = this.#options.clock.now();
    if (hosts !== this.#hosts) this.#divide(hosts);
    this.#late = false;
    for (const grant of grants) {
      const bucket = this.#buckets.get(grant.subject);
      if (bucket === undefined) continue;
      bucket.answered(grant, now);
      bucket.divide(this.#options.workers / (grant.share ?? 1 / hosts));
      this.#serve(bucket, now);
      if (grant.tokens > 0) this.#hold(bucket);
    }
  }

  close(): void {
    this.#patience?.cancel();
    this.#sweep?.cancel();
    this.lost();
  }

  /** The limits are shared by more or fewer hosts than before. */
  #divide(hosts: number): void {
    this.#hosts = hosts;
    for (const bucket of this.#buckets.values()) bucket.divide(this.#options.workers * hosts);
  }

  #bucket(subject: string, limit: RateLimit): LocalTokenBucket {
    const known = this.#buckets.get(subject);
    if (known !== undefined) {
      known.adopt(limit);
      return known;
    }
    const bucket = new LocalTokenBucket(subject, limit, this.#options.workers * this.#hosts);
    this.#buckets.set(subject, bucket);
    return bucket;
  }

  #takeByShare(bucket: LocalTokenBucket, now: number): TokenVerdict {
    this.#byShare++;
    const { allowed, retryAfterMs } = bucket.takeByShare(now);
    if (allowed && this.#present) this.#hold(bucket);
    return allowed ? undefined : retryAfterMs;
  }

  #wait(bucket: LocalTokenBucket, now: number): Promise<TokenVerdict> {
    return new Promise((resolve) => {
      const queue = this.#queues.get(bucket);
      if (queue === undefined) this.#queues.set(bucket, { since: now, resolvers: [resolve] });
      else queue.resolvers.push(resolve);
      this.#asks.add(bucket);
      this.#patience ??= this.#options.clock.setTimeout(() => this.#losePatience(), PATIENCE_MS);
    });
  }

  /** Settles the waiting requests in order: refuses those without a token, and asks for tokens that were not asked for yet. */
  #serve(bucket: LocalTokenBucket, now: number): void {
    const queue = this.#queues.get(bucket);
    if (queue === undefined) return;
    const { resolvers } = queue;
    let served = 0;
    while (served < resolvers.length && bucket.take(now)) resolvers[served++]?.(undefined);
    const refusedMs = bucket.refusedMs(now);
    if (served < resolvers.length && refusedMs === 0) {
      resolvers.splice(0, served);
      this.#asks.add(bucket);
      return;
    }
    this.#queues.delete(bucket);
    for (; served < resolvers.length; served++) resolvers[served]?.(refusedMs);
  }

  #losePatience(): void {
    this.#patience = undefined;
    const now = this.#options.clock.now();
    for (const [bucket, { since }] of this.#queues) {
      if (now - since < PATIENCE_MS) {
        this.#patience ??= this.#options.clock.setTimeout(() => this.#losePatience(), since + PATIENCE_MS - now);
        continue;
      }
      this.#late = true;
      this.#decide(bucket, now);
    }
  }

  #decide(bucket: LocalTokenBucket, now: number): void {
    const queue = this.#queues.get(bucket);
    this.#queues.delete(bucket);
    for (const resolve of queue?.resolvers ?? []) resolve(this.#takeByShare(bucket, now));
  }

  #decideAll(): void {
    const now = this.#options.clock.now();
    for (const bucket of this.#queues.keys()) this.#decide(bucket, now);
  }

  #ask(bucket: LocalTokenBucket, now: number): TokenAsk | undefined {
    return bucket.ask(this.#queues.get(bucket)?.resolvers.length ?? 0, now);
  }

  #send(asks: readonly TokenAsk[]): void {
    if (this.#options.send?.(asks) === true) return;
    const now = this.#options.clock.now();
    for (const ask of asks) {
      const bucket = this.#buckets.peek(ask.subject);
      if (bucket === undefined) continue;
      bucket.unsent(ask);
      this.#decide(bucket, now);
      this.#hold(bucket);
    }
  }

  #hold(bucket: LocalTokenBucket): void {
    this.#held.add(bucket);
    this.#sweep ??= this.#options.clock.setTimeout(() => this.#sweepUp(), SWEEP_MS);
  }

  #sweepUp(): void {
    this.#sweep = undefined;
    const now = this.#options.clock.now();
    for (const bucket of this.#held) {
      if (!bucket.expire(now)) this.#held.delete(bucket);
      else if (bucket.tokens === 0) this.#asks.add(bucket);
    }
    if (this.#held.size > 0) this.#sweep = this.#options.clock.setTimeout(() => this.#sweepUp(), SWEEP_MS);
  }
}
