import { varianceInflation } from '../statistics/autocorrelation.ts';
import { holm } from '../statistics/holm.ts';
import { mannKendall } from '../statistics/mann-kendall.ts';
import { median } from '../statistics/quantile.ts';
import { theilSen } from '../statistics/theil-sen.ts';

/** A figure of a long run, window by window. */
export interface DriftSeries {
  readonly name: string;
  readonly unit: 'ms' | 'MiB' | 'descriptors';
  /** When each window ended, in hours from the start of the run. */
  readonly hours: readonly number[];
  readonly values: readonly number[];
}

export type DriftVerdict = 'drifts' | 'steady' | 'too little known';

export interface Drift {
  readonly name: string;
  readonly unit: DriftSeries['unit'];
  /** That were judged. */
  readonly windows: number;
  readonly median: number;
  readonly slopePerHour: number;
  /** The change over the whole run by the slope. */
  readonly change: number;
  /** That it neither rises nor falls; after Holm's correction for all series that were judged together. */
  readonly p: number;
  readonly verdict: DriftVerdict;
}

/** Fewer windows would not be certain of anything. */
export const LEAST_WINDOWS = 10;
const SIGNIFICANT = 0.01;
/** Growth over the run that matters: this share of the median, and at least so much. */
const LEAST_SHARE = 0.05;
const leastChange: Readonly<Record<DriftSeries['unit'], number>> = { ms: 1, MiB: 4, descriptors: 4 };

/**
 * Which series grow. Drifts: Mann and Kendall's test is certain (p below 1 %, after Holm's correction, as among many
 * series one always looks as if it grew), and Theil and Sen's slope makes over the run what matters: more than 5 % of the
 * median, and more than 1 ms, 4 MiB or 4 descriptors. Steady: the slope makes less than that. Too little known: there are
 * fewer than ten windows, or the slope makes more but may be chance. What falls is steady.
 */
export function judgeDrifts(series: readonly DriftSeries[], runHours: number): Drift[] {
  const judged = series.filter(({ values }) => values.length >= LEAST_WINDOWS);
  const adjusted = holm(judged.map(({ values }) => mannKendall(values, varianceInflation(values)).p));
  return series.map(({ name, unit, hours, values }) => {
    const index = judged.findIndex((each) => each.name === name);
    const p = adjusted[index] ?? 1;
    const { slope } = theilSen(hours, values);
    const change = slope * runHours;
    const middle = median(values);
    const matters = change > Math.max(LEAST_SHARE * middle, leastChange[unit]);
    const unsure = index < 0 || (matters && p >= SIGNIFICANT);
    const verdict = unsure ? 'too little known' : matters ? 'drifts' : 'steady';
    return { name, unit, windows: values.length, median: middle, slopePerHour: slope, change, p, verdict };
  });
}
