import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { isIP } from 'node:net';
import { UsageError } from '../core/errors.ts';
import type { Priority } from '../policy/admission/priority.ts';
import type { BalancerName } from '../policy/balance/balancer.ts';
import type { BackendConfig } from '../protocol/backends.ts';
import type { RateLimit } from '../protocol/tokens.ts';
import { defaultRetryRules, type RetryRules } from '../policy/retry/retryable.ts';
import type { CacheRules } from '../policy/cache/storing.ts';
import { type Environment, parseEnvironment } from './environment.ts';
import { loadConfigFile, type ParsedConfigFile } from './file.ts';

/** How a backend is checked. */
export interface HealthCheck {
  readonly path: string;
  /** What is said as Host; the backend's own address where it is undefined. */
  readonly host: string | undefined;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Passed checks in a row that bring a backend up, failed ones that take it down. */
  readonly rise: number;
  readonly fall: number;
  /** Whether what a backend that went down has not answered is cancelled, and sent to another where that is safe. */
  readonly cancelOnDown: boolean;
}

export interface UpstreamConfig {
  readonly name: string;
  /** The backends at the start; others may join and leave (ADR 40). */
  readonly backends: readonly BackendConfig[];
  /** Whether processes of this host announce themselves to control as its backends. */
  readonly isAnnounced: boolean;
  /** Requests in flight at one backend, counted over the whole host. */
  readonly cap: number;
  /** Undefined: its backends are not checked. */
  readonly health: HealthCheck | undefined;
  /** Whether a worker is ready only while one of its backends is up. */
  readonly required: boolean;
  readonly queueCapacity: number;
  /** Room in the queue for each permit, where that is more; 0 if the capacity was set. */
  readonly queuePerPermit: number;
  readonly queueTimeoutMs: number;
  readonly admission: AdmissionConfig;
  readonly balancer: BalancerName;
  readonly streams: { readonly max: number; readonly idleTimeoutMs: number };
  readonly replyHeadBytes: number;
}

/** Who is let in when all permits are in use. */
export interface AdmissionConfig {
  /** `fixed`: the caps are the limit. `adaptive`: fewer, where trials show that throughput does not suffer. */
  readonly limit: 'fixed' | 'adaptive';
  /** Requests in flight at all backends that an adaptive limit leaves. */
  readonly minLimit: number;
  /** Longest wait that a request may expect; `auto` follows the rate at which the upstream serves. */
  readonly maxWaitMs: number | 'auto';
}

/** How the replies of a route are kept. */
export interface RouteCache extends CacheRules {
  readonly maxEntryBytes: number;
  /** What the route may take of the cache; undefined: all of it. */
  readonly maxBytes: number | undefined;
}

export interface RouteConfig {
  readonly endpoint: string;
  readonly path: string;
  /** Undefined: every method. */
  readonly methods: readonly string[] | undefined;
  readonly upstream: string;
  readonly authenticate: boolean;
  readonly timeoutMs: number;
  readonly maxBodyBytes: number;
  readonly priority: Priority | undefined;
  /** Whether doing it twice is the same as doing it once, whatever its method. */
  readonly pure: boolean;
  /** Whether a second backend is asked when the first takes longer than most do. */
  readonly hedge: boolean;
  readonly cache: RouteCache | undefined;
  readonly paths: 'strict' | 'literal';
  readonly upload: 'buffer' | 'stream';
  readonly bufferBodyBytes: number;
  readonly bufferReplyBytes: number;
  readonly idleTimeoutMs: number | undefined;
  readonly longLived: boolean;
  readonly retry: RetryRules | false;
}

/** Everything that a process needs to know, parsed once and frozen. */
export interface Config {
  readonly env: Environment;
  readonly dataDir: string;
  readonly upstreams: readonly UpstreamConfig[];
  readonly routes: readonly RouteConfig[];
  readonly trustedProxies: readonly string[];
  readonly connections: {
    /** Undefined: as many as the limit of file descriptors allows. */
    readonly max: number | undefined;
    readonly maxPerAddress: number | undefined;
    readonly maxPipelined: number;
  };
  readonly headers: { readonly via: boolean; readonly serverTiming: boolean };
  /** Of every key that has none of its own. */
  readonly keyLimit: RateLimit | undefined;
  /** Of every client address. */
  readonly addressLimit: RateLimit | undefined;
}

