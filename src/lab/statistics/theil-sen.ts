import { median } from './quantile.ts';

export interface Trend {
  /** Change of y for each unit of x. */
  readonly slope: number;
  readonly intercept: number;
}

/**
 * The trend of a series as the median of the slopes of all its pairs (Theil 1950, Sen 1968), and the intercept as the
 * median of y - slope x: up to 29 % of the points may be anything. NaN of fewer than two points. Squared time: for
 * series of a few hundred points.
 */
export function theilSen(x: readonly number[], y: readonly number[]): Trend {
  const slopes: number[] = [];
  for (let left = 0; left < x.length; left++) {
    for (let right = left + 1; right < x.length; right++) {
      const run = (x[right] as number) - (x[left] as number);
      if (run !== 0) slopes.push(((y[right] as number) - (y[left] as number)) / run);
    }
  }
  const slope = median(slopes);
  return { slope, intercept: median(y.map((value, index) => value - slope * (x[index] as number))) };
}
