import type { Candidate } from './candidate.ts';

/** Finagle's load: (in flight of this worker + 1) x peak-EWMA latency, here penalised by failures and slow start. */
export function peakEwmaScore({ inFlight, load }: Candidate, routeClass: number, now: number): number {
  return ((inFlight + 1) * load.expectedLatencyMs(routeClass, now)) / load.slowStartFactor(now);
}
