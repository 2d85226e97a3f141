/**
 * p-values of tests that are judged together, made larger so that the chance of even one false alarm among all of them
 * stays what it is for a single one (Holm 1979): in ascending order times m, m - 1, …, 1, and never below the one before.
 */
export function holm(pValues: readonly number[]): number[] {
  const adjusted = pValues.map(() => 1);
  let least = 0;
  for (const [rank, index] of [...pValues.keys()]
    .sort((left, right) => (pValues[left] as number) - (pValues[right] as number))
    .entries()) {
    least = Math.max(least, Math.min(1, (pValues.length - rank) * (pValues[index] as number)));
    adjusted[index] = least;
  }
  return adjusted;
}
