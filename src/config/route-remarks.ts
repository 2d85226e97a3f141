import { hostName, hostText, type HostPattern } from '../policy/routing/host-pattern.ts';
import type { RoutedRequest } from '../policy/routing/route-conditions.ts';
import { RouteMatcher, type RouteRule } from '../policy/routing/route-matcher.ts';
import { sharedRules } from '../policy/routing/route-overlaps.ts';
import type { RouteConfig } from './model.ts';
import { type MatchedRoute, rulesOf } from './route-rules.ts';

type Route = Pick<RouteConfig, 'endpoint' | 'authenticate'> & MatchedRoute;
type Rule = RouteRule<Route>;

/** What `rampart check` says of routes that are valid, but may not be what their writer wants. */
export function routeRemarks(routes: readonly Route[]): string[] {
  const rules = routes.flatMap((route) => rulesOf(route, route));
  const matcher = new RouteMatcher(rules);
  const guarded = rules.filter(({ target }) => target.authenticate);
  return [
    ...guarded.flatMap((rule) => spellingRemark(rule, matcher)),
    ...guarded.flatMap((rule) => fallThroughRemark(rule, matcher)),
    ...sharedRules(rules).map(sharedRemark),
  ];
}

/**
 * Paths are compared as they are; many frameworks ignore case and a slash at the end, and would serve what the key was
 * to protect.
 */
function spellingRemark(rule: Rule, matcher: RouteMatcher<Route>): string[] {
  const { endpoint } = rule.target;
  for (const spelling of otherSpellings(examplePath(rule), rule.path.isPrefix)) {
    const open = methodsOf(rule).map((method) => openRoute(rule, { method, path: spelling }, matcher));
    const found = open.find((route) => route !== undefined);
    if (found !== undefined)
      return [
        `${endpoint} (${rule.path.text}) needs a key, and ${spelling} goes to ${found.endpoint} (${found.path}) without one: a backend that ignores case or a slash at the end serves it as the same`,
      ];
  }
  return [];
}

/** A route that does not take a request leaves it to the next one, which may need no key. */
function fallThroughRemark(rule: Rule, matcher: RouteMatcher<Route>): string[] {
  const { endpoint, methods } = rule.target;
  const path = examplePath(rule);
  const method = ['GET', 'POST', 'DELETE'].find((name) => methods?.includes(name) !== true) ?? 'PATCH';
  const other = methods === undefined ? undefined : openRoute(rule, { method, path }, matcher, true);
  if (other !== undefined)
    return [
      `${endpoint} (${rule.path.text}) needs a key and takes ${methods?.join(', ')}; ${method} of its paths goes to ${other.endpoint} (${other.path}) without one`,
    ];
  if (rule.conditions.length === 0) return [];
  const unmet = openRoute(rule, { method: methods?.[0] ?? 'GET', path }, matcher, false);
  if (unmet === undefined) return [];
  return [
    `${endpoint} (${rule.path.text}) needs a key; a request that does not meet its conditions goes to ${unmet.endpoint} (${unmet.path}) without one`,
  ];
}

const sharedRemark = ({ first, second, path }: ReturnType<typeof sharedRules<Route>>[number]): string =>
  `${first.target.endpoint} (${first.path.text}) and ${second.target.endpoint} (${second.path.text}) both take ${path}; ${first.target.endpoint} is asked first`;

/** The open route that takes a request for the host of a rule, if it is not the rule's own. */
function openRoute(
  rule: Rule,
  { method, path }: Pick<RoutedRequest, 'method' | 'path'>,
  matcher: RouteMatcher<Route>,
  meetsConditions = true,
): Route | undefined {
  const host = exampleHost(rule.host);
  const fields = meetsConditions ? rule.target : undefined;
  const found = matcher.match({ method, path, host, ...exampleFields(fields) });
  return 'rule' in found && !found.rule.target.authenticate ? found.rule.target : undefined;
}

function exampleFields(route: Route | undefined): Pick<RoutedRequest, 'query' | 'scheme' | 'headerOf'> {
  const { headers = {}, query = {} } = route ?? {};
  const values = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  const parameters = new URLSearchParams(
    Object.entries(query).map(([name, value]) => [name, value === true ? '' : value]),
  ).toString();
  return {
    query: parameters === '' ? '' : `?${parameters}`,
    scheme: 'http',
    headerOf: (name) => {
      const value = values.get(name);
      return value === true ? 'x' : value;
    },
  };
}

const methodsOf = ({ methods }: Rule): readonly string[] => methods ?? ['GET'];

const exampleHost = (host: HostPattern): string =>
  host.kind === 'wildcard' ? `x.${host.parent}` : host.kind === 'exact' ? hostName(hostText(host)) : '';

function examplePath({ path: { segments, isPrefix } }: Rule): string {
  const parts = segments.map((segment) => (segment.kind === 'literal' ? segment.text : 'x'));
  return `/${[...parts, ...(isPrefix ? ['0'] : [])].join('/')}`;
}

/** Paths that such a backend takes for this one. */
function otherSpellings(example: string, isPrefix: boolean): string[] {
  const atTheEnd = isPrefix ? example.slice(0, -2) : `${example}/`;
  return [example.toUpperCase(), atTheEnd].filter((spelling) => !['', '//', example].includes(spelling));
}
