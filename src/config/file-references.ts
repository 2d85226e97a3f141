import { pathPattern } from '../policy/routing/path-pattern.ts';
import type { RouteRule } from '../policy/routing/route-matcher.ts';
import { hiddenRules } from '../policy/routing/route-overlaps.ts';
import type { ParsedConfigFile } from './file-schema.ts';
import { originOf } from './health.ts';
import { authenticationOf } from './authentication.ts';
import { ownEndpoints } from './own-routes.ts';
import { rulesOf } from './route-rules.ts';
import { DEFAULT_CAP } from './upstreams.ts';

/** Paths that Rampart's own routes have; with generators or without, so that a file fits both. */
const ownPaths = ['/v1/barcodes', '/healthz', '/readyz', '/openapi.json'];

/** Names of the file that do not fit each other: an unknown upstream, an endpoint or path that is taken, a backend twice. */
export function referenceProblems(file: ParsedConfigFile, path: string): string[] {
  return [
    ...(file.routes ?? []).flatMap((route, index) =>
      routeProblems(route, file).map((problem) => `${path}: routes.${index}.${problem}`),
    ),
    ...endpointProblems(file).map((problem) => `${path}: ${problem}`),
    ...hiddenRoutes(file).map((problem) => `${path}: ${problem}`),
    ...upstreamProblems(file).map((problem) => `${path}: upstreams.${problem}`),
  ];
}

type Route = NonNullable<ParsedConfigFile['routes']>[number];

/** The problems of one route, each with the path of its setting. */
function routeProblems(route: Route, file: ParsedConfigFile): string[] {
  const problems: string[] = [];
  const { upstream, upstreams, redirect, static: reply } = route;
  const actions = [upstream, upstreams, redirect, reply].filter((action) => action !== undefined).length;
  if (actions !== 1) {
    const got = actions === 0 ? 'none' : `${actions} of them`;
    problems.push(`upstream: a route needs exactly one of upstream, upstreams, redirect and static: got ${got}`);
  }
  const names = Object.keys(file.upstreams ?? {});
  const known = names.length === 0 ? 'upstreams names none' : `upstreams names ${names.join(', ')}`;
  const used = [
    ['upstream', upstream] as const,
    ...sidesOf(upstreams),
    ['mirror.upstream', route.mirror?.upstream] as const,
  ];
  for (const [setting, name] of used) {
    if (name !== undefined && !names.includes(name))
      problems.push(`${setting}: there is no upstream '${name}'; ${known}`);
  }
  const sides = (upstreams ?? []).map((side) => side.upstream);
  const twice = sides.find((name, index) => sides.indexOf(name) !== index);
  if (twice !== undefined) problems.push(`upstreams: '${twice}' is there twice`);
  return [
    ...problems,
    ...authProblems(route, file),
    ...parameterProblems(route),
    ...prefixProblems(route),
    ...bodilessProblems(route),
  ];
}

const sidesOf = (upstreams: Route['upstreams'] = []) =>
  upstreams.map(({ upstream }, index) => [`upstreams.${index}.upstream`, upstream] as const);

function authProblems(route: Route, file: ParsedConfigFile): string[] {
  const way = authenticationOf(route);
  if (way === 'none' || way === 'key') return [];
  if (way === 'certificate')
    return file.tls?.clientCaFile === undefined
      ? ["authenticate: 'certificate' needs tls.clientCaFile, which says whose certificates are accepted"]
      : [];
  const settings = route[way] ?? file[way];
  if (settings === undefined) return [`authenticate: '${way}' needs the settings ${way}, of the route or of the file`];
  if (way !== 'forward') return [];
  const { upstream } = settings as { upstream: string };
  return Object.hasOwn(file.upstreams ?? {}, upstream) ? [] : [`forward.upstream: there is no upstream '${upstream}'`];
}

/** Parameters that the route's path does not have, and rests that it does not have either. */
function parameterProblems({ path, rewrite, redirect, secret = [] }: Route): string[] {
  const pattern = pathPattern(path);
  const problems = secret
    .filter((name) => !pattern.names.includes(name))
    .map((name) => `secret: the path ${path} has no parameter ':${name}'`);
  for (const [setting, template] of [
    ['rewrite.path', rewrite?.path],
    ['redirect.to', redirect?.to?.replace(/^https?:\/\/[^/]*/, '')],
  ] as const) {
    if (template === undefined) continue;
    for (const [, name = ''] of template.matchAll(/\/:(\w+)/g)) {
      if (!pattern.names.includes(name)) problems.push(`${setting}: the path ${path} has no parameter ':${name}'`);
    }
    if (template.endsWith('*') && !pattern.isPrefix)
      problems.push(`${setting}: it ends in *, but the path ${path} has no /* at its end`);
  }
  return problems;
}

