/**
 * How far from 0 a t-distributed value with these degrees of freedom lies with probability `outside` or less, on both
 * sides together: the factor of a confidence interval. The density is integrated (Simpson) after the substitution
 * t = sqrt(df) tan u, which makes it cos(u)^(df-1) on a finite interval; the quantile is found by bisection.
 */
export function studentFactor(degreesOfFreedom: number, outside = 0.05): number {
  const half = integral(Math.PI / 2, degreesOfFreedom);
  let [low, high] = [0, Math.PI / 2];
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (integral(middle, degreesOfFreedom) / half < 1 - outside) low = middle;
    else high = middle;
  }
  return Math.sqrt(degreesOfFreedom) * Math.tan((low + high) / 2);
}

const STEPS = 2000;

function integral(to: number, degreesOfFreedom: number): number {
  const width = to / STEPS;
  let sum = 0;
  for (let step = 0; step <= STEPS; step++) {
    const weight = step === 0 || step === STEPS ? 1 : step % 2 === 1 ? 4 : 2;
    sum += weight * Math.cos(step * width) ** (degreesOfFreedom - 1);
  }
  return (sum * width) / 3;
}
