import type { PathPattern } from './path-pattern.ts';
import { pathTemplate } from './path-rewrite.ts';

/** What a redirect does; exactly one of `to`, `scheme` and `trailingSlash` is set. */
export interface RedirectRule {
  readonly to: string | undefined;
  readonly scheme: 'https' | undefined;
  readonly port: number | undefined;
  readonly trailingSlash: 'add' | 'remove' | undefined;
}

/** The parts of a request that a redirect keeps. */
export interface RedirectedRequest {
  /** The name of the host without its port; may be empty. */
  readonly hostName: string;
  readonly path: string;
  /** With its question mark, or empty. */
  readonly query: string;
  readonly values: readonly string[];
}

/** Makes the Location of a redirect. */
export type RedirectTarget = (request: RedirectedRequest) => string;

export function redirectTarget(rule: RedirectRule, pattern: PathPattern): RedirectTarget {
  const { to, port, trailingSlash } = rule;
  if (to !== undefined) return toTemplate(to, pattern);
  // A Location that begins with two slashes would name a host.
  if (trailingSlash === 'add') return ({ path, query }) => `${withOneSlash(path)}/${query}`;
  if (trailingSlash === 'remove') return ({ path, query }) => `${withoutSlashes(withOneSlash(path))}${query}`;
  const suffix = port === undefined || port === 443 ? '' : `:${port}`;
  return ({ hostName, path, query }) => `https://${hostName}${suffix}${path}${query}`;
}

/** The query of the request follows, unless the template has one of its own. */
function toTemplate(to: string, pattern: PathPattern): RedirectTarget {
  const [, origin = '', rest = '/'] = /^(https?:\/\/[^/]*)?(.*)$/.exec(to) ?? [];
  const mark = rest.search(/[?#]/);
  const ending = mark === -1 ? '' : rest.slice(mark);
  const make = pathTemplate(mark === -1 ? rest : rest.slice(0, mark), pattern);
  return ({ path, query, values }) => `${origin}${make(path, values)}${ending === '' ? query : ending}`;
}

function withOneSlash(path: string): string {
  let start = 0;
  while (path.charCodeAt(start + 1) === 0x2f) start++;
  return path.slice(start);
}

function withoutSlashes(path: string): string {
  let end = path.length;
  while (end > 1 && path.charCodeAt(end - 1) === 0x2f) end--;
  return path.slice(0, end);
}
