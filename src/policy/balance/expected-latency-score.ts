import type { Candidate } from './candidate.ts';

/** (Requests of everyone + this one) / slots: above 1, somebody waits. */
export function occupancy({ inFlight, load }: Candidate, now: number): number {
  return (inFlight + load.othersInFlight(now) + 1) / load.slots;
}

/**
 * (1 + occupancy^2) x penalised service time / slow start.
 *
 * With free slots the faster backend counts. With a queue the plain product, occupancy x service time, sends a request
 * to a fast backend's queue as long as that is shorter for this request, while slots of slower ones stay free: each for
 * itself, all wait (Wardrop's equilibrium). What one more request costs everyone grows with the square of the occupancy.
 * The 1 keeps an idle backend that is ten times slower from looking good; docs/balancing.md has the figures.
 */
export function expectedLatencyScore(candidate: Candidate, routeClass: number, now: number): number {
  const { load } = candidate;
  const crowd = occupancy(candidate, now);
  return ((1 + crowd * crowd) * load.serviceTimeMs(routeClass, now)) / load.slowStartFactor(now);
}
