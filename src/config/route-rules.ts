import { hostPattern } from '../policy/routing/host-pattern.ts';
import { pathPattern } from '../policy/routing/path-pattern.ts';
import { headerCondition, queryCondition, type RouteCondition } from '../policy/routing/route-conditions.ts';
import type { RouteRule } from '../policy/routing/route-matcher.ts';
import type { Redirect, RouteConfig } from './model.ts';

/** What `rulesOf` reads of a route, of the file or of the configuration. */
export interface MatchedRoute extends Partial<Pick<RouteConfig, 'host' | 'methods' | 'headers' | 'query'>> {
  readonly path: string;
  readonly redirect?: Partial<Pick<Redirect, 'scheme' | 'trailingSlash'>> | undefined;
}

/** The rules of a route: one for each of its hosts. */
export function rulesOf<T>(route: MatchedRoute, target: T): RouteRule<T>[] {
  const { host, methods } = route;
  const hosts = host === undefined || typeof host === 'string' ? [host] : host;
  const path = pathPattern(route.path);
  const conditions = conditionsOf(route);
  return hosts.map((name) => ({ host: hostPattern(name), path, methods, conditions, target }));
}

function conditionsOf({ headers = {}, query = {}, redirect }: MatchedRoute): RouteCondition[] {
  const conditions = [
    ...Object.entries(headers).map(([name, wanted]) => headerCondition(name, wanted)),
    ...Object.entries(query).map(([name, wanted]) => queryCondition(name, wanted)),
  ];
  if (redirect?.scheme !== undefined) conditions.push(overHttp);
  if (redirect?.trailingSlash === 'add') conditions.push(withoutSlash);
  if (redirect?.trailingSlash === 'remove') conditions.push(withSlash);
  return conditions;
}

/** A redirect takes only requests that it changes. Otherwise a client would be sent round in a circle. */
const overHttp: RouteCondition = { field: 'scheme', value: 'http', accepts: ({ scheme }) => scheme === 'http' };
const withoutSlash: RouteCondition = {
  field: 'the last character of the path',
  value: 'no slash',
  accepts: ({ path }) => !path.endsWith('/'),
};
const withSlash: RouteCondition = {
  field: 'the last character of the path',
  value: 'a slash',
  accepts: ({ path }) => path.endsWith('/') && path !== '/',
};
