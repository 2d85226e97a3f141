import { mean } from './quantile.ts';
import { theilSen } from './theil-sen.ts';

/** Autocorrelations within this many standard errors are chance. */
const SIGNIFICANT = 1.96;

/**
 * By how much the variance of Mann and Kendall's S grows because neighbouring values are alike, as those of memory are
 * (Hamed and Rao 1998), with r_k the autocorrelation at lag k of the ranks of what the trend leaves:
 *     1 + 2 / (n(n-1)(n-2)) sum over k of (n-k)(n-k-1)(n-k-2) r_k,  of those |r_k| > 1.96 / sqrt n
 * Never below 1, because an alternating series must not make a test more confident.
 */
export function varianceInflation(values: readonly number[]): number {
  const n = values.length;
  if (n < 3) return 1;
  const times = values.map((_, index) => index);
  const { slope } = theilSen(times, values);
  const ranks = ranksOf(values.map((value, index) => value - slope * index));
  const centre = mean(ranks);
  const product = (lag: number): number => {
    let sum = 0;
    for (let at = 0; at + lag < n; at++)
      sum += ((ranks[at] as number) - centre) * ((ranks[at + lag] as number) - centre);
    return sum;
  };
  const whole = product(0);
  if (whole === 0) return 1;
  let sum = 0;
  for (let lag = 1; lag < n - 2; lag++) {
    const correlation = product(lag) / whole;
    if (Math.abs(correlation) > SIGNIFICANT / Math.sqrt(n))
      sum += (n - lag) * (n - lag - 1) * (n - lag - 2) * correlation;
  }
  return Math.max(1, 1 + (2 * sum) / (n * (n - 1) * (n - 2)));
}

/** Equal values share the mean of their ranks. */
function ranksOf(values: readonly number[]): number[] {
  return values.map((value) => {
    let rank = 0.5;
    for (const other of values) rank += other < value ? 1 : other === value ? 0.5 : 0;
    return rank;
  });
}
