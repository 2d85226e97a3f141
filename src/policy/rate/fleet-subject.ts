import type { RateLimit, TokenAsk, TokenGrant } from '../../protocol/tokens.ts';
import { DEMAND_MS, decayed, type FleetAsk, type FleetGrant } from './fleet-bank.ts';
import { LocalTokenBucket } from './local-token-bucket.ts';

/** A worker that has asked for tokens and has no answer yet. */
export interface WaitingAsk<Member> {
  readonly member: Member;
  readonly wanted: number;
  readonly since: number;
}

/** A host's knowledge of its fleet. */
export interface FleetView {
  readonly hosts: number;
  /** How long ago the bank answered last. */
  readonly silentMs: number;
}

/** The chain of tokens that the host's share gave: the bank does not know them. */
const SHARE_CHAIN = 0;
/** The part of a limit that is divided equally while the bank is away; the rest is divided by demand. */
const EQUAL_PART = 0.5;
/** A host draws for this time, and leaves an empty bucket alone for as long: a hot subject costs 20 asks a second. */
const FLEET_SPACING_MS = 50;

/**
 * A host's half of one subject whose bucket is in the fleet's bank: the tokens that the host has drawn, the workers that wait
 * for tokens, and the host's part of the demand of all hosts. That part divides the limit while the bank cannot be asked.
 */
export class FleetSubject<Member> {
  readonly bucket: LocalTokenBucket;
  readonly waiting: WaitingAsk<Member>[] = [];
  /** Requests since the last ask. */
  #demand = 0;
  /** Requests of earlier asks, decayed as the bank does. */
  #told = 0;
  #toldAt = 0;
  /** The host's part of the demand of all, by the last answer. */
  #part = 0;
  #heardAt = Number.NEGATIVE_INFINITY;

  constructor(subject: string, limit: RateLimit) {
    this.bucket = new LocalTokenBucket(subject, limit, 1, FLEET_SPACING_MS);
  }

  /** Takes in what a worker says. */
  said({ limit, wanted, spent, returned, chain }: TokenAsk, now: number): void {
    this.bucket.adopt(limit);
    if (chain === SHARE_CHAIN) this.bucket.unspend(returned);
    else this.bucket.giveBack(returned, chain);
    if (spent > 0) this.bucket.charge(spent, now);
    if (wanted > 0) this.bucket.arrived(now, wanted);
    this.#demand += Math.max(0, wanted + spent - returned);
  }

  /** The next ask of the bank; undefined: none. */
  ask(now: number): FleetAsk | undefined {
    const ask = this.bucket.ask(
      this.waiting.reduce((sum, { wanted }) => sum + wanted, 0),
      now,
    );
    if (ask === undefined) return undefined;
    const demand = this.#demand;
    this.#demand = 0;
    return { ...ask, demand };
  }

  heard(ask: FleetAsk, grant: FleetGrant, now: number): void {
    if (ask.wanted > 0) this.bucket.answered(grant, now);
    this.#told = decayed(this.#told, now - this.#toldAt) + ask.demand;
    this.#toldAt = now;
    this.#part = grant.demand > 0 ? Math.min(1, this.#told / grant.demand) : 0;
    this.#heardAt = now;
  }

  /**
   * The host's part of the limit. Half of the limit is divided equally, because the demand can move to a host that has
   * had none, and half by the demand of the last 10 s. Once the bank has been away for that long, all is divided equally.
   */
  part(now: number, { hosts, silentMs }: FleetView): number {
    if (silentMs >= DEMAND_MS || hosts === 1) return 1 / hosts;
    const byDemand = now - this.#heardAt < DEMAND_MS + silentMs ? this.#part : 0;
    return EQUAL_PART / hosts + (1 - EQUAL_PART) * byDemand;
  }

  /** The answer to a worker, if there is one now: all tokens that it wants, or the end of the bucket. */
  ready(wanted: number, now: number, fleet: FleetView): TokenGrant | undefined {
    const { bucket } = this;
    bucket.expire(now);
    const refusedMs = bucket.refusedMs(now);
    if (bucket.tokens < wanted && refusedMs === 0) return undefined;
    const { tokens, chain } = bucket.takeMany(wanted, now);
    const retryAfterMs = tokens < wanted ? refusedMs : 0;
    const remaining = bucket.remaining + bucket.tokens;
    return { subject: bucket.subject, tokens, remaining, retryAfterMs, chain, share: this.part(now, fleet) };
  }

  /** The answer to a worker while the bank cannot be asked. */
  byShare(wanted: number, now: number, fleet: FleetView): TokenGrant {
    const { bucket } = this;
    bucket.expire(now);
    const share = this.part(now, fleet);
    bucket.divide(1 / share);
    if (bucket.tokens >= wanted) {
      const taken = bucket.takeMany(wanted, now);
      return { subject: bucket.subject, ...taken, remaining: 0, retryAfterMs: 0, share };
    }
    let [tokens, retryAfterMs] = [0, 0];
    while (tokens < wanted && retryAfterMs === 0) {
      const verdict = bucket.takeByShare(now);
      if (verdict.allowed) tokens++;
      else ({ retryAfterMs } = verdict);
    }
    return { subject: bucket.subject, tokens, remaining: 0, retryAfterMs, chain: SHARE_CHAIN, share };
  }
}
