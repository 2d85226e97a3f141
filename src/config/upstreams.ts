import { resolve } from 'node:path';
import { parseBackendUrl } from '../core/backend-url.ts';
import type { BackendConfig } from '../protocol/backends.ts';
import { certificateName, type DiscoverConfig, discoverOf } from './discover.ts';
import { fleetOf } from './fleet.ts';
import { defaultHealth, healthCheck, servingBackends, type UpstreamFile } from './health.ts';
import type { Environment } from './environment.ts';
import type { UpstreamConfig, UpstreamTls } from './model.ts';
import { type QueueSettings, queueSettings } from './queue.ts';

/** The upstream of Rampart's own generators. */
export const GENERATOR_UPSTREAM = 'generator';
export const DEFAULT_CAP = 16;
const DEFAULT_STREAMS = { max: 1000, idleTimeoutMs: 3_600_000 };
const DEFAULT_REPLY_HEAD_BYTES = 16 * 1024;

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

/** The upstreams of a host: its own generators, where it has some, and those of the file. `given`: the variables that were set. */
export function upstreamsOf(
  env: Environment,
  file: Readonly<Record<string, UpstreamFile>>,
  given: ReadonlySet<string>,
  folder: string,
): UpstreamConfig[] {
  const queueOf = queueSettings(env, given);
  const others = Object.entries(file).map(([name, upstream]) => upstreamOf(name, upstream, { env, queueOf, folder }));
  return env.GENERATOR_INSTANCES === 0 ? others : [generators(env, queueOf), ...others];
}

function generators(env: Environment, queueOf: QueueSettings): UpstreamConfig {
  return {
    name: GENERATOR_UPSTREAM,
    backends: Array.from({ length: env.GENERATOR_INSTANCES }, (_, index) => ({
      id: `generator-${index}`,
      origin: generatorOrigin(env, index),
    })),
    isAnnounced: true,
    cap: env.GENERATOR_CONCURRENCY,
    // The work of a generator is short, and any other generator can do it.
    health: { ...defaultHealth, path: '/healthz', cancelOnDown: true },
    required: true,
    balancer: env.BALANCER,
    streams: DEFAULT_STREAMS,
    replyHeadBytes: DEFAULT_REPLY_HEAD_BYTES,
    tls: undefined,
    ...queueOf({}, env.GENERATOR_INSTANCES * env.GENERATOR_CONCURRENCY),
  };
}

interface Surroundings {
  readonly env: Environment;
  readonly queueOf: QueueSettings;
  /** Where the paths of files start. */
  readonly folder: string;
}

function upstreamOf(name: string, upstream: UpstreamFile, { env, queueOf, folder }: Surroundings): UpstreamConfig {
  const discover = discoverOf(upstream.discover);
  const tls = upstreamTls(upstream.tls, folder, discover);
  const serving = servingBackends(upstream);
  return {
    name,
    backends: [...serving.map(backendOf), ...(upstream.backup ?? []).map(backupOf)],
    discover,
    isAnnounced: false,
    cap: upstream.cap ?? DEFAULT_CAP,
    reserved: upstream.reserved,
    fleet: fleetOf(upstream, env),
    health: healthCheck(upstream, tls),
    required: upstream.required ?? false,
    balancer: upstream.balancer ?? env.BALANCER,
    hashBy: upstream.hashBy,
    ...queueOf(upstream, serving.length * (upstream.cap ?? DEFAULT_CAP)),
    streams: {
      max: upstream.streams?.max ?? DEFAULT_STREAMS.max,
      idleTimeoutMs: upstream.streams?.idleTimeoutMs ?? DEFAULT_STREAMS.idleTimeoutMs,
    },
    replyHeadBytes: upstream.replyHeadBytes ?? DEFAULT_REPLY_HEAD_BYTES,
    tls,
  };
}

const backupOf = (text: string): BackendConfig => ({ ...backendOf(text), isBackup: true });

/** The schema has refused what is no URL of a backend. */
function backendOf(text: string): BackendConfig {
  const parsed = parseBackendUrl(text);
  if (typeof parsed === 'string') throw new Error(`${text} ${parsed}`);
  return { id: parsed.id, origin: parsed.origin };
}

function upstreamTls(
  file: UpstreamFile['tls'],
  folder: string,
  discover: DiscoverConfig | undefined,
): UpstreamTls | undefined {
  const byName = discover?.scheme === 'https' ? certificateName(discover) : undefined;
  if (file === undefined && byName === undefined) return undefined;
  const tls = file ?? {};
  const place = (path: string | undefined): string | undefined => path && resolve(folder, path);
  return {
    caFile: place(tls.caFile),
    certFile: place(tls.certFile),
    keyFile: place(tls.keyFile),
    serverName: tls.serverName ?? byName,
    verify: tls.verify ?? true,
  };
}
