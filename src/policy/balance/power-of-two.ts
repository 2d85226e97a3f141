import type { Random } from '../../core/random.ts';
import { type Balancer, type Candidate, isEligible, lastResort, type PickRequest } from './candidate.ts';

/** How loaded a candidate is, for a request of this class; the lower one is chosen. */
export type Score = (candidate: Candidate, routeClass: number, now: number) => number;

/** Draws before the whole list is looked through: finds one of a half that is eligible with 99.6 %. */
const DRAWS = 8;

/**
 * The lower score of two candidates drawn at random (Mitzenmacher 2001; the default of Envoy, HAProxy and linkerd). Two
 * rather than all, so that workers that see the same stale picture do not all run to the same backend; the draws also
 * break ties. Constant time unless most are full or away: then one look through the list.
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
