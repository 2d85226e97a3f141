import type { Random } from '../../core/random.ts';
import { type Balancer, type Candidate, isEligible, lastResort, type PickRequest } from './candidate.ts';
import { inFlightScore } from './in-flight-score.ts';

/**
 * Of all candidates the one with the lowest in-flight score, by a look through the list; ties are broken at random, so
 * that workers which see the same picture do not all choose the same backend.
 */
export class LeastInFlight implements Balancer {
  pick<C extends Candidate>(candidates: readonly C[], request: PickRequest<C>): C | undefined {
    const { now, random, routeClass, excluded } = request;
    let best: C | undefined;
    let bestScore = Number.POSITIVE_INFINITY;
    let ties = 0;
    for (const candidate of candidates) {
      if (candidate === excluded || !isEligible(candidate)) continue;
      const score = inFlightScore(candidate, routeClass, now);
      if (score < bestScore) {
        best = candidate;
        bestScore = score;
        ties = 1;
      } else if (score === bestScore && random() * ++ties < 1) {
        best = candidate;
      }
    }
    return best ?? lastResort(candidates, excluded);
  }
}

/**
 * The available backend with a free permit that has the fewest requests in flight; ties are broken at random.
 * Undefined when every backend is full or away.
 */
export function leastInFlight<C extends Omit<Candidate, 'load'>>(
  candidates: readonly C[],
  random: Random,
  excluded?: C,
): C | undefined {
  let best: C | undefined;
  let ties = 0;
  for (const candidate of candidates) {
    if (!candidate.available || candidate.inFlight >= candidate.cap || candidate === excluded) continue;
    if (best === undefined || candidate.inFlight < best.inFlight) {
      best = candidate;
      ties = 1;
    } else if (candidate.inFlight === best.inFlight && random() * ++ties < 1) {
      best = candidate;
    }
  }
  return best;
}
