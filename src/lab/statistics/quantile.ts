/**
 * The q-quantile by nearest rank: the smallest value that at least q of all values do not exceed, v[ceil(q n)] of the n
 * in order (definition 1 of Hyndman and Fan 1996). It is a value that was measured, and never one between two.
 * NaN of none.
 */
export function quantile(values: Iterable<number>, q: number): number {
  return quantileOfSorted(Float64Array.from(values).sort(), q);
}

export function quantileOfSorted(sorted: ArrayLike<number>, q: number): number {
  const rank = Math.ceil(q * sorted.length - 1e-9);
  return sorted[Math.min(sorted.length, Math.max(1, rank)) - 1] ?? Number.NaN;
}

/** The middle value; of an even number, the mean of the two in the middle. NaN of none. */
export function median(values: Iterable<number>): number {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}

/** NaN of none. */
export function mean(values: Iterable<number>): number {
  let sum = 0;
  let count = 0;
  for (const value of values) {
    sum += value;
    count++;
  }
  return count === 0 ? Number.NaN : sum / count;
}
