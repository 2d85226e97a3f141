import { occupancy } from './expected-latency-score.ts';
import { type Balancer, type Candidate, isEligible, lastResort, type PickRequest } from './candidate.ts';

/** Candidates looked at for one choice; the paper's pool of probes has as many. */
const POOL = 16;
/** The quantile of requests in flight above which a candidate is hot. */
const HOT_QUANTILE = 2 ** -0.25;

/**
 * Prequal's hot-cold rule (Wydrowski et al., NSDI 2024): a candidate is hot when its requests in flight exceed the
 * quantile 2^-0.25 of the pool. The cold one with the least latency is chosen. (All hot: the one with the fewest in
 * flight. As here the quantile is of the pool itself, the one with the fewest is always cold.)
 *
 * The paper learns by probes, this gateway from replies: requests in flight of everyone by the backends' reports,
 * latency by own samples. Up to 16 candidates are all looked at, as the paper's reuse budget has no solution there;
 * of more, 16 draws. Slow start divides both signals, failures penalise latency: a failing backend is cold, but the last
 * of the cold ones.
 */
export class Prequal implements Balancer {
  /**
   * The pool of one choice, reused to avoid allocation: the candidates, their requests in flight, and the same numbers
   * sorted.
   */
  readonly #pool: Candidate[] = [];
  readonly #loads = new Float64Array(POOL);
  readonly #sorted = new Float64Array(POOL);

  pick<C extends Candidate>(candidates: readonly C[], request: PickRequest<C>): C | undefined {
    const size = this.#gather(candidates, request);
    if (size === 0) return lastResort(candidates, request.excluded);
    const threshold = this.#threshold(size);
    let best: C | undefined;
    let bestScore = Number.POSITIVE_INFINITY;
    let ties = 0;
    for (let place = 0; place < size; place++) {
      const candidate = this.#pool[place] as C;
      if ((this.#loads[place] as number) > threshold) continue;
      const score = latencyScore(candidate, request.routeClass, request.now);
      if (score < bestScore) {
        best = candidate;
        bestScore = score;
        ties = 1;
      } else if (score === bestScore && request.random() * ++ties < 1) best = candidate;
    }
    return best;
  }

  /** Fills the pool with eligible candidates: all if there are few, otherwise 16 draws. Returns their number. */
  #gather<C extends Candidate>(candidates: readonly C[], request: PickRequest<C>): number {
    const total = candidates.length;
    let size = 0;
    if (total <= POOL) {
      for (const candidate of candidates) size = this.#add(candidate, size, request);
      return size;
    }
    for (let drawn = 0; drawn < 2 * POOL && size < POOL; drawn++) {
      size = this.#add(candidates[Math.floor(request.random() * total)] as C, size, request);
    }
    // Nearly all are full or unavailable: take the first that can serve, from a random position on.
    const start = Math.floor(request.random() * total);
    for (let step = 0; step < total && size === 0; step++) {
      size = this.#add(candidates[(start + step) % total] as C, size, request);
    }
    return size;
  }

  #add<C extends Candidate>(candidate: C, size: number, { now, excluded }: PickRequest<C>): number {
    if (candidate === excluded || !isEligible(candidate)) return size;
    this.#pool[size] = candidate;
    this.#loads[size] = requestsInFlight(candidate, now);
    return size + 1;
  }

  /**
   * The load at the quantile, rounded down: with four candidates the busiest can be hot, and at least one is always
   * cold.
   */
  #threshold(size: number): number {
    const sorted = this.#sorted;
    for (let count = 0; count < size; count++) {
      const load = this.#loads[count] as number;
      let place = count;
      for (; place > 0 && (sorted[place - 1] as number) > load; place--) sorted[place] = sorted[place - 1] as number;
      sorted[place] = load;
    }
    return sorted[Math.floor(HOT_QUANTILE * (size - 1))] as number;
  }
}

function requestsInFlight({ inFlight, load }: Candidate, now: number): number {
  return (inFlight + load.othersInFlight(now) + 1) / load.slowStartFactor(now);
}

/**
 * The latency at the present number of requests, as the paper's servers report it, rather than at the number of the
 * last sample.
 */
function latencyScore(candidate: Candidate, routeClass: number, now: number): number {
  const { load } = candidate;
  return (load.serviceTimeMs(routeClass, now) * Math.max(1, occupancy(candidate, now))) / load.slowStartFactor(now);
}
