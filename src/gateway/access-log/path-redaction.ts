import type { RouteConfig } from '../../config/model.ts';

const REDACTED = '[redacted]';

/** A route's path as configured, and the names of the parameters whose values are secret. */
export interface SecretPath {
  /** Literal segments, and `{name}` or `:name` parameters; `/*` at the end stands for the rest. */
  readonly template: string;
  readonly secret: readonly string[];
}

export const secretPathOf = ({ path, secret }: RouteConfig): SecretPath => ({ template: path, secret: secret ?? [] });

/** The path of a request as logs and traces may show it. */
export type PathRedaction = (path: string) => string;

/** Replaces the segments of secret parameters; undefined if the route has none. */
export function redactionFor({ template, secret }: SecretPath): PathRedaction | undefined {
  const hidden = new Set<number>();
  for (const [index, segment] of template.split('/').entries())
    if (secret.some((name) => segment.includes(`{${name}}`) || segment === `:${name}`)) hidden.add(index);
  if (hidden.size === 0) return undefined;
  return (path) =>
    path
      .split('/')
      .map((segment, index) => (hidden.has(index) ? REDACTED : segment))
      .join('/');
}

/**
 * For a request that no route has taken: it may be a mistyped one of a route with secrets. Everything behind the literal
 * beginning of such a route is replaced; a path in an unusual form is replaced as a whole. Undefined without secrets.
 */
export function redactionForUnmatched(secretPaths: readonly SecretPath[]): PathRedaction | undefined {
  const beginnings = secretPaths
    .filter((one) => redactionFor(one) !== undefined)
    .map(({ template }) => template.slice(0, template.search(/\{|(?<=\/):/)).toLowerCase());
  if (beginnings.length === 0) return undefined;
  return (path) => {
    if (/[%;\\]|\/\//.test(path)) return REDACTED;
    const lower = path.toLowerCase();
    const found = beginnings.find((beginning) => lower.startsWith(beginning));
    return found === undefined ? path : path.slice(0, found.length) + REDACTED;
  };
}
