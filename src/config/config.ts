import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { messageOf, UsageError } from '../core/errors.ts';
import { TlsFiles } from '../core/tls-files.ts';
import { isLoopback } from '../core/loopback.ts';
import { rateOf } from './client-limit.ts';
import { type Environment, parseEnvironment } from './environment.ts';
import type { ParsedConfigFile } from './file-schema.ts';
import { loadConfigFile } from './file.ts';
import { fleetProblems } from './fleet.ts';
import type { AccessLogConfig, Config } from './model.ts';
import { errorPagesOf, routeOf } from './routes.ts';
import { proxyProtocolOf, proxyProtocolProblems } from './proxy-protocol.ts';
import { tlsOf, tlsProblems } from './tls.ts';
import { upstreamsOf } from './upstreams.ts';

const DEFAULT_MAX_PIPELINED = 8;
const DEFAULT_SLOW_MS = 500;

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
  const environment = parseEnvironment(env);
  const { values, given, problems: fromEnvironment } = environment;
  const { file, problems: fromFile } = await loadConfigFile(values.RAMPART_CONFIG, folder);
  refuseProblems([...fromEnvironment, ...fromFile, ...combinedProblems(environment, file)], what);
  const config = buildConfig(values, file, folder, given);
  refuseProblems(missingTlsFiles(config), what);
  return { config: deepFreeze(config), file };
}

/** The same with a file that has been read before. */
export function configWithFile(env: Env, file: ParsedConfigFile, folder: string, what = 'start'): Config {
  const environment = parseEnvironment(env);
  const { values, given, problems } = environment;
  refuseProblems([...problems, ...combinedProblems(environment, file)], what);
  return deepFreeze(buildConfig(values, file, folder, given));
}

/** Settings that are valid alone and cannot be used together. */
function combinedProblems(
  { values, given }: ReturnType<typeof parseEnvironment>,
  { tls, proxyProtocol, upstreams }: ParsedConfigFile,
): string[] {
  return [
    ...crossProblems(values),
    ...tlsProblems(values, tls, given),
    ...proxyProtocolProblems(values, proxyProtocol, given),
    ...fleetProblems(given, upstreams),
  ];
}

/** A file of an upstream's TLS that cannot be read would fail every request there. */
export function missingTlsFiles({ upstreams }: Config): string[] {
  return upstreams.flatMap(({ name, tls }) => {
    if (tls === undefined) return [];
    try {
      new TlsFiles(tls).read();
      return [];
    } catch (error) {
      return [`upstreams.${name}.tls: a file cannot be read: ${messageOf(error)}`];
    }
  });
}

function refuseProblems(problems: readonly string[], what: string): void {
  if (problems.length === 0) return;
  const count = problems.length === 1 ? 'a setting is' : `${problems.length} settings are`;
  throw new UsageError(`Cannot ${what}, as ${count} wrong`, problems);
}

/** Whether anything asks a database: keys of routes that authenticate, and the records of barcodes. */
export const needsDatabase = ({ env, routes }: Config): boolean =>
  env.GENERATOR_INSTANCES > 0 || routes.some(({ authentication }) => authentication === 'key');

