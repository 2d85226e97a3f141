/** The smallest count whose cumulative probability reaches `probability`, of `trials` with `chance` each; for up to some thousands. */
export function binomialQuantile(probability: number, trials: number, chance: number): number {
  let term = (1 - chance) ** trials;
  let sum = term;
  let count = 0;
  while (sum < probability && count < trials) {
    term *= ((trials - count) / (count + 1)) * (chance / (1 - chance));
    count++;
    sum += term;
  }
  return count;
}