/** The upstream of Rampart's own generators. */
export const GENERATOR_UPSTREAM = 'generator';
const DEFAULT_CAP = 16;
const DEFAULT_MAX_BODY_BYTES = 10 * 1024 ** 2;
const DEFAULT_BUFFER_BODY_BYTES = 64 * 1024;
export const DEFAULT_BUFFER_REPLY_BYTES = 256 * 1024;
const DEFAULT_MAX_PIPELINED = 8;
const DEFAULT_STREAMS = { max: 1000, idleTimeoutMs: 3_600_000 };
const DEFAULT_REPLY_HEAD_BYTES = 16 * 1024;
/** A long poll may take as long as it likes, unless its route says otherwise. */
const LONG_LIVED_TIMEOUT_MS = 3_600_000;

type Env = Readonly<Record<string, string | undefined>>;

/** A configuration, and what the file said of it. */
export interface LoadedConfig {
  readonly config: Config;
  readonly file: ParsedConfigFile;
}

/** Reads environment and configuration file; throws one UsageError that lists every problem. */
export async function loadConfig(env: Env, folder: string, what = 'start'): Promise<Config> {
  return (await loadConfigAndFile(env, folder, what)).config;
}

export async function loadConfigAndFile(env: Env, folder: string, what = 'start'): Promise<LoadedConfig> {
  const { values, problems: fromEnvironment } = parseEnvironment(env);
  const { file, problems: fromFile } = await loadConfigFile(values.RAMPART_CONFIG, folder);
  refuseProblems([...fromEnvironment, ...fromFile, ...crossProblems(values)], what);
  return { config: deepFreeze(buildConfig(values, file, folder)), file };
}

/** The same with a file that has been read before. */
export function configWithFile(env: Env, file: ParsedConfigFile, folder: string, what = 'start'): Config {
  const { values, problems } = parseEnvironment(env);
  refuseProblems([...problems, ...crossProblems(values)], what);
  return deepFreeze(buildConfig(values, file, folder));
}

function refuseProblems(problems: readonly string[], what: string): void {
  if (problems.length === 0) return;
  const count = problems.length === 1 ? 'a setting is' : `${problems.length} settings are`;
  throw new UsageError(`Cannot ${what}, as ${count} wrong`, problems);
}

/** Whether anything asks a database: keys of routes that authenticate, and the records of barcodes. */
export const needsDatabase = ({ env, routes }: Config): boolean =>
  env.GENERATOR_INSTANCES > 0 || routes.some(({ authenticate }) => authenticate);

