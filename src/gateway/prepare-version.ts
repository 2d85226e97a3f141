import type { Config, RouteConfig } from '../config/model.ts';
import { cachedRoutesOf } from './open-context.ts';
import type { UpstreamTable } from './upstream-table.ts';
import { WorkerVersion } from './worker-version.ts';

/** A configuration that is built and not in force yet. */
export interface PreparedVersion {
  commit(): void;
  /** Gives up what was built. */
  abandon(): void;
}

export interface VersionOwner {
  readonly upstreams: UpstreamTable;
  readonly onUnused: () => void;
  readonly onCommit: (version: WorkerVersion) => void;
}

/** Builds the version of a configuration beside the one in force; throws where it cannot be built. `number`: as control counts them. */
export function prepareVersion(
  config: Config,
  number: number | undefined,
  current: WorkerVersion,
  owner: VersionOwner,
): PreparedVersion {
  const prepared = owner.upstreams.prepare(config);
  try {
    const accessLog = current.context.accessLog?.withConfig(config, number);
    const tracer = current.context.tracer?.withConfig(config);
    const context = { ...current.context, config, upstreams: prepared.upstreams, accessLog, tracer };
    const version = new WorkerVersion(context, current.routes, owner.onUnused);
    return {
      commit: () => {
        prepared.commit();
        useSharedSettings(version, current.context.config);
        owner.onCommit(version);
      },
      abandon: () => prepared.abandon(),
    };
  } catch (error) {
    prepared.abandon();
    throw error;
  }
}

/** Settings of parts that all versions share. */
function useSharedSettings({ context }: WorkerVersion, previous: Config): void {
  const { config, cache, limits, trustedProxies } = context;
  trustedProxies.replace(config.trustedProxies);
  limits.rates.useLimits(config.keyLimit, config.addressLimit);
  limits.inFlight.useKeyLimit(config.keyInFlight);
  cache.useRoutes(cachedRoutesOf(config));
  for (const { endpoint } of outdatedRoutes(config.routes, previous.routes)) cache.carryOut({ purge: { endpoint } });
}

/** Settings of a route that change no reply, so that stored ones stay good. */
const neutral = new Set<string>([
  'timeoutMs',
  'maxBodyBytes',
  'priority',
  'limit',
  'pure',
  'hedge',
  // Replies are stored as they came, and compressed for each client.
  'compress',
  'upload',
  'bufferBodyBytes',
  'bufferReplyBytes',
  'idleTimeoutMs',
  'retry',
] satisfies (keyof RouteConfig)[]);

/** The routes whose stored replies may differ from what the next configuration would answer. */
function outdatedRoutes(next: readonly RouteConfig[], previous: readonly RouteConfig[]): RouteConfig[] {
  const kept = new Set(next);
  const byEndpoint = new Map(next.map((route) => [route.endpoint, route]));
  return previous.filter((route) => {
    if (route.cache === undefined || kept.has(route)) return false;
    const successor = byEndpoint.get(route.endpoint);
    return successor === undefined || replyText(successor) !== replyText(route);
  });
}

const replyText = (route: RouteConfig): string =>
  JSON.stringify(Object.entries(route).filter(([name]) => !neutral.has(name)));
