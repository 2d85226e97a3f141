/**
 * The share of a standard normal distribution above z: erfc(z / sqrt 2) / 2, with the Chebyshev fit of erfc from
 * Press et al., "Numerical Recipes", 6.2; relative error below 1.2e-7 everywhere, so that small p-values hold too.
 */
export function normalTail(z: number): number {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + x / 2);
  let series = 0;
  for (const coefficient of coefficients) series = series * t + coefficient;
  const tail = (t * Math.exp(-x * x + series)) / 2;
  return z >= 0 ? tail : 1 - tail;
}

/** Highest power first. */
const coefficients = [
  0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418, 0.37409196, 1.00002368,
  -1.26551223,
] as const;

/** The probability of a value at least this far from 0 on either side. */
export const twoSided = (z: number): number => Math.min(1, 2 * normalTail(Math.abs(z)));
