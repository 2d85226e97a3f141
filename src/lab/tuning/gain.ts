import { mannWhitney } from '../statistics/mann-whitney.ts';
import { median } from '../statistics/quantile.ts';
import { excess, type Merits, objectives, type TuneTargets } from './merits.ts';

/** The gain of a change. */
export interface Gain {
  readonly verdict: 'better' | 'worse' | 'nothing';
  /** The figure that decided; empty for none. */
  readonly by: string;
  /** Changes of the medians, as shares of the medians before. */
  readonly throughput: number;
  readonly p99: number;
  readonly rss: number;
}

/**
 * One-sided 5 %, which three runs of each can reach: all of one are then above all of the other. Two-sided, as other
 * comparisons have it, would take four runs; here the direction is foretold by the rungs before.
 */
const TWO_SIDED = 0.1;

/**
 * Whether runs after a change are better than those before it: first by the targets, then by throughput, RSS and p99, of which
 * the first decides that differs both certainly (Mann-Whitney) and by more than the noise.
 */
export function gainOf(before: readonly Merits[], after: readonly Merits[], targets: TuneTargets): Gain {
  const changed = (valueOf: (merits: Merits) => number): { change: number; isCertain: boolean } => {
    const [old, now] = [before.map(valueOf), after.map(valueOf)];
    const base = median(old);
    const change = base === median(now) ? 0 : median(now) / base - 1;
    return { change, isCertain: mannWhitney(now, old).p <= TWO_SIDED };
  };
  const [throughput, rss, p99] = objectives.map(({ valueOf }) => changed(valueOf).change) as [number, number, number];
  const gain = (verdict: Gain['verdict'], by: string): Gain => ({ verdict, by, throughput, p99, rss });
  const missed = [before, after].map((runs) => median(runs.map((merits) => excess(merits, targets))) > 1);
  if (missed[0] !== missed[1] && changed((merits) => excess(merits, targets)).isCertain) {
    return gain(missed[1] ? 'worse' : 'better', 'the targets');
  }
  for (const { name, better, within, valueOf } of objectives) {
    const { change, isCertain } = changed(valueOf);
    if (!isCertain || Math.abs(change) < within) continue;
    return gain(change > 0 === (better === 'more') ? 'better' : 'worse', name);
  }
  return gain('nothing', '');
}

/** Each figure's median over the runs. */
export function medians(runs: readonly Merits[]): Merits {
  const of = (valueOf: (merits: Merits) => number): number => median(runs.map(valueOf));
  return {
    throughputPerSecond: of((merits) => merits.throughputPerSecond),
    p99Ms: of((merits) => merits.p99Ms),
    rssBytes: of((merits) => merits.rssBytes),
    failedShare: of((merits) => merits.failedShare),
  };
}
