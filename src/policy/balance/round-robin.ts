import { type Balancer, type Candidate, isEligible, lastResort, type PickRequest } from './candidate.ts';

/**
 * One backend after the other, from a random first one, so that workers which start together do not choose in step. A
 * backend in slow start, or one that fails, is skipped in a fraction of the rounds: as large as its share is below 1.
 * After a whole round without a choice the first eligible backend is taken.
 */
export class RoundRobin implements Balancer {
  #next: number | undefined;

  pick<C extends Candidate>(candidates: readonly C[], request: PickRequest<C>): C | undefined {
    const { now, random, excluded } = request;
    const count = candidates.length;
    const start = this.#next ?? Math.floor(random() * count);
    let passedOver: number | undefined;
    for (let step = 0; step < count; step++) {
      const index = (start + step) % count;
      const candidate = candidates[index];
      if (candidate === undefined || candidate === excluded || !isEligible(candidate)) continue;
      const share = candidate.load.slowStartFactor(now) * candidate.load.reliability(now);
      if (share >= 1 || random() < share) {
        this.#next = index + 1;
        return candidate;
      }
      passedOver ??= index;
    }
    if (passedOver === undefined) return lastResort(candidates, excluded);
    this.#next = passedOver + 1;
    return candidates[passedOver];
  }
}
