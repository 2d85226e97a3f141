import { twoSided } from './normal.ts';
import { median } from './quantile.ts';
import { tieSizes } from './ties.ts';

export interface MannWhitney {
  /** Pairs in which the first sample's value is the larger one; ties count half. */
  readonly u: number;
  /** Two-sided. */
  readonly p: number;
  readonly exact: boolean;
  /** Median of all differences first - second (Hodges and Lehmann 1963). */
  readonly shift: number;
}

const LARGEST_EXACT = 20;

/**
 * Whether one of two samples tends to larger values (Mann and Whitney 1947). Up to 20 values each and without ties, p is
 * exact: of all ways to mix the samples, the share with a U at least as far from n m / 2. Otherwise normal:
 *     Var U = n m / 12 (n + m + 1 - sum over ties (t^3 - t) / ((n + m)(n + m - 1))), with continuity correction.
 */
export function mannWhitney(first: readonly number[], second: readonly number[]): MannWhitney {
  const differences = first.flatMap((left) => second.map((right) => left - right));
  const u = differences.reduce((sum, difference) => sum + (difference > 0 ? 1 : difference === 0 ? 0.5 : 0), 0);
  const ties = tieSizes([...first, ...second]);
  const exact = ties.length === 0 && Math.max(first.length, second.length) <= LARGEST_EXACT;
  const p = exact ? exactP(u, first.length, second.length) : normalP(u, first.length, second.length, ties);
  return { u, p, exact, shift: median(differences) };
}

function normalP(u: number, n: number, m: number, ties: readonly number[]): number {
  const total = n + m;
  const tied = ties.reduce((sum, size) => sum + size ** 3 - size, 0) / (total * (total - 1));
  const deviation = Math.sqrt(((n * m) / 12) * (total + 1 - tied));
  const distance = Math.max(0, Math.abs(u - (n * m) / 2) - 0.5);
  return deviation > 0 ? twoSided(distance / deviation) : 1;
}

function exactP(u: number, n: number, m: number): number {
  const ways = waysByU(n, m);
  const total = ways.reduce((sum, count) => sum + count, 0);
  const lower = Math.min(u, n * m - u);
  const tail = ways.slice(0, lower + 1).reduce((sum, count) => sum + count, 0);
  return Math.min(1, (2 * tail) / total);
}

/**
 * The number of arrangements with each U: the coefficients of the Gaussian binomial, product over i = 1..n of (1 -
 * q^(m+i)) / (1 - q^i). Below 2^53 for 20 and 20, so exact.
 */
function waysByU(n: number, m: number): number[] {
  const size = n * m + 1;
  const ways = Array.from({ length: size }, (_, index): number => (index === 0 ? 1 : 0));
  for (let factor = 1; factor <= n; factor++) {
    for (let at = size - 1; at >= m + factor; at--) ways[at] = (ways[at] as number) - (ways[at - m - factor] as number);
    for (let at = factor; at < size; at++) ways[at] = (ways[at] as number) + (ways[at - factor] as number);
  }
  return ways;
}
