import type { Candidate } from './candidate.ts';

/**
 * (in flight of everyone + 1) / slots x penalised peak-EWMA latency: Finagle's load, with the requests that other
 * workers have there, as the backend reports them. With a single worker, or without reports, it is peak-EWMA.
 */
export function expectedLatencyScore({ inFlight, load }: Candidate, routeClass: number, now: number): number {
  const requests = inFlight + load.othersInFlight(now) + 1;
  return (requests * load.expectedLatencyMs(routeClass, now)) / (load.slots * load.slowStartFactor(now));
}
