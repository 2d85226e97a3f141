import type { FleetConfig } from '../../config/fleet-model.ts';
import { CLOCK_RATE_ERROR } from '../../policy/fleet/fleet-times.ts';

const LEAST_MS = 1000;
const MOST_MS = 60_000;
/** Of exponential service times, one of a thousand lasts longer than seven times the mean; twice that, for those that are less even. */
const TAIL = 14;

/**
 * How long the permits of a lease that has ended stay out. A strict upstream ends its requests in time, by the host's clock.
 * For others this covers the service times that the host has seen.
 */
export function quarantineMsOf({ maxDurationMs }: FleetConfig, meanMs: number | undefined): number {
  if (maxDurationMs !== undefined) return Math.ceil(maxDurationMs * (1 + CLOCK_RATE_ERROR)) + LEAST_MS;
  return Math.ceil(Math.min(MOST_MS, Math.max(LEAST_MS, TAIL * (meanMs ?? 0))));
}