/** Names what all processes of a host should agree on: upstreams, routes and limits. */
export function configHash(config: Config): string {
  const { upstreams: all, routes, trustedProxies, keyLimit, keyInFlight, bulkLimit, addressLimit } = config;
  // Control knows which backends have announced themselves, whatever number this process was started with.
  const upstreams = all.map((one) =>
    one.isAnnounced || one.discover !== undefined ? { ...one, backends: [], queueCapacity: 0 } : one,
  );
  const limits = { keyLimit, keyInFlight, bulkLimit, addressLimit };
  const text = JSON.stringify({ upstreams, routes, trustedProxies, ...limits });
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/** Builds the configuration from environment and file, with defaults. `given`: the variables that were set. */
export function buildConfig(
  env: Environment,
  file: ParsedConfigFile,
  folder: string,
  given: ReadonlySet<string>,
): Config {
  return {
    env,
    dataDir: resolve(folder, env.RAMPART_DATA_DIR),
    upstreams: upstreamsOf(env, file.upstreams ?? {}, given, folder),
    routes: (file.routes ?? []).map((route) => routeOf(route, env, file)),
    trustedProxies: file.trustedProxies ?? [],
    connections: {
      max: file.connections?.max,
      maxPerAddress: file.connections?.maxPerAddress,
      maxPipelined: file.connections?.maxPipelined ?? DEFAULT_MAX_PIPELINED,
    },
    proxyProtocol: proxyProtocolOf(file.proxyProtocol),
    tls: tlsOf(env, file.tls, folder),
    accessLog: accessLogOf(env, file, folder),
    traces: { trust: file.traces?.trust ?? 'anyone' },
    headers: { via: file.headers?.via ?? true, serverTiming: file.headers?.serverTiming ?? true },
    builtin: builtinOf(file.builtin),
    errorPages: errorPagesOf(file.errorPages),
    keyLimit: rateOf(file.keyLimit),
    keyInFlight: file.keyLimit?.maxConcurrent,
    bulkLimit: file.bulkLimit,
    addressLimit: file.addressLimit,
  };
}

function builtinOf(builtin: ParsedConfigFile['builtin']): Config['builtin'] {
  return builtin === false ? false : { host: builtin?.host?.toLowerCase(), prefix: builtin?.prefix ?? '' };
}

function accessLogOf({ ACCESS_LOG }: Environment, { accessLog }: ParsedConfigFile, folder: string): AccessLogConfig {
  return {
    target: ACCESS_LOG === undefined || ACCESS_LOG === '-' ? ACCESS_LOG : resolve(folder, ACCESS_LOG),
    sampleRate: accessLog?.sampleRate ?? 1,
    slowMs: accessLog?.slowMs ?? DEFAULT_SLOW_MS,
    query: accessLog?.query ?? [],
    clientAddress: accessLog?.clientAddress ?? 'full',
  };
}

/** Problems of several variables together: ports that collide, an admin API open to the world. */
function crossProblems(env: Environment): string[] {
  const problems: string[] = [];
  const lastPort = env.GENERATOR_PORT + env.GENERATOR_INSTANCES - 1;
  const range = `GENERATOR_PORT and GENERATOR_INSTANCES take the ports ${env.GENERATOR_PORT} to ${lastPort}`;
  if (env.PORT === env.ADMIN_PORT) problems.push(`ADMIN_PORT must differ from PORT: got '${env.ADMIN_PORT}' for both`);
  if (env.GENERATOR_INSTANCES > 0 && lastPort > 65_535) problems.push(`${range}, which must end at 65535 or below`);
  const { TLS_PORT } = env;
  for (const name of ['PORT', 'ADMIN_PORT'] as const)
    if (TLS_PORT === env[name]) problems.push(`TLS_PORT must differ from ${name}: got '${TLS_PORT}' for both`);
  for (const name of ['PORT', 'ADMIN_PORT', 'TLS_PORT'] as const) {
    const taken = env[name];
    if (taken !== undefined && taken >= env.GENERATOR_PORT && taken <= lastPort) {
      problems.push(`${range}, so ${name} must lie outside: got '${taken}'`);
    }
  }
  if (!isLoopback(env.ADMIN_HOST) && env.ADMIN_TOKEN === undefined) {
    problems.push(`ADMIN_TOKEN must be set when ADMIN_HOST is not on loopback: got ADMIN_HOST '${env.ADMIN_HOST}'`);
  }
  return [...problems, ...tokenProblems(env)];
}

function tokenProblems({ ADMIN_TOKEN: token, ADMIN_READ_TOKEN: readToken }: Environment): string[] {
  const tooShort = Object.entries({ ADMIN_TOKEN: token, ADMIN_READ_TOKEN: readToken })
    .filter(([, value]) => value !== undefined && value.length < 16)
    .map(([name]) => `${name} must be at least 16 characters long: got a shorter one`);
  if (readToken === undefined) return tooShort;
  if (token === undefined)
    return [...tooShort, 'ADMIN_READ_TOKEN needs ADMIN_TOKEN: without it, everyone may change all'];
  return token === readToken ? [...tooShort, 'ADMIN_READ_TOKEN must differ from ADMIN_TOKEN: got the same'] : tooShort;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
