import { hostName, type HostPattern, hostText, parentOf } from './host-pattern.ts';
import { compareSpecificity, type PathPattern, pathSegments } from './path-pattern.ts';
import { conditionText, type RouteCondition, type RoutedRequest } from './route-conditions.ts';

/** What requests a route takes. */
export interface RouteRule<T> {
  readonly host: HostPattern;
  readonly path: PathPattern;
  /** Undefined: every method. HEAD is taken wherever GET is. */
  readonly methods: readonly string[] | undefined;
  readonly conditions: readonly RouteCondition[];
  readonly target: T;
}

export interface RouteMatch<T> {
  readonly rule: RouteRule<T>;
  /** The values of the path's parameters as received, in order. */
  readonly values: readonly string[];
}

/** No route takes the request. `allowed`: the methods that routes of its host and path take; empty if there is none. */
export interface NoMatch {
  readonly allowed: readonly string[];
}

interface Node<T> {
  readonly literals: Map<string, Node<T>>;
  parameter: Node<T> | undefined;
  /** Rules whose path ends here, the most specific first. */
  readonly ending: RouteRule<T>[];
  /** Rules whose prefix ends here. */
  readonly prefixed: RouteRule<T>[];
}

interface Search<T> {
  readonly request: RoutedRequest;
  readonly segments: readonly string[];
  readonly values: string[];
  /** Collects the methods of rules that refused the method alone; undefined while a rule is looked for. */
  readonly allowed: Set<string> | undefined;
  found: RouteRule<T> | undefined;
}

const NO_VALUES: readonly string[] = [];

/**
 * Chooses the route of a request: the most specific one that takes it. A host counts before a path, an exact host
 * before a wildcard, and a path segment by segment from the left: a literal before a parameter before `/*`. Of rules
 * with one path, more conditions count first, then rules with methods, then the order in which they were given. A rule
 * that does not take the request leaves it to the next one.
 */
export class RouteMatcher<T> {
  readonly #exact = new Map<string, HostRoutes<T>>();
  readonly #wildcard = new Map<string, HostRoutes<T>>();
  readonly #any = new HostRoutes<T>();

  constructor(rules: readonly RouteRule<T>[]) {
    for (const rule of rules) this.#routesOf(rule.host).add(rule);
    for (const routes of [...this.#exact.values(), ...this.#wildcard.values(), this.#any]) routes.sort();
  }

  match(request: RoutedRequest): RouteMatch<T> | NoMatch {
    const found = this.#search(request, undefined);
    if (found !== undefined) return found;
    const allowed = new Set<string>();
    this.#search(request, allowed);
    return { allowed: [...allowed] };
  }

  #search(request: RoutedRequest, allowed: Set<string> | undefined): RouteMatch<T> | undefined {
    if (this.#exact.size > 0 || this.#wildcard.size > 0) {
      const name = hostName(request.host);
      const exact = this.#exact.get(name)?.search(request, allowed);
      if (exact !== undefined) return exact;
      const parent = parentOf(name);
      const wildcard = parent === undefined ? undefined : this.#wildcard.get(parent)?.search(request, allowed);
      if (wildcard !== undefined) return wildcard;
    }
    return this.#any.search(request, allowed);
  }

  #routesOf(host: HostPattern): HostRoutes<T> {
    if (host.kind === 'any') return this.#any;
    const [map, name] = host.kind === 'exact' ? [this.#exact, host.name] : [this.#wildcard, host.parent];
    const routes = map.get(name) ?? new HostRoutes<T>();
    map.set(name, routes);
    return routes;
  }
}

/** The rules of one host: a tree of path segments. */
class HostRoutes<T> {
  /** Paths without parameters, which are the most specific ones: found without walking the tree. */
  readonly #literal = new Map<string, RouteRule<T>[]>();
  readonly #root: Node<T> = openNode();

  add(rule: RouteRule<T>): void {
    const { segments, isPrefix, names, text } = rule.path;
    if (!isPrefix && names.length === 0) {
      const rules = this.#literal.get(text);
      if (rules === undefined) this.#literal.set(text, [rule]);
      else rules.push(rule);
      return;
    }
    let node = this.#root;
    for (const segment of segments) {
      if (segment.kind === 'parameter') node = node.parameter ??= openNode();
      else {
        const next = node.literals.get(segment.text) ?? openNode<T>();
        node.literals.set(segment.text, next);
        node = next;
      }
    }
    (isPrefix ? node.prefixed : node.ending).push(rule);
  }

