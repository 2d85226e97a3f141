import { isDeepStrictEqual } from 'node:util';
import type { ParsedConfigFile } from './file-schema.ts';
import { servingBackends, type UpstreamFile } from './health.ts';
import { hiddenAt } from './redaction.ts';

/**
 * What a change does to a host that runs. `live`: it is in force at once, for requests that begin from then on.
 * `drains`: the same, and what is in flight there ends first. `restart`: it cannot be made while Rampart runs.
 */
export type ChangeClass = 'live' | 'drains' | 'restart';

export interface ConfigChange {
  /** The setting, such as `upstreams.shop.cap`; a route has its endpoint in place of its position. */
  readonly path: string;
  readonly kind: 'added' | 'removed' | 'changed';
  readonly class: ChangeClass;
  readonly before?: unknown;
  readonly after?: unknown;
  /** The change as a sentence. */
  readonly text: string;
}

/** Every setting of the file needs its class here: `live` and `drains` only if `Gateway.prepareConfig` takes it over. */
const classes: Readonly<Record<keyof ParsedConfigFile, ChangeClass>> = {
  upstreams: 'live',
  routes: 'live',
  trustedProxies: 'live',
  connections: 'live',
  accessLog: 'live',
  traces: 'live',
  headers: 'live',
  builtin: 'live',
  errorPages: 'live',
  proxyProtocol: 'restart',
  // Its certificates are live.
  tls: 'restart',
  jwt: 'live',
  basic: 'live',
  forward: 'live',
  certificate: 'live',
  keyLimit: 'live',
  bulkLimit: 'live',
  addressLimit: 'live',
};

/** The same for the settings of an upstream that exists: `live` only if `Upstream.useConfig` takes it over. */
const upstreamClasses: Readonly<Record<keyof UpstreamFile, ChangeClass>> = {
  backends: 'live',
  discover: 'live',
  backup: 'live',
  drained: 'drains',
  cap: 'live',
  reserved: 'live',
  scope: 'restart',
  mode: 'restart',
  fleet: 'restart',
  maxDurationMs: 'restart',
  healthPath: 'live',
  health: 'live',
  required: 'live',
  queueCapacity: 'live',
  queueTimeoutMs: 'live',
  admission: 'live',
  balancer: 'live',
  hashBy: 'live',
  streams: 'live',
  replyHeadBytes: 'live',
  tls: 'live',
};

/** The changes from one file to another, by setting. */
export function configChanges(before: ParsedConfigFile, after: ParsedConfigFile): ConfigChange[] {
  const { upstreams: upstreamsBefore = {}, routes: routesBefore = [], tls: tlsBefore, ...othersBefore } = before;
  const { upstreams: upstreamsAfter = {}, routes: routesAfter = [], tls: tlsAfter, ...othersAfter } = after;
  return [
    ...byName(upstreamsBefore, upstreamsAfter, upstreamChanges),
    ...byName(routesByEndpoint(routesBefore), routesByEndpoint(routesAfter), routeChanges),
    // The first certificate of the file is a change of the certificates, not of the listener, which TLS_PORT opens.
    ...settingChanges('tls.', tlsBefore ?? {}, tlsAfter ?? {}, (name) =>
      name === 'certificates' ? 'live' : classes.tls,
    ),
    ...settingChanges('', othersBefore, othersAfter, (name) => classes[name as keyof ParsedConfigFile] ?? 'restart'),
  ];
}

function byName<Item>(
  before: Readonly<Record<string, Item>>,
  after: Readonly<Record<string, Item>>,
  compare: (name: string, before: Item | undefined, after: Item | undefined) => ConfigChange[],
): ConfigChange[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].flatMap((name) => compare(name, before[name], after[name]));
}

type RouteFile = NonNullable<ParsedConfigFile['routes']>[number];

const routesByEndpoint = (routes: readonly RouteFile[]): Record<string, RouteFile> =>
  Object.fromEntries(routes.map((route) => [route.endpoint, route]));

