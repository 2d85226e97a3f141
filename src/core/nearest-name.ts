/**
 * A name with changes in more than a third of its letters counts as another name; short names may differ by two
 * letters.
 */
const mostChanges = (name: string): number => Math.max(2, Math.floor(name.length / 3));

/**
 * The known name that begins like `name`, or that differs from it by the fewest changes, ignoring case; undefined if
 * none is near.
 */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const longer = known.filter((each) => each.toLowerCase().startsWith(name.toLowerCase()));
  if (longer.length === 1) return longer[0];
  const measured = known.map((each) => ({ each, changes: editDistance(name.toLowerCase(), each.toLowerCase()) }));
  const [nearest] = measured
    .filter(({ changes }) => changes <= mostChanges(name))
    .sort((left, right) => left.changes - right.changes);
  return nearest?.each;
}

/** Levenshtein: the fewest insertions, deletions and replacements of a character. */
function editDistance(from: string, to: string): number {
  let above = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const replaced = (above[column - 1] as number) + (from[row - 1] === to[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, (above[column] as number) + 1, (current[column - 1] as number) + 1));
    }
    above = current;
  }
  return above[to.length] as number;
}
