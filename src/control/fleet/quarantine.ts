import type { FleetConfig } from '../../config/fleet-model.ts';
import { CLOCK_RATE_ERROR } from '../../policy/fleet/fleet-times.ts';

const LEAST_MS = 1000;
const MOST_MS = 60_000;
/** One in a thousand exponential service times exceeds seven times the mean. Twice that covers heavier tails. */
const TAIL = 14;

/**
 * How long the permits of an ended lease stay in quarantine. A strict upstream ends its requests after `maxDurationMs` of the
 * host's clock. For `prompt` the quarantine is a multiple of the mean service time on this host.
 */
export function quarantineMsOf(
  { maxDurationMs }: Pick<FleetConfig, 'maxDurationMs'>,
  meanMs: number | undefined,
): number {
  if (maxDurationMs !== undefined) return Math.ceil(maxDurationMs * (1 + CLOCK_RATE_ERROR)) + LEAST_MS;
  return Math.ceil(Math.min(MOST_MS, Math.max(LEAST_MS, TAIL * (meanMs ?? 0))));
}
