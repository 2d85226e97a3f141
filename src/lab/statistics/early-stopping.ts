/**
 * How many requests a run must have for it to show, with this confidence, that at least the share `within` is within the
 * target, when `over` of them were not: the smallest n with
 *     P(Binomial(n, 1 - within) <= over) <= 1 - confidence
 * as in MLPerf's rules for early stopping. Successive requests are correlated, so n is a lower bound.
 */
export function requestsNeeded(over: number, within: number, confidence: number): number {
  const enough = (n: number): boolean => lowerTail(over, n, 1 - within) <= 1 - confidence;
  let high = over + 1;
  while (!enough(high)) high *= 2;
  let low = over;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (enough(middle)) high = middle;
    else low = middle;
  }
  return high;
}

/** P(Binomial(n, p) <= most), the terms built one from the other in logarithms, as the first may be below any number. */
function lowerTail(most: number, n: number, p: number): number {
  let logTerm = n * Math.log1p(-p);
  let sum = Math.exp(logTerm);
  for (let k = 1; k <= Math.min(most, n); k++) {
    logTerm += Math.log((n - k + 1) / k) + Math.log(p) - Math.log1p(-p);
    sum += Math.exp(logTerm);
  }
  return sum;
}
