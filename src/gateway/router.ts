import type { RouteRule } from '../policy/routing/route-matcher.ts';
import { RouteMatcher } from '../policy/routing/route-matcher.ts';
import type { RoutedRequest } from '../policy/routing/route-conditions.ts';
import { canonicalPath } from './http/path-form.ts';
import { type RequestHead, valueAt } from './http/request-head.ts';
import { Refusal } from './refusal.ts';
import type { Route } from './routes/route.ts';

export interface Match {
  readonly route: Route;
  /** The values of the path's parameters as received, in order. */
  readonly values: readonly string[];
}

const readInTwoWays = new Refusal('malformed-request', 'the path has a form that can be read in two ways', {
  close: true,
});
const noRoute = new Refusal('not-found', 'no route has this path');

/** Finds the route of a request, by the order of `RouteMatcher`. */
export class Router {
  readonly #matcher: RouteMatcher<Route>;
  /** Whether some route answers preflights, which are matched as the request that they announce. */
  readonly #hasCors: boolean;

  constructor(rules: readonly RouteRule<Route>[]) {
    this.#matcher = new RouteMatcher(rules);
    this.#hasCors = rules.some(({ target }) => target.config?.cors !== undefined);
  }

  /**
   * The route of a request. An ambiguous path is accepted only by a route with `paths: 'literal'`, and only if every
   * reading leads to that same route. Otherwise `//admin/x` would reach an open route, and a backend that merges
   * slashes would serve a resource that a route with a key protects. A plain path with encoded characters has two
   * readings as well: they must lead to one route.
   */
  find(method: string, head: RequestHead, scheme: 'http' | 'https'): Match | Refusal {
    const match = this.#match(method, head, scheme, head.path);
    const isPlain = head.pathForm === 'plain';
    if ((isPlain && !head.path.includes('%')) || match instanceof Refusal) return match;
    const other = this.#match(method, head, scheme, canonicalPath(head.path));
    const isSame = !(other instanceof Refusal) && other.route === match.route;
    if (isPlain) return isSame ? match : readInTwoWays;
    return isSame && match.route.config?.paths === 'literal' ? match : readInTwoWays;
  }

  /** The route, or 404, or 405 with the allowed methods. */
  #match(method: string, head: RequestHead, scheme: 'http' | 'https', path: string): Match | Refusal {
    if (this.#hasCors && method === 'OPTIONS') {
      const found = this.#announced(head, scheme, path);
      if (found !== undefined) return found;
    }
    const found = this.#matcher.match(new Reading(method, head, scheme, path));
    if ('rule' in found) return { route: found.rule.target, values: found.values };
    return found.allowed.length === 0 ? noRoute : methodRefusal(found.allowed);
  }

  /** The route of the request that a preflight announces, if it answers preflights. */
  #announced(head: RequestHead, scheme: 'http' | 'https', path: string): Match | undefined {
    const wanted = head.names.indexOf('access-control-request-method');
    if (wanted === -1 || !head.names.includes('origin')) return undefined;
    const found = this.#matcher.match(new Reading(valueAt(head, wanted), head, scheme, path));
    if (!('rule' in found) || found.rule.target.config?.cors === undefined) return undefined;
    return { route: found.rule.target, values: found.values };
  }
}

function methodRefusal(methods: readonly string[]): Refusal {
  const allowed = methods.includes('GET') && !methods.includes('HEAD') ? [...methods, 'HEAD'] : methods;
  return new Refusal('method-not-allowed', `this path takes ${allowed.join(', ')}`, {
    headers: ['allow', allowed.join(', ')],
  });
}

/** A request with one reading of its path. */
class Reading implements RoutedRequest {
  readonly method: string;
  readonly path: string;
  readonly scheme: 'http' | 'https';
  readonly #head: RequestHead;

  constructor(method: string, head: RequestHead, scheme: 'http' | 'https', path: string) {
    this.method = method;
    this.path = path;
    this.scheme = scheme;
    this.#head = head;
  }

  get host(): string {
    return this.#head.origin;
  }

  get query(): string {
    return this.#head.query;
  }

  /** Several lines of one name are joined, as RFC 9110 §5.3 reads them. */
  headerOf(name: string): string | undefined {
    const { names } = this.#head;
    const first = names.indexOf(name);
    if (first === -1) return undefined;
    let value = valueAt(this.#head, first);
    for (let index = names.indexOf(name, first + 1); index !== -1; index = names.indexOf(name, index + 1))
      value += `, ${valueAt(this.#head, index)}`;
    return value;
  }
}
