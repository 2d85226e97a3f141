import type { ClientCall } from '../clients.ts';
import { inFlightSteps, type Interval } from './cap.ts';

/** The largest number of calls that a host may have open without Valkey. */
export type Floors = ReadonlyMap<string, number>;

/**
 * Calls that failed while Valkey was away, although their host never had more open calls than its floor meanwhile.
 *
 * Up to its floor a host needs no Valkey, so none of these failures can be excused by the absence of Valkey.
 */
export function unexcusedFailures(
  calls: readonly ClientCall[],
  away: readonly Interval[],
  floors: Floors,
): ClientCall[] {
  return [...Map.groupBy(calls, ({ host }) => host)].flatMap(([host, own]) => {
    const steps = inFlightSteps(own);
    const floor = floors.get(host) ?? 0;
    return own.filter(
      (call) =>
        call.outcome !== 200 &&
        away.some(({ startMs, endMs }) => call.startMs >= startMs && call.endMs <= endMs) &&
        steps.every(({ atMs, inFlight }) => atMs < call.startMs || atMs >= call.endMs || inFlight <= floor),
    );
  });
}
