import type { RequestHead } from './http/request-head.ts';
import { canonicalPath } from './http/path-form.ts';
import { Refusal } from './refusal.ts';
import type { Route } from './routes/route.ts';

/** A path with at most one `{parameter}` segment, or a prefix that ends in `/*`. */
export interface RoutePattern {
  readonly path: string;
  /** Undefined: every method. HEAD is allowed wherever GET is. */
  readonly methods: readonly string[] | undefined;
  readonly route: Route;
}

export interface Match {
  readonly route: Route;
  /** The value of the `{parameter}` segment, decoded. */
  readonly parameter: string;
}

const readInTwoWays = new Refusal('malformed-request', 'the path has a form that can be read in two ways', {
  close: true,
});

interface Methods {
  readonly byMethod: Map<string, Route>;
  any: Route | undefined;
}

interface Parameterised {
  readonly before: string;
  readonly after: string;
  readonly methods: Methods;
}

/** Finds the route of a request: literal paths first, then one parameter, then the longest prefix. */
export class Router {
  readonly #literal = new Map<string, Methods>();
  readonly #parameterised: Parameterised[] = [];
  readonly #prefixes: { prefix: string; methods: Methods }[] = [];

  constructor(patterns: readonly RoutePattern[]) {
    for (const pattern of patterns) add(this.#methodsOf(pattern.path), pattern);
    this.#prefixes.sort((left, right) => right.prefix.length - left.prefix.length);
  }

  /**
   * The route of a request. An ambiguous path is accepted only by a route with `paths: 'literal'`, and only if every
   * reading leads to that same route. Otherwise `//admin/x` would reach an open route, and a backend that merges
   * slashes would serve a resource that a route with a key protects.
   */
  find(method: string, { path, pathForm }: Pick<RequestHead, 'path' | 'pathForm'>): Match | Refusal {
    const match = this.match(method, path);
    if (pathForm === 'plain' || match instanceof Refusal) return match;
    const other = this.match(method, canonicalPath(path));
    const isSame = !(other instanceof Refusal) && other.route === match.route;
    return isSame && match.route.config?.paths === 'literal' ? match : readInTwoWays;
  }

  /** The route, or 404, or 405 with the allowed methods. */
  match(method: string, path: string): Match | Refusal {
    const literal = this.#literal.get(path);
    if (literal !== undefined) return choose(literal, method, '');
    for (const { before, after, methods } of this.#parameterised) {
      if (!path.startsWith(before) || !path.endsWith(after) || path.length <= before.length + after.length) continue;
      const segment = path.slice(before.length, path.length - after.length);
      if (!segment.includes('/')) return choose(methods, method, decode(segment));
    }
    const found = this.#prefixes.find(({ prefix }) => path.startsWith(prefix));
    return found === undefined ? new Refusal('not-found', 'no route has this path') : choose(found.methods, method, '');
  }

  #methodsOf(path: string): Methods {
    const fresh: Methods = { byMethod: new Map(), any: undefined };
    if (path.endsWith('*')) {
      const prefix = path.slice(0, -1);
      const known = this.#prefixes.find((entry) => entry.prefix === prefix);
      if (known === undefined) this.#prefixes.push({ prefix, methods: fresh });
      return known?.methods ?? fresh;
    }
    const parameter = /^([^{]*)\{\w+\}(.*)$/.exec(path);
    if (parameter === null) {
      const known = this.#literal.get(path) ?? fresh;
      this.#literal.set(path, known);
      return known;
    }
    const [, before = '', after = ''] = parameter;
    const known = this.#parameterised.find((entry) => entry.before === before && entry.after === after);
    if (known === undefined) this.#parameterised.push({ before, after, methods: fresh });
    return known?.methods ?? fresh;
  }
}

function add(methods: Methods, { methods: names, route }: RoutePattern): void {
  if (names === undefined) methods.any ??= route;
  for (const name of names ?? []) if (!methods.byMethod.has(name)) methods.byMethod.set(name, route);
}

function choose({ byMethod, any }: Methods, method: string, parameter: string): Match | Refusal {
  const route = byMethod.get(method) ?? (method === 'HEAD' ? byMethod.get('GET') : undefined) ?? any;
  if (route !== undefined) return { route, parameter };
  const allowed = [...byMethod.keys()];
  if (byMethod.has('GET') && !byMethod.has('HEAD')) allowed.push('HEAD');
  return new Refusal('method-not-allowed', `this path takes ${allowed.join(', ')}`, {
    headers: ['allow', allowed.join(', ')],
  });
}

/** Percent encoding that is not valid UTF-8 stays undecoded; it matches no id. */
function decode(segment: string): string {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
