/** Bounds in seconds: from a cache hit to the longest timeout, with usual p95 targets, and 1.5 and 2 times as much, among them. */
export const latencyBounds: readonly number[] = [
  0.0005, 0.001, 0.0015, 0.002, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.225, 0.3, 0.4, 0.5, 0.75, 1,
  1.5, 2, 3, 4, 4.5, 5, 6, 10, 15, 20, 30,
];

/** The most bounds that an SLO file may add, because each one is one more series for every histogram. */
const MAX_FURTHER = 40;

/** A threshold as a bound: to the microsecond, so that 1.1 times 150 ms is 0.165. */
export const boundOf = (thresholdMs: number): number => Math.round(thresholdMs * 1000) / 1e6;

/** The bounds of a process, with these thresholds in milliseconds among them. */
export function boundsWith(thresholdsMs: readonly number[]): readonly number[] {
  const further = thresholdsMs.map(boundOf).filter((seconds) => seconds > 0 && !latencyBounds.includes(seconds));
  const kept = [...new Set(further)].slice(0, MAX_FURTHER);
  return [...latencyBounds, ...kept].toSorted((left, right) => left - right);
}
