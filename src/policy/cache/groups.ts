/**
 * The names in `Cache-Groups` or `Cache-Group-Invalidation` (RFC 9875): a list of strings (RFC 9651 §3.1). Parameters and members of
 * other types are skipped. The readable part of an invalid list counts, because a group too many costs only a request to the backend.
 */
export function parseGroups(field: string | undefined): readonly string[] {
  if (field === undefined) return [];
  const groups = new Set<string>();
  let isFirst = true;
  for (let at = 0; at < field.length; at++) {
    const char = field[at];
    if (char === '"') {
      const end = endOfString(field, at);
      // The first string of a member is its value; further ones are values of parameters.
      if (isFirst) groups.add(field.slice(at + 1, end).replaceAll(/\\(["\\])/g, '$1'));
      isFirst = false;
      at = end;
    } else if (char === ',') isFirst = true;
    else if (char !== ' ' && char !== '\t') isFirst = false;
  }
  return [...groups];
}

/** The index of the quote that ends a string, or the length of the field. */
function endOfString(field: string, start: number): number {
  let at = start + 1;
  while (at < field.length && field[at] !== '"') at += field[at] === '\\' ? 2 : 1;
  return Math.min(at, field.length);
}
