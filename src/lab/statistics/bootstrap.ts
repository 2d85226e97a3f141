import type { Random } from '../../core/random.ts';
import { quantileOfSorted } from './quantile.ts';

export interface Interval {
  readonly low: number;
  readonly high: number;
}

export interface BootstrapOptions {
  readonly random: Random;
  readonly resamples: number;
  /** Share of the resamples within the interval. */
  readonly level: number;
}

/**
 * The percentile interval of a statistic of two samples (Efron 1979): each is drawn anew from itself, with putting back,
 * as often as it has values, and the statistic taken; the interval leaves out (1 - level) / 2 of the results at either end.
 * The values must be independent, such as one figure a run. With fewer than about ten of them it is too narrow.
 */
export function bootstrapInterval(
  first: readonly number[],
  second: readonly number[],
  statistic: (first: readonly number[], second: readonly number[]) => number,
  { random, resamples, level }: BootstrapOptions,
): Interval {
  const results = Float64Array.from({ length: resamples }, () =>
    statistic(resampled(first, random), resampled(second, random)),
  ).sort();
  const outside = (1 - level) / 2;
  return { low: quantileOfSorted(results, outside), high: quantileOfSorted(results, 1 - outside) };
}

function resampled(values: readonly number[], random: Random): number[] {
  return values.map(() => values[Math.floor(random() * values.length)] as number);
}
