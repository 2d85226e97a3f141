import type { Random } from '../../core/random.ts';
import { type Balancer, type Candidate, isEligible, lastResort, type PickRequest } from './candidate.ts';

/** How loaded a candidate is, for a request of this class; the lower one is chosen. */
export type Score = (candidate: Candidate, routeClass: number, now: number) => number;

/**
 * Draws before the whole list is searched. If half of the candidates are eligible, they find one with 99.6 %
 * probability.
 */
const DRAWS = 8;

/**
 * The lower score of two candidates drawn at random (Mitzenmacher 2001; the default of Envoy, HAProxy and linkerd). Two
 * rather than all, so that workers with the same stale view do not all choose the same backend; the draws also break
 * ties. It takes constant time unless most candidates are full or unavailable; then it searches the list once.
 */
export class PowerOfTwo implements Balancer {
  readonly #score: Score;

  constructor(score: Score) {
    this.#score = score;
  }

  pick<C extends Candidate>(candidates: readonly C[], request: PickRequest<C>): C | undefined {
    const { random, excluded, routeClass, now } = request;
    const first = draw(candidates, random, excluded);
    if (first === undefined) return lastResort(candidates, excluded);
    const second = draw(candidates, random, excluded, first);
    if (second === undefined) return first;
    return this.#score(second, routeClass, now) < this.#score(first, routeClass, now) ? second : first;
  }
}

/** One eligible candidate other than these two, each as likely as the next. */
function draw<C extends Candidate>(candidates: readonly C[], random: Random, excluded?: C, taken?: C): C | undefined {
  for (let drawn = 0; drawn < DRAWS; drawn++) {
    const candidate = candidates[Math.floor(random() * candidates.length)];
    if (candidate !== undefined && candidate !== excluded && candidate !== taken && isEligible(candidate)) {
      return candidate;
    }
  }
  let found: C | undefined;
  let count = 0;
  for (const candidate of candidates) {
    if (candidate === excluded || candidate === taken || !isEligible(candidate)) continue;
    if (random() * ++count < 1) found = candidate;
  }
  return found;
}
