import { type Balancer, type Candidate, isEligible, lastResort, type PickRequest } from './candidate.ts';
import type { Score } from './power-of-two.ts';

/**
 * The lowest score of all candidates where there are at most `size`, of `size` draws where there are more. Ties are
 * broken at random, so that workers which see the same picture do not all choose the same backend.
 */
export class LeastOfSample implements Balancer {
  readonly #score: Score;
  readonly #size: number;

  constructor(score: Score, size: number) {
    this.#score = score;
    this.#size = size;
  }

  pick<C extends Candidate>(candidates: readonly C[], request: PickRequest<C>): C | undefined {
    const { random, excluded, routeClass, now } = request;
    const total = candidates.length;
    const isWhole = total <= this.#size;
    const start = Math.floor(random() * total);
    let best: C | undefined;
    let bestScore = Number.POSITIVE_INFINITY;
    let ties = 0;
    // If no draw can serve, the list is searched in order, because nearly all candidates may be full or unavailable.
    const steps = isWhole ? total : this.#size + total;
    for (let step = 0; step < steps; step++) {
      const isDrawn = !isWhole && step < this.#size;
      if (!isWhole && !isDrawn && best !== undefined) break;
      const candidate = candidates[isDrawn ? Math.floor(random() * total) : (start + step) % total];
      if (candidate === undefined || candidate === excluded || !isEligible(candidate)) continue;
      const score = this.#score(candidate, routeClass, now);
      if (score < bestScore) {
        best = candidate;
        bestScore = score;
        ties = 1;
      } else if (score === bestScore && random() * ++ties < 1) best = candidate;
    }
    return best ?? lastResort(candidates, excluded);
  }
}
