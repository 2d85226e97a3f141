import type { Random } from '../../core/random.ts';
import type { Candidate } from './candidate.ts';

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
