import type { HeaderRules } from '../../config/model.ts';

/** Changes header lines in place. `lines`: name, value, name, value. */
export type HeaderChange = (lines: string[]) => void;

/** The header rules of a route: first `remove`, then `set`, then `add`. Undefined if there are none. */
export function headerChange({ set, add, remove }: HeaderRules): HeaderChange | undefined {
  const dropped = new Set([...remove, ...Object.keys(set)]);
  const added = [...Object.entries(set), ...Object.entries(add)].flat();
  if (dropped.size === 0 && added.length === 0) return undefined;
  return (lines) => {
    if (dropped.size > 0) dropLines(lines, dropped);
    for (const text of added) lines.push(text);
  };
}

/** Drops every line with one of these names, which are in lower case. */
export function dropLines(lines: string[], names: ReadonlySet<string>): void {
  let kept = 0;
  for (let index = 0; index < lines.length; index += 2) {
    const name = lines[index] as string;
    if (names.has(name) || names.has(name.toLowerCase())) continue;
    lines[kept] = name;
    lines[kept + 1] = lines[index + 1] as string;
    kept += 2;
  }
  lines.length = kept;
}
