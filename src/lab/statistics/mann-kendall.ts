import { twoSided } from './normal.ts';
import { tieSizes } from './ties.ts';

export interface MannKendall {
  /** Pairs that rise minus pairs that fall. */
  readonly s: number;
  readonly z: number;
  /** Two-sided. */
  readonly p: number;
}

/**
 * Whether a series rises or falls throughout (Mann 1945, Kendall 1975), whatever its shape and distribution:
 *     S = sum over i < j of sign(y_j - y_i),  Var S = (n(n-1)(2n+5) - sum over ties t(t-1)(2t+5)) / 18
 *     z = (S - sign S) / sqrt(Var S)
 * The normal approximation holds from about eight values on. The values must be independent: minutes, not requests; for
 * those that are not quite, `inflation` makes the variance larger (see varianceInflation).
 */
export function mannKendall(values: readonly number[], inflation = 1): MannKendall {
  const n = values.length;
  let s = 0;
  for (let left = 0; left < n; left++) {
    for (let right = left + 1; right < n; right++) s += Math.sign((values[right] as number) - (values[left] as number));
  }
  const weight = (count: number): number => count * (count - 1) * (2 * count + 5);
  const ties = tieSizes(values).reduce((sum, size) => sum + weight(size), 0);
  const variance = ((weight(n) - ties) / 18) * inflation;
  const z = variance > 0 ? (s - Math.sign(s)) / Math.sqrt(variance) : 0;
  return { s, z, p: twoSided(z) };
}
