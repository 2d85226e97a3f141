import { type PathPattern, pathPattern } from './path-pattern.ts';

/** How a path changes on the way to a backend. */
export interface PathChange {
  readonly stripPrefix: string | undefined;
  readonly addPrefix: string | undefined;
  /** The whole path made anew: `:name` stands for a parameter, `*` at its end for the rest. */
  readonly path: string | undefined;
}

/** Makes the path that the backend gets. `values`: those of the route's parameters, as received. */
export type PathRewrite = (path: string, values: readonly string[]) => string;

/** The rewrite of a route; undefined if it leaves the path as it is. */
export function pathRewrite(change: PathChange, pattern: PathPattern): PathRewrite | undefined {
  const { stripPrefix, addPrefix, path } = change;
  if (path !== undefined) return pathTemplate(path, pattern);
  const strip = withoutEndSlash(stripPrefix);
  const add = withoutEndSlash(addPrefix);
  if (strip === '' && add === '') return undefined;
  return (received) => add + stripped(received, strip);
}

/**
 * The path without the prefix. It begins with exactly one slash: a target that begins with `//` is a host for many
 * readers.
 */
function stripped(path: string, prefix: string): string {
  if (prefix === '') return path;
  if (path === prefix) return '/';
  if (!path.startsWith(`${prefix}/`)) return path;
  let start = prefix.length;
  while (path.charCodeAt(start + 1) === SLASH) start++;
  return path.slice(start);
}

const SLASH = 0x2f;
const withoutEndSlash = (prefix = ''): string => (prefix.endsWith('/') ? prefix.slice(0, -1) : prefix);

/**
 * A path made of a template, whose `:name` segments are parameters of the pattern, and whose `*` is the rest that the
 * pattern's `/*` matched.
 */
export function pathTemplate(template: string, pattern: PathPattern): PathRewrite {
  const { segments, names, isPrefix } = pathPattern(template);
  const depth = pattern.segments.length;
  let next = 0;
  const parts = segments.map((segment) =>
    segment.kind === 'literal' ? segment.text : pattern.names.indexOf(names[next++] as string),
  );
  return (path, values) => {
    let made = '';
    for (const part of parts) made += `/${typeof part === 'string' ? part : (values[part] ?? '')}`;
    return isPrefix ? `${made}/${restOf(path, depth)}` : made;
  };
}

/** What follows the first segments of a path, without slashes in front. */
function restOf(path: string, depth: number): string {
  let at = 0;
  for (let count = 0; count < depth; count++) at = path.indexOf('/', at + 1);
  let start = at + 1;
  while (path.charCodeAt(start) === SLASH) start++;
  return path.slice(start);
}
