import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Config, UpstreamConfig } from '../config/model.ts';
import { AddressSet } from '../core/addresses.ts';
import { codeOf } from '../core/errors.ts';
import { RequestScope } from '../core/request-scope.ts';
import type { Random } from '../core/random.ts';
import type { LeaseReport } from '../protocol/lease.ts';
import { staticShare } from '../policy/permits/shares.ts';
import type { IdempotencyStore } from '../store/idempotency.ts';
import type { BarcodeStore } from '../store/barcodes.ts';
import type { BatchStore } from '../store/batches/batches.ts';
import type { Ledger } from '../store/ledger.ts';
import type { ValkeyCache } from '../store/valkey/valkey-cache.ts';
import type { CacheReport } from '../protocol/cache-order.ts';
import { AccessLog, type AccessLogCounts, type LineSink } from './access-log/access-log.ts';
import { Cache, type CachedRoutes, type CacheOptions } from './cache/cache.ts';
import { keyName } from './cache/entry.ts';
import { SharedCache } from './cache/shared-cache.ts';
import { Compressions } from './compression/compressions.ts';
import { CachePeers } from './cache/cache-peers.ts';
import { registerCacheMetrics } from './cache/cache-metrics.ts';
import type { GatewayContext } from './context.ts';
import { GatewayMetrics } from './metrics.ts';
import { type LimitsOptions, openLimits } from './limits/open.ts';
import { RecordPeers } from './record-peers.ts';
import { RequestLog } from './request-log.ts';
import { SlowReplies } from './http/slow-replies.ts';
import { StoredTrust } from './stored-trust.ts';
import { openStack } from './stack.ts';
import { Spool } from './http/spool.ts';
import type { SpanOutbox } from './traces/span-outbox.ts';
import { Tracer } from './traces/tracer.ts';
import { Tunnels } from './websocket/tunnels.ts';
import { Uploads } from './http/upload.ts';
import { Upstream } from './upstream/upstream.ts';

export interface GatewayDependencies extends LimitsOptions {
  /** The number of this worker among those of the host, for metrics. */
  readonly instance?: number;
  readonly random: Random;
  readonly log: Logger;
  readonly ledger: Ledger;
  /** Where the access log goes; undefined where it is off. */
  readonly accessLog?: { readonly sink: LineSink; readonly counts: AccessLogCounts } | undefined;
  /** Where the spans of requests go; undefined where requests are not traced. */
  readonly spans?: Pick<SpanOutbox, 'addRequest' | 'addAttempt'> | undefined;
  readonly store: {
    readonly barcodes: BarcodeStore;
    readonly idempotency: IdempotencyStore;
    readonly batches: BatchStore;
  };
  /**
   * Sends reports about permits and waiting requests to control. Without it this worker has its equal share of the
   * permits.
   */
  readonly sendLeaseReport?: (upstream: string, report: LeaseReport) => void;
  readonly requestScope?: RequestScope | undefined;
  /** Without it there are no other workers. */
  readonly recordPeers?: RecordPeers | undefined;
  /** Sends messages about the caches of all workers to control. Without it this worker is the only one. */
  readonly sendCacheReport?: (report: CacheReport) => void;
  /** The cache that hosts share; undefined without VALKEY_CACHE_URL, and without VALKEY_URL, as purges must reach it. */
  readonly sharedStore?: ValkeyCache | undefined;
}

/** Makes the parts of a worker. */
export function openContext(dependencies: GatewayDependencies, isDraining: () => boolean): GatewayContext {
  const { config, clock, registry, log, bugs, ledger, store, spans, sharedStore } = dependencies;
  const trusted = new AddressSet(config.trustedProxies);
  const metrics = new GatewayMetrics(registry);
  const stack = openStack(clock);
  const trust = new StoredTrust(config.env.VALKEY_URL !== undefined);
  const shared = sharedStore && new SharedCache({ clock, bugs, registry, store: sharedStore, trust });
  const cache = openCache(config, { clock, stack, bugs, trust, shared });
  registerCacheMetrics(registry, cache.store);
  return {
    config,
    clock,
    random: dependencies.random,
    log,
    bugs,
    requestLog: new RequestLog(log, clock),
    accessLog: openAccessLog(dependencies, trusted),
    tracer: spans && new Tracer({ config, clock, trustedProxies: trusted, outbox: spans }),
    metrics,
    storedTrust: trust,
    limits: openLimits(dependencies, trusted, trust),
    stack,
    compressions: openCompressions(dependencies),
    cache,
    cachePeers: new CachePeers(clock, (order) => cache.carryOut(order), dependencies.sendCacheReport),
    upstreams: config.upstreams.map(upstreamOpener(dependencies, metrics)),
    trustedProxies: trusted,
    ledger,
    recordPeers: dependencies.recordPeers ?? new RecordPeers({ clock, ledger }),
    requestScope: dependencies.requestScope ?? new RequestScope(),
    store,
    tunnels: new Tunnels(),
    ...openBuffers(dependencies),
    isDraining,
  };
}

