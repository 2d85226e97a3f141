import type { FamilySnapshot, HistogramValue } from './instruments.ts';

/** The bounds that histograms with any of these have together; undefined where all have the same. */
export function sharedBounds(families: readonly Pick<FamilySnapshot, 'bounds'>[]): readonly number[] | undefined {
  const [first] = families;
  if (first?.bounds === undefined || families.every(({ bounds }) => isSame(bounds, first.bounds))) return undefined;
  const all = new Set(families.flatMap(({ bounds }) => bounds ?? []));
  return [...all].toSorted((left, right) => left - right);
}

/**
 * The same observations in other buckets. Each one goes below the least bound that is sure to be above it, so where the
 * new bounds contain an old one, it counts exactly, and a new one between two old ones counts too few.
 */
export function withBounds(value: HistogramValue, from: readonly number[], to: readonly number[]): HistogramValue {
  if (isSame(from, to)) return value;
  const counts = Array.from({ length: to.length + 1 }, () => 0);
  for (const [index, count] of value.counts.entries()) {
    const bound = from[index];
    const at = bound === undefined ? -1 : to.findIndex((one) => one >= bound);
    const bucket = at === -1 ? to.length : at;
    counts[bucket] = (counts[bucket] ?? 0) + count;
  }
  return { counts, sum: value.sum };
}

function isSame(left: readonly number[] | undefined, right: readonly number[] | undefined): boolean {
  if (left === right) return true;
  return left?.length === right?.length && left?.every((bound, index) => bound === right?.[index]) === true;
}
