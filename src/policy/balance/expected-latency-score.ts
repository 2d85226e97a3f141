import type { Candidate } from './candidate.ts';

/** (Requests of all workers + this one) / slots; above 1, some requests wait. */
export function occupancy({ inFlight, load }: Candidate, now: number): number {
  return (inFlight + load.othersInFlight(now) + 1) / load.slots;
}

/**
 * (1 + occupancy^2) x penalised service time / slow start.
 *
 * While slots are free, the faster backend wins. With a queue, the plain product, occupancy x service time, would send
 * a request to the queue of a fast backend as long as that is quicker for this one request, while slots of slower
 * backends stay free. Each request gains, and all wait longer (Wardrop's equilibrium). The cost of one more request to
 * all others grows with the square of the occupancy. The 1 keeps an idle backend that is ten times slower from looking
 * good; docs/balancing.md has the figures.
 */
export function expectedLatencyScore(candidate: Candidate, routeClass: number, now: number): number {
  const { load } = candidate;
  const crowd = occupancy(candidate, now);
  return ((1 + crowd * crowd) * load.serviceTimeMs(routeClass, now)) / load.slowStartFactor(now);
}
