/** Something that lasted: [start, end), by one clock. */
export interface Interval {
  readonly startMs: number;
  readonly endMs: number;
}

export interface CapFindings {
  /** Most in flight at any instant. */
  readonly maxInFlight: number;
  /** The first instant with so many; NaN if there was no request. */
  readonly maxAtMs: number;
  /** How often the cap was crossed upwards. */
  readonly excursions: number;
  /** Time above the cap. */
  readonly overMs: number;
  /** The excess, times how long it lasted: ∫ max(0, n(t) − cap) dt. */
  readonly overPermitMs: number;
  /** ∫ min(n(t), cap) dt / (cap · length of the window). */
  readonly usedShare: number;
}

/** How many of the intervals are open, from each change on: a sweep line. Of one instant, ends come before starts. */
export function inFlightSteps(intervals: readonly Interval[]): { atMs: number; inFlight: number }[] {
  const changes = intervals
    .filter(({ startMs, endMs }) => endMs > startMs)
    .flatMap(({ startMs, endMs }) => [
      { atMs: startMs, by: 1 },
      { atMs: endMs, by: -1 },
    ])
    .sort((one, other) => one.atMs - other.atMs || one.by - other.by);
  let inFlight = 0;
  return changes.map(({ atMs, by }) => ({ atMs, inFlight: (inFlight += by) }));
}

/** Checks that no more than `cap` were in flight at any instant of the window. */
export function checkCap(intervals: readonly Interval[], cap: number, window: Interval): CapFindings {
  const steps = inFlightSteps(clipped(intervals, window));
  let [maxInFlight, maxAtMs, excursions, overMs, overPermitMs, usedPermitMs] = [0, Number.NaN, 0, 0, 0, 0];
  let before = 0;
  for (const [index, { atMs, inFlight }] of steps.entries()) {
    // With the last one nothing is in flight any more.
    const lastsMs = (steps[index + 1]?.atMs ?? atMs) - atMs;
    // A number that lasts no time at all was never in flight: an end and a start of one instant.
    if (lastsMs === 0) continue;
    if (inFlight > maxInFlight) [maxInFlight, maxAtMs] = [inFlight, atMs];
    if (inFlight > cap && before <= cap) excursions++;
    before = inFlight;
    const excess = Math.max(0, inFlight - cap);
    overMs += excess > 0 ? lastsMs : 0;
    overPermitMs += excess * lastsMs;
    usedPermitMs += Math.min(inFlight, cap) * lastsMs;
  }
  const usedShare = usedPermitMs / (cap * (window.endMs - window.startMs));
  return { maxInFlight, maxAtMs, excursions, overMs, overPermitMs, usedShare };
}

/** The parts of the intervals within the window. */
export function clipped(intervals: readonly Interval[], window: Interval): Interval[] {
  return intervals
    .map(({ startMs, endMs }) => ({
      startMs: Math.max(startMs, window.startMs),
      endMs: Math.min(endMs, window.endMs),
    }))
    .filter(({ startMs, endMs }) => endMs > startMs);
}