function openAccessLog(
  { accessLog, config, clock, random }: GatewayDependencies,
  trustedProxies: AddressSet,
): AccessLog | undefined {
  if (accessLog === undefined) return undefined;
  return new AccessLog({ ...accessLog, config, clock, random, trustedProxies });
}

/** Makes the upstreams of this worker. */
export function upstreamOpener(
  dependencies: GatewayDependencies,
  metrics: GatewayMetrics,
): (config: UpstreamConfig) => Upstream {
  const { config, clock, random, bugs } = dependencies;
  const { GATEWAY_WORKERS: workers, CONNECT_TIMEOUT_MS: connectMs, UPSTREAM_TIMEOUT_MS: idleMs } = config.env;
  const timeouts = { connectMs, idleMs };
  const initialPermits = (cap: number): number =>
    dependencies.sendLeaseReport === undefined ? staticShare(cap, workers) : 0;
  const maxStreams = ({ streams }: UpstreamConfig): number => Math.ceil(streams.max / workers);
  const shared = { clock, random, metrics, bugs, timeouts, workers, maxStreams, initialPermits };
  return (upstream) => new Upstream(upstream, shared);
}

function openCompressions({ registry, bugs }: GatewayDependencies): Compressions {
  const help = 'Bytes of replies before and after compression';
  return new Compressions(bugs, registry.counter('rampart_compression_bytes_total', help, 'encoding', 'side'));
}

/** Where slow uploads and replies wait; a worker has an equal part of the host's budget. */
function openBuffers({
  config: { dataDir, env },
  clock,
  registry,
  log,
  bugs,
}: GatewayDependencies): Pick<GatewayContext, 'uploads' | 'replies'> {
  const spool = new Spool(join(dataDir, 'spool'), Math.floor(env.SPOOL_MAX_BYTES / env.GATEWAY_WORKERS));
  const onError = (error: unknown): void => {
    // An error without a system code is a bug.
    if (codeOf(error) === undefined) bugs.report('spool', error);
    else log.warn({ err: error }, 'the spool failed');
  };
  const replies = new SlowReplies(spool, clock, onError);
  const bytes = registry.gauge('rampart_spool_bytes', 'Slow uploads and replies on disk', 'sum').of();
  const memory = registry
    .gauge('rampart_reply_buffer_bytes', 'Replies in memory that wait for their clients', 'sum')
    .of();
  registry.onSnapshot(() => {
    bytes.set(spool.usedBytes);
    memory.set(replies.memoryBytes);
  });
  return { uploads: new Uploads(spool, clock, onError), replies };
}

function openCache(config: Config, deps: Omit<CacheOptions, 'maxBytes' | 'routes'>): Cache {
  const { CACHE_TTL_SECONDS, CACHE_MAX_BYTES } = config.env;
  return new Cache({ ...deps, maxBytes: CACHE_TTL_SECONDS > 0 ? CACHE_MAX_BYTES : 0, routes: cachedRoutesOf(config) });
}

/** The routes whose replies are kept. */
export function cachedRoutesOf({ routes }: Config): CachedRoutes {
  const shares = new Map<string, number>();
  for (const { endpoint, cache } of routes) if (cache?.maxBytes !== undefined) shares.set(endpoint, cache.maxBytes);
  const names = routes
    .filter(({ cache }) => cache !== undefined)
    .flatMap(({ endpoint, upstreams }) =>
      upstreams === undefined ? [endpoint] : upstreams.map(({ upstream }) => keyName(endpoint, upstream)),
    );
  return { names, shares };
}
