import type { FamilySnapshot, HistogramValue, Merge, Snapshot } from './instruments.ts';

type Value = number | HistogramValue;

/**
 * The combined metrics of several processes: counters and histograms are added, gauges are combined by their own rule.
 */
export function mergeSnapshots(snapshots: readonly Snapshot[]): Snapshot {
  const families = new Map<
    string,
    { head: FamilySnapshot; series: Map<string, readonly [readonly string[], Value]> }
  >();
  for (const family of snapshots.flat()) {
    const merged = families.get(family.name) ?? { head: family, series: new Map() };
    families.set(family.name, merged);
    for (const [labels, value] of family.series) {
      const key = labels.join('\u0000');
      const present = merged.series.get(key);
      merged.series.set(key, [labels, present === undefined ? value : combine(present[1], value, family.merge)]);
    }
  }
  return [...families.values()].map(({ head, series }) => ({ ...head, series: [...series.values()] }));
}

function combine(left: Value, right: Value, merge: Merge): Value {
  if (typeof left === 'number' && typeof right === 'number')
    return merge === 'max' ? Math.max(left, right) : left + right;
  if (typeof left === 'number' || typeof right === 'number') return left;
  return { counts: left.counts.map((count, index) => count + (right.counts[index] ?? 0)), sum: left.sum + right.sum };
}

/** The metrics of an ended process that stay: counters and histograms, not gauges and quantiles. */
export function cumulativeOnly(snapshot: Snapshot): Snapshot {
  return snapshot.filter(({ kind }) => kind === 'counter' || kind === 'histogram');
}
