import { inFlightSteps, type Interval } from './cap.ts';

/** Demand that moved to one host. */
export interface Shift {
  readonly host: string;
  /** From the moment at which this host alone has demand, until demand moved on. */
  readonly startMs: number;
  readonly endMs: number;
}

export interface SettledShift {
  readonly host: string;
  /** From the shift until this host had `level` requests in flight; Infinity if it never had before demand moved on. */
  readonly afterMs: number;
  /** The most that it had. */
  readonly mostInFlight: number;
}

/**
 * How long permits take to follow demand: of each shift, the time until the host that has all demand now had `level`
 * requests in flight at the backend.
 *
 * `served`: the requests of each host as the backend saw them, by the host's name.
 */
export function settlingOf(
  served: ReadonlyMap<string, readonly Interval[]>,
  shifts: readonly Shift[],
  level: number,
): SettledShift[] {
  const stepsOf = new Map([...served].map(([host, intervals]) => [host, inFlightSteps(intervals)]));
  return shifts.map(({ host, startMs, endMs }) => {
    const steps = stepsOf.get(host) ?? [];
    const before = steps.findLast(({ atMs }) => atMs <= startMs);
    const during = steps.filter(({ atMs }) => atMs > startMs && atMs < endMs);
    const all = [{ atMs: startMs, inFlight: before?.inFlight ?? 0 }, ...during];
    const reached = all.find(({ inFlight }) => inFlight >= level);
    return {
      host,
      afterMs: reached === undefined ? Infinity : reached.atMs - startMs,
      mostInFlight: Math.max(...all.map(({ inFlight }) => inFlight)),
    };
  });
}
