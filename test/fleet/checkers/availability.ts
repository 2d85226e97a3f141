import type { ClientCall } from '../clients.ts';
import { inFlightSteps, type Interval } from './cap.ts';

/** The largest number of calls that a host may have open without a ledger. */
export type Floors = ReadonlyMap<string, number>;

/**
 * Failed calls of the windows without Valkey, at hosts whose open calls never passed their floor while the call was open.
 *
 * Up to its floor a host needs no ledger, so none of these failures can be excused by its absence.
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
