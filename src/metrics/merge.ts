import { sharedBounds, withBounds } from './rebucket.ts';
import type { Exemplar, FamilySnapshot, HistogramValue, Merge, Snapshot } from './instruments.ts';

type Value = number | HistogramValue;

/**
 * The combined metrics of several processes: counters and histograms are added, gauges are combined by their own rule.
 */
export function mergeSnapshots(snapshots: readonly Snapshot[]): Snapshot {
  const byName = new Map<string, FamilySnapshot[]>();
  for (const family of snapshots.flat()) {
    const known = byName.get(family.name);
    if (known === undefined) byName.set(family.name, [family]);
    else known.push(family);
  }
  return [...byName.values()].map(mergeFamilies);
}

/** Histograms of an earlier version, or from before an SLO file was changed, may have other bounds. */
function mergeFamilies(families: readonly FamilySnapshot[]): FamilySnapshot {
  const [head] = families as [FamilySnapshot, ...FamilySnapshot[]];
  const bounds = sharedBounds(families);
  const series = new Map<string, readonly [readonly string[], Value]>();
  for (const family of families) {
    for (const [labels, value] of family.series) {
      const key = labels.join('\u0000');
      const shown =
        bounds === undefined || typeof value === 'number' ? value : withBounds(value, family.bounds ?? [], bounds);
      const present = series.get(key);
      series.set(key, [labels, present === undefined ? shown : combine(present[1], shown, family.merge)]);
    }
  }
  return { ...head, ...(bounds && { bounds }), series: [...series.values()] };
}

function combine(left: Value, right: Value, merge: Merge): Value {
  if (typeof left === 'number' && typeof right === 'number')
    return merge === 'max' ? Math.max(left, right) : left + right;
  if (typeof left === 'number' || typeof right === 'number') return left;
  const counts = left.counts.map((count, index) => count + (right.counts[index] ?? 0));
  return { counts, sum: left.sum + right.sum, ...newest(left.exemplars, right.exemplars) };
}

type Exemplars = HistogramValue['exemplars'];

/** The newest exemplar of each bucket. */
function newest(left: Exemplars, right: Exemplars): Pick<HistogramValue, 'exemplars'> {
  if (left === undefined || right === undefined) {
    const exemplars = left ?? right;
    return exemplars === undefined ? {} : { exemplars };
  }
  return { exemplars: left.map((one, index) => laterOf(one, right[index] ?? null)) };
}

function laterOf(one: Exemplar | null, other: Exemplar | null): Exemplar | null {
  if (one === null || other === null) return one ?? other;
  return other[2] > one[2] ? other : one;
}

/** The metrics of an ended process that stay: counters and histograms, not gauges and quantiles. */
export function cumulativeOnly(snapshot: Snapshot): Snapshot {
  return snapshot.filter(({ kind }) => kind === 'counter' || kind === 'histogram');
}
