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

/**
 * Drops every line with one of these names, which are in lower case. An underscore counts as a hyphen, because CGI, WSGI and
 * Rack give an application `X_User` as `X-User`.
 */
export function dropLines(lines: string[], names: ReadonlySet<string>): void {
  let kept = 0;
  for (let index = 0; index < lines.length; index += 2) {
    const name = lines[index] as string;
    if (names.has(name) || names.has(hyphenated(name))) continue;
    lines[kept] = name;
    lines[kept + 1] = lines[index + 1] as string;
    kept += 2;
  }
  lines.length = kept;
}

/** A name as an application may see it that makes variables of header fields. */
const hyphenated = (name: string): string => {
  const lower = name.toLowerCase();
  return lower.includes('_') ? lower.replaceAll('_', '-') : lower;
};
