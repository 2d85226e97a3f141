import type { TokenAsk, TokenGrant } from '../../protocol/tokens.ts';
import { drawTokens, blankArrival, openBucket, type TokenBucket } from './token-bucket.ts';

/** A host asks for tokens of one subject, on behalf of its workers. */
export interface FleetAsk extends TokenAsk {
  /** The requests of the subject that have come to this host since its last ask. */
  readonly demand: number;
}

export interface FleetGrant extends TokenGrant {
  /** The demand of all hosts, decayed by its age (`DEMAND_MS`). */
  readonly demand: number;
}

/** A demand of this age counts for 1/e. Buckets are kept at least as long. */
export const DEMAND_MS = 10_000;

export const decayed = (demand: number, ageMs: number): number => demand * Math.exp(-Math.max(0, ageMs) / DEMAND_MS);

interface FleetBucket extends TokenBucket {
  demand: number;
  askedAt: number;
}

/**
 * The buckets of a fleet, from which hosts draw, by the same rules as the functions in Valkey. Tests run this bank and compare
 * the answers of both.
 *
 * `runId` names the server. With another one, or after its data is lost, every bucket counts as if it held one token
 * then, because a failover loses writes, and a full bucket after each would be a burst for everybody.
 */
export class FleetBank {
  readonly #buckets = new Map<string, FleetBucket>();
  #runId: string | undefined;
  #blankSince = Number.NEGATIVE_INFINITY;

  /** `newChain`: the number of the chain that may begin; it grows from call to call. */
  answer(ask: FleetAsk, { now, runId, newChain }: { now: number; runId: string; newChain: number }): FleetGrant {
    if (this.#runId !== runId) this.#blankSince = now;
    this.#runId = runId;
    const bucket = this.#bucket(ask, now, newChain);
    bucket.demand = decayed(bucket.demand, now - bucket.askedAt) + ask.demand;
    bucket.askedAt = now;
    return { ...drawTokens(bucket, ask, now, () => newChain), demand: bucket.demand };
  }

  /** All data is lost. */
  empty(): void {
    this.#buckets.clear();
    this.#runId = undefined;
  }

  #bucket({ subject, limit }: FleetAsk, now: number, chain: number): FleetBucket {
    const blankSince = this.#blankSince;
    const known = this.#buckets.get(subject);
    if (known === undefined || (known.arrival <= now && now - known.askedAt >= DEMAND_MS)) {
      const bucket = { ...openBucket({ limit, now, blankSince, chain }), demand: 0, askedAt: now };
      this.#buckets.set(subject, bucket);
      return bucket;
    }
    known.arrival = Math.max(known.arrival, blankArrival(known.limit, blankSince));
    return known;
  }
}