function prefixProblems({ path, rewrite }: Route): string[] {
  const strip = rewrite?.stripPrefix;
  if (strip === undefined || strip === '/') return [];
  const fits = path === strip || path.startsWith(`${strip}/`);
  return fits ? [] : [`rewrite.stripPrefix: the path ${path} does not begin with ${strip}`];
}

/** Settings of an upstream's requests on a route that asks no upstream. */
function bodilessProblems(route: Route): string[] {
  if (route.upstream !== undefined || route.upstreams !== undefined) return [];
  return (['rewrite', 'request', 'cache', 'retry', 'hedge', 'mirror', 'pure', 'upload', 'longLived'] as const)
    .filter((name) => route[name] !== undefined && route[name] !== false)
    .map((name) => `${name}: it has no effect on a route without an upstream`);
}

function endpointProblems({ routes = [] }: ParsedConfigFile): string[] {
  const taken = new Set<string>(ownEndpoints);
  return routes.flatMap(({ endpoint }, index) => {
    const isTaken = taken.has(endpoint);
    taken.add(endpoint);
    if (!isTaken) return [];
    const holder = ownEndpoints.includes(endpoint) ? 'Rampart itself' : 'another route';
    return [`routes.${index}.endpoint: '${endpoint}' is taken by ${holder}`];
  });
}

/** Routes that get no request, because another one takes all that they match. */
function hiddenRoutes(file: ParsedConfigFile): string[] {
  const own = ownRules(file.builtin);
  const rules = (file.routes ?? []).flatMap((route, index) => rulesOf<string | number>(route, index));
  return hiddenRules([...own, ...rules])
    .filter(({ second }) => second.target !== OWN)
    .map(({ first, second }) => {
      const holder = first.target === OWN ? 'Rampart itself (builtin moves its endpoints)' : `routes.${first.target}`;
      return `routes.${second.target}.path: '${second.path.text}' is served by ${holder} already`;
    });
}

const OWN = 'own';

function ownRules(builtin: ParsedConfigFile['builtin']): RouteRule<string | number>[] {
  if (builtin === false) return [];
  const { host, prefix = '' } = builtin ?? {};
  return ownPaths.flatMap((path) => rulesOf({ host, path: `${prefix}${path}` }, OWN));
}

function upstreamProblems({ upstreams = {} }: ParsedConfigFile): string[] {
  const problems: string[] = [];
  for (const [name, upstream] of Object.entries(upstreams)) {
    const {
      backends,
      backup = [],
      drained = [],
      discover,
      healthPath,
      health,
      reserved = 0,
      cap = DEFAULT_CAP,
    } = upstream;
    if (discover === undefined && backends.length === 0)
      problems.push(`${name}.backends: has no entry: list at least one, or take them out of DNS with discover`);
    if (discover !== undefined && backends.length > 0)
      problems.push(`${name}.discover: there are backends, too; one of them is enough`);
    if (discover !== undefined && (backup.length > 0 || drained.length > 0))
      problems.push(`${name}.discover: backup and drained are for backends that are listed`);
    const origins = [...backends, ...backup].map(originOf);
    const unknown = drained.find((url) => !origins.includes(originOf(url)));
    if (unknown !== undefined) problems.push(`${name}.drained: ${unknown} is not among the backends`);
    const twice = origins.find((origin, index) => origins.indexOf(origin) !== index);
    if (twice !== undefined) problems.push(`${name}.backends: ${twice} is there twice, which would double its cap`);
    if (backends.length > 0 && reserved >= backends.length * cap)
      problems.push(
        `${name}.reserved: bulk requests would get nothing, as it has ${backends.length * cap} permits: got ${reserved}`,
      );
    if (healthPath !== undefined && health !== undefined)
      problems.push(`${name}.healthPath: health has a path too; one of them is enough`);
  }
  if (Object.hasOwn(upstreams, 'generator')) problems.push("generator: the name belongs to Rampart's own generators");
  return problems;
}