/** Names what all processes of a host should agree on: upstreams, routes and limits. */
export function configHash({ upstreams: all, routes, trustedProxies, keyLimit, addressLimit }: Config): string {
  // Control knows which backends have announced themselves, whatever number this process was started with.
  const upstreams = all.map((one) => (one.isAnnounced ? { ...one, backends: [], queueCapacity: 0 } : one));
  const text = JSON.stringify({ upstreams, routes, trustedProxies, keyLimit, addressLimit });
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

const GENERATOR_HOST = '127.0.0.1';

/** The origin of the generator with this number. */
export const generatorOrigin = ({ GENERATOR_PORT }: Environment, index: number): string =>
  `http://${GENERATOR_HOST}:${GENERATOR_PORT + index}`;

/** The id of a backend that has announced itself: its origin decides, so that it is the same after each restart. */
export function announcedId(env: Environment, upstream: string, origin: string): string {
  const { hostname, port, host } = new URL(origin);
  const index = Number(port) - env.GENERATOR_PORT;
  const isOwn = upstream === GENERATOR_UPSTREAM && hostname === GENERATOR_HOST && index >= 0;
  return isOwn ? `generator-${index}` : host;
}

/** What environment and file say together, with the defaults for what they leave open. `given`: the variables that were set. */
export function buildConfig(
  env: Environment,
  file: ParsedConfigFile,
  folder: string,
  given: ReadonlySet<string> = new Set(),
): Config {
  const queueOf = queueSettings(env, given);
  const generators: UpstreamConfig = {
    name: GENERATOR_UPSTREAM,
    backends: Array.from({ length: env.GENERATOR_INSTANCES }, (_, index) => ({
      id: `generator-${index}`,
      origin: generatorOrigin(env, index),
    })),
    isAnnounced: true,
    cap: env.GENERATOR_CONCURRENCY,
    // What a generator does is short, and the same at any other.
    health: { ...defaultHealth, path: '/healthz', cancelOnDown: true },
    required: true,
    balancer: env.BALANCER,
    streams: DEFAULT_STREAMS,
    replyHeadBytes: DEFAULT_REPLY_HEAD_BYTES,
    ...queueOf({}, env.GENERATOR_INSTANCES * env.GENERATOR_CONCURRENCY),
  };
  const others = Object.entries(file.upstreams ?? {}).map(([name, upstream]): UpstreamConfig => ({
    name,
    backends: upstream.backends.map((url) => ({ id: new URL(url).host, origin: new URL(url).origin })),
    isAnnounced: false,
    cap: upstream.cap ?? DEFAULT_CAP,
    health: healthCheck(upstream),
    required: upstream.required ?? false,
    balancer: upstream.balancer ?? env.BALANCER,
    ...queueOf(upstream, upstream.backends.length * (upstream.cap ?? DEFAULT_CAP)),
    streams: {
      max: upstream.streams?.max ?? DEFAULT_STREAMS.max,
      idleTimeoutMs: upstream.streams?.idleTimeoutMs ?? DEFAULT_STREAMS.idleTimeoutMs,
    },
    replyHeadBytes: upstream.replyHeadBytes ?? DEFAULT_REPLY_HEAD_BYTES,
  }));
  const routes = (file.routes ?? []).map((route): RouteConfig => ({
    endpoint: route.endpoint,
    path: route.path,
    methods: route.methods,
    upstream: route.upstream,
    authenticate: route.authenticate ?? true,
    timeoutMs: route.timeoutMs ?? (route.longLived === true ? LONG_LIVED_TIMEOUT_MS : env.UPSTREAM_TIMEOUT_MS),
    maxBodyBytes: route.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES,
    priority: route.priority,
    pure: route.pure ?? false,
    hedge: route.hedge ?? false,
    cache: routeCache(route.cache, env.CACHE_MAX_BYTES),
    paths: route.paths ?? ((route.authenticate ?? true) ? 'strict' : 'literal'),
    upload: route.upload ?? 'buffer',
    bufferBodyBytes: route.bufferBodyBytes ?? DEFAULT_BUFFER_BODY_BYTES,
    bufferReplyBytes: route.bufferReplyBytes ?? DEFAULT_BUFFER_REPLY_BYTES,
    idleTimeoutMs: route.idleTimeoutMs,
    longLived: route.longLived ?? false,
    retry: retryRules(route.retry),
  }));
  return {
    env,
    dataDir: resolve(folder, env.RAMPART_DATA_DIR),
    upstreams: env.GENERATOR_INSTANCES === 0 ? others : [generators, ...others],
    routes,
    trustedProxies: file.trustedProxies ?? [],
    connections: {
      max: file.connections?.max,
      maxPerAddress: file.connections?.maxPerAddress,
      maxPipelined: file.connections?.maxPipelined ?? DEFAULT_MAX_PIPELINED,
    },
    headers: { via: file.headers?.via ?? true, serverTiming: file.headers?.serverTiming ?? true },
    keyLimit: file.keyLimit,
    addressLimit: file.addressLimit,
  };
}

/** Places in the queue per permit, where nothing was set. */
const ROUNDS_OF_CAPACITY = 10;

type QueueFile = Pick<
  NonNullable<ParsedConfigFile['upstreams']>[string],
  'queueCapacity' | 'queueTimeoutMs' | 'admission'
>;
type QueueConfig = Pick<UpstreamConfig, 'queueCapacity' | 'queuePerPermit' | 'queueTimeoutMs' | 'admission'>;

/** The queue before an upstream with so many permits. */
function queueSettings(
  env: Environment,
  given: ReadonlySet<string>,
): (file: QueueFile, permits: number) => QueueConfig {
  const { QUEUE_CAPACITY: capacity, QUEUE_TIMEOUT_MS: timeoutMs } = env;
  return (file, permits) => {
    const setTimeoutMs = file.queueTimeoutMs ?? (given.has('QUEUE_TIMEOUT_MS') ? timeoutMs : undefined);
    // A timeout that was set is a wait that is allowed.
    const maxWaitMs = file.admission?.maxWaitMs ?? setTimeoutMs ?? 'auto';
    // Clients that never back off wait, rather than being refused again and again: eight times the permits find room.
    const isSet = file.queueCapacity !== undefined || given.has('QUEUE_CAPACITY');
    const queuePerPermit = isSet ? 0 : ROUNDS_OF_CAPACITY;
    return {
      queueCapacity: file.queueCapacity ?? Math.max(capacity, queuePerPermit * permits),
      queuePerPermit,
      queueTimeoutMs: setTimeoutMs ?? (maxWaitMs === 'auto' ? timeoutMs : maxWaitMs),
      admission: {
        limit: file.admission?.limit ?? 'fixed',
        minLimit: file.admission?.minLimit ?? 1,
        maxWaitMs,
      },
    };
  };
}

type UpstreamFile = NonNullable<ParsedConfigFile['upstreams']>[string];

const defaultHealth = { host: undefined, intervalMs: 500, timeoutMs: 1000, rise: 2, fall: 3, cancelOnDown: false };

function healthCheck({ healthPath, health }: UpstreamFile): HealthCheck | undefined {
  const path = health?.path ?? healthPath;
  if (path === undefined) return undefined;
  return {
    path,
    host: health?.host,
    intervalMs: health?.intervalMs ?? defaultHealth.intervalMs,
    timeoutMs: health?.timeoutMs ?? defaultHealth.timeoutMs,
    rise: health?.rise ?? defaultHealth.rise,
    fall: health?.fall ?? defaultHealth.fall,
    cancelOnDown: health?.cancelOnDown ?? defaultHealth.cancelOnDown,
  };
}

/** No reply may push out more than this part of the others. */
const LARGEST_ENTRY_PART = 16;

export const maxEntryBytes = (cacheMaxBytes: number): number => Math.floor(cacheMaxBytes / LARGEST_ENTRY_PART);

type RouteFile = NonNullable<ParsedConfigFile['routes']>[number];

/** What a route tries again. */
function retryRules(retry: RouteFile['retry']): RetryRules | false {
  if (retry === false) return false;
  return retry === undefined ? defaultRetryRules : { attempts: retry.attempts, on: retry.on };
}

export function routeCache(cache: RouteFile['cache'], cacheMaxBytes: number): RouteCache | undefined {
  if (cache === undefined || cache === false) return undefined;
  const most = maxEntryBytes(cacheMaxBytes);
  return {
    ttlSeconds: cache.ttlSeconds,
    negativeTtlSeconds: cache.negativeTtlSeconds,
    staleWhileRevalidateSeconds: cache.staleWhileRevalidateSeconds ?? 0,
    staleIfErrorSeconds: cache.staleIfErrorSeconds ?? 0,
    public: cache.public ?? false,
    maxEntryBytes: Math.min(cache.maxEntryBytes ?? most, cache.maxBytes ?? most, most),
    maxBytes: cache.maxBytes,
  };
}

/** What no variable shows alone: ports that collide, an admin API open to the world. */
function crossProblems(env: Environment): string[] {
  const problems: string[] = [];
  const lastPort = env.GENERATOR_PORT + env.GENERATOR_INSTANCES - 1;
  const range = `GENERATOR_PORT and GENERATOR_INSTANCES take the ports ${env.GENERATOR_PORT} to ${lastPort}`;
  if (env.PORT === env.ADMIN_PORT) problems.push(`ADMIN_PORT must differ from PORT: got '${env.ADMIN_PORT}' for both`);
  if (env.GENERATOR_INSTANCES > 0 && lastPort > 65_535) problems.push(`${range}, which must end at 65535 or below`);
  for (const name of ['PORT', 'ADMIN_PORT'] as const) {
    if (env[name] >= env.GENERATOR_PORT && env[name] <= lastPort) {
      problems.push(`${range}, so ${name} must lie outside: got '${env[name]}'`);
    }
  }
  if (!isLoopback(env.ADMIN_HOST) && env.ADMIN_TOKEN === undefined) {
    problems.push(`ADMIN_TOKEN must be set when ADMIN_HOST is not on loopback: got ADMIN_HOST '${env.ADMIN_HOST}'`);
  }
  if (env.ADMIN_TOKEN !== undefined && env.ADMIN_TOKEN.length < 16) {
    problems.push('ADMIN_TOKEN must be at least 16 characters long: got a shorter one');
  }
  return problems;
}

/** Whether a listener on this host name is reached from this machine only. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** The same of the host of a URL or of a Host header, where an IPv6 address stands in brackets. */
export const isLoopbackHost = (host: string): boolean => isLoopback(host.replace(/^\[|\]$/g, ''));

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
