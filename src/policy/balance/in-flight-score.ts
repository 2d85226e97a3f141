import type { Candidate } from './candidate.ts';

/**
 * The requests that this worker would have in flight there, and no latency: (in flight + 1) / (slow start x
 * reliability). Without the divisor, a backend that fails fast would always have the fewest requests in flight.
 */
export function inFlightScore({ inFlight, load }: Candidate, _routeClass: number, now: number): number {
  return (inFlight + 1) / (load.slowStartFactor(now) * load.reliability(now));
}