function routeChanges(endpoint: string, before: RouteFile | undefined, after: RouteFile | undefined): ConfigChange[] {
  const path = `routes.${endpoint}`;
  if (before === undefined || after === undefined) return wholeChange(path, `route ${endpoint}`, before, after);
  return settingChanges(`${path}.`, before, after, () => 'live');
}

function upstreamChanges(
  name: string,
  before: UpstreamFile | undefined,
  after: UpstreamFile | undefined,
): ConfigChange[] {
  const path = `upstreams.${name}`;
  if (before === undefined || after === undefined) return wholeChange(path, `upstream ${name}`, before, after);
  const { backends: backendsBefore, ...othersBefore } = before;
  const { backends: backendsAfter, ...othersAfter } = after;
  const backend = (origin: string, kind: 'added' | 'removed', end: string): ConfigChange => ({
    path: `${path}.backends`,
    kind,
    class: kind === 'added' ? upstreamClasses.backends : 'drains',
    [kind === 'added' ? 'after' : 'before']: origin,
    text: `upstream ${name}: backend ${origin} is ${kind}${end}`,
  });
  return [
    ...backendsAfter.filter((one) => !backendsBefore.includes(one)).map((one) => backend(one, 'added', '')),
    ...backendsBefore
      .filter((one) => !backendsAfter.includes(one))
      .map((one) => backend(one, 'removed', '; its requests in flight end first')),
    ...settingChanges(
      `${path}.`,
      othersBefore,
      othersAfter,
      (setting) => upstreamClasses[setting as keyof UpstreamFile] ?? 'restart',
    ),
  ];
}

function wholeChange(path: string, what: string, before: unknown, after: unknown): ConfigChange[] {
  if (before === undefined) {
    return [{ path, kind: 'added', class: 'live', after: hiddenAt(path, after), text: `${what} is added` }];
  }
  const text = `${what} is removed; its requests in flight end first`;
  return [{ path, kind: 'removed', class: 'drains', before: hiddenAt(path, before), text }];
}

/** The settings that differ, by name; `prefix`: the path before the name. */
function settingChanges(
  prefix: string,
  before: object,
  after: object,
  classOf: (name: string) => ChangeClass,
): ConfigChange[] {
  return byName<unknown>({ ...before }, { ...after }, (name, left, right) => {
    const path = `${prefix}${name}`;
    if (isDeepStrictEqual(left, right)) return [];
    if (isRecord(left) && isRecord(right)) return settingChanges(`${path}.`, left, right, () => classOf(name));
    const kind = left === undefined ? 'added' : right === undefined ? 'removed' : 'changed';
    const [shownBefore, shownAfter] = [hiddenAt(path, left), hiddenAt(path, right)];
    const text =
      kind === 'added'
        ? `${path} is set to ${short(shownAfter)}`
        : kind === 'removed'
          ? `${path} is no longer set: it was ${short(shownBefore)}`
          : `${path} changes from ${short(shownBefore)} to ${short(shownAfter)}`;
    return [{ path, kind, class: classOf(name), before: shownBefore, after: shownAfter, text }];
  });
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const MOST_SHOWN = 120;

function short(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length <= MOST_SHOWN ? text : `${text.slice(0, MOST_SHOWN)}…`;
}

/** Why a change must be asked for twice: it takes away most of the backends of an upstream, or all of them. */
export function guardProblems(before: ParsedConfigFile, after: ParsedConfigFile): string[] {
  return Object.entries(before.upstreams ?? {}).flatMap(([name, upstream]) => {
    const backends = servingBackends(upstream);
    const next = after.upstreams?.[name];
    const left = next === undefined ? [] : servingBackends(next);
    const removed = backends.filter((one) => !left.includes(one)).length;
    const kept = backends.length - removed;
    if (removed === 0 || (kept > 0 && removed * 2 <= backends.length)) return [];
    const what =
      after.upstreams?.[name] === undefined ? `upstream ${name} is removed with its` : `upstream ${name} loses`;
    return [
      `${what} ${removed} of ${backends.length} backends${kept === 0 && left.length > 0 ? ', all that it had' : ''}`,
    ];
  });
}
