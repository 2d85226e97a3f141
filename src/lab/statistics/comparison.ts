import type { Random } from '../../core/random.ts';
import { bootstrapInterval, type Interval } from './bootstrap.ts';
import { mannWhitney } from './mann-whitney.ts';
import { median } from './quantile.ts';

export interface ComparisonOptions {
  /** Differences below this share do not matter, however certain. */
  readonly threshold: number;
  /** Whether more is better, as of throughput, or less, as of latency. */
  readonly better: 'more' | 'less';
  readonly random: Random;
}

export interface SampleComparison {
  readonly verdict: 'better' | 'worse' | 'same' | 'inconclusive';
  /** By how much the second sample is larger, as a share of the first one's median. */
  readonly change: number;
  readonly interval: Interval;
  readonly p: number;
}

const SIGNIFICANT = 0.05;
const LEVEL = 0.95;
const RESAMPLES = 2000;

/**
 * Whether a second sample of runs differs from the first. Better or worse: Mann-Whitney's p below 5 %, and the shift
 * (Hodges-Lehmann) at or beyond the threshold. Same: the bootstrap interval of the change lies within the threshold on
 * both sides. Otherwise the result is inconclusive and needs more runs. The samples have one figure a run, from runs in
 * turns.
 */
export function compareSamples(
  first: readonly number[],
  second: readonly number[],
  { threshold, better, random }: ComparisonOptions,
): SampleComparison {
  const base = median(first);
  const { p, shift } = mannWhitney(second, first);
  const change = shift / base;
  const statistic = (left: readonly number[], right: readonly number[]): number => median(right) / median(left) - 1;
  const interval = bootstrapInterval(first, second, statistic, { random, resamples: RESAMPLES, level: LEVEL });
  const isDifferent = p < SIGNIFICANT && Math.abs(change) >= threshold;
  const isSame = interval.low > -threshold && interval.high < threshold;
  const direction = change > 0 === (better === 'more') ? 'better' : 'worse';
  return { verdict: isDifferent ? direction : isSame ? 'same' : 'inconclusive', change, interval, p };
}