  sort(): void {
    for (const rules of this.#literal.values()) rules.sort(compareRules);
    sortNode(this.#root);
  }

  search(request: RoutedRequest, allowed: Set<string> | undefined): RouteMatch<T> | undefined {
    const literal = this.#literal.get(request.path);
    if (literal !== undefined) {
      const rule = firstTaking(literal, request, allowed);
      if (rule !== undefined) return { rule, values: NO_VALUES };
    }
    const search: Search<T> = { request, segments: pathSegments(request.path), values: [], allowed, found: undefined };
    walk(this.#root, 0, search);
    return search.found === undefined ? undefined : { rule: search.found, values: search.values };
  }
}

function openNode<T>(): Node<T> {
  return { literals: new Map(), parameter: undefined, ending: [], prefixed: [] };
}

function sortNode<T>({ literals, parameter, ending, prefixed }: Node<T>): void {
  ending.sort(compareRules);
  prefixed.sort(compareRules);
  for (const node of literals.values()) sortNode(node);
  if (parameter !== undefined) sortNode(parameter);
}

/** Depth first: the more specific child before the other one, and the rest of the path last. */
function walk<T>(node: Node<T>, depth: number, search: Search<T>): boolean {
  const { segments } = search;
  if (depth === segments.length) return take(node.ending, search);
  const segment = segments[depth] as string;
  const literal = node.literals.get(segment);
  if (literal !== undefined && walk(literal, depth + 1, search)) return true;
  if (node.parameter !== undefined && segment !== '') {
    search.values.push(segment);
    if (walk(node.parameter, depth + 1, search)) return true;
    search.values.pop();
  }
  return take(node.prefixed, search);
}

function take<T>(rules: readonly RouteRule<T>[], search: Search<T>): boolean {
  search.found = firstTaking(rules, search.request, search.allowed);
  return search.found !== undefined;
}

function firstTaking<T>(
  rules: readonly RouteRule<T>[],
  request: RoutedRequest,
  allowed: Set<string> | undefined,
): RouteRule<T> | undefined {
  for (const rule of rules) {
    if (!rule.conditions.every((condition) => condition.accepts(request))) continue;
    if (takesMethod(rule.methods, request.method)) return rule;
    if (allowed !== undefined) for (const method of rule.methods ?? []) allowed.add(method);
  }
  return undefined;
}

export const takesMethod = (methods: readonly string[] | undefined, method: string): boolean =>
  methods === undefined || methods.includes(method) || (method === 'HEAD' && methods.includes('GET'));

/** The order in which rules are asked; negative if the left one is first. Rules that compare equal keep their order. */
export function compareRules(left: RouteRule<unknown>, right: RouteRule<unknown>): number {
  return (
    hostRanks[left.host.kind] - hostRanks[right.host.kind] ||
    compareSpecificity(left.path, right.path) ||
    right.conditions.length - left.conditions.length ||
    Number(left.methods === undefined) - Number(right.methods === undefined)
  );
}

const hostRanks = { exact: 0, wildcard: 1, any: 2 } as const;

/** Why a rule does not take a request: one sentence, or undefined if it does. */
export function reasonAgainst(rule: RouteRule<unknown>, request: RoutedRequest): string | undefined {
  const name = hostName(request.host);
  const { host } = rule;
  if (host.kind === 'exact' && host.name !== name) return `its host is ${hostText(host)}`;
  if (host.kind === 'wildcard' && parentOf(name) !== host.parent) return `its host is ${hostText(host)}`;
  if (!matchesPath(rule.path, pathSegments(request.path))) return `its path is ${rule.path.text}`;
  const unmet = rule.conditions.find((condition) => !condition.accepts(request));
  if (unmet !== undefined) return `it needs ${conditionText(unmet)}`;
  if (!takesMethod(rule.methods, request.method)) return `it takes ${(rule.methods ?? []).join(', ')}`;
  return undefined;
}

/** Whether a pattern matches a path. */
export function matchesPath({ segments: wanted, isPrefix }: PathPattern, segments: readonly string[]): boolean {
  if (isPrefix ? segments.length <= wanted.length : segments.length !== wanted.length) return false;
  return wanted.every((one, index) =>
    one.kind === 'parameter' ? segments[index] !== '' : segments[index] === one.text,
  );
}
