import type { Server } from 'node:http';
import type { ListenOptions, Socket } from 'node:net';
import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { configHash } from '../config/config.ts';
import type { Config } from '../config/model.ts';
import type { BackendConfig, BackendState } from '../protocol/backends.ts';
import { AddressSet } from '../core/addresses.ts';
import type { Clock, Timer } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import type { HostLoad, LeaseOrder, LeaseReport } from '../protocol/lease.ts';
import type { TokenAsk, TokenGrant } from '../protocol/tokens.ts';
import { staticShare } from '../policy/permits/shares.ts';
import type { Bugs } from '../metrics/bugs.ts';
import type { Registry } from '../metrics/instruments.ts';
import type { BarcodeStore } from '../store/barcodes.ts';
import type { Ledger } from '../store/ledger.ts';
import { Cache, type CacheOptions } from './cache/cache.ts';
import type { CacheCommand, CacheReport } from '../protocol/cache-order.ts';
import { CachePeers } from './cache/cache-peers.ts';
import { registerCacheMetrics } from './cache/cache-metrics.ts';
import { ClientConnections } from './http/client-connections.ts';
import { ConnectionAges } from './http/connection-ages.ts';
import { Exchange } from './http/exchange.ts';
import type { GatewayContext } from './context.ts';
import { GatewayMetrics } from './metrics.ts';
import { limitConnections, useBackendConnections } from './limits/connection-limit.ts';
import { GuessLimit } from './limits/guess-limit.ts';
import { type FindKey, KeyCache } from './limits/key-cache.ts';
import { LateRefusals } from './limits/late-refusals.ts';
import { LeaseClient } from './upstream/lease-client.ts';
import { RateLimiter } from './limits/rate-limiter.ts';
import { Refusal } from './refusal.ts';
import { ReadAdmission } from './limits/read-admission.ts';
import { RequestLog } from './request-log.ts';
import { requestPath } from './request-path.ts';
import { buildRouter } from './route-table.ts';
import { createHttpServer, dropConnection, type ServerHandlers, stopAccepting } from './http/server.ts';
import { SlowReplies } from './http/reply-queue.ts';
import { openStack } from './stack.ts';
import { Spool } from './http/spool.ts';
import { Tunnels } from './websocket/tunnels.ts';
import { Uploads } from './http/upload.ts';
import { Upstream } from './upstream/upstream.ts';

export interface GatewayDependencies {
  readonly config: Config;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly registry: Registry;
  readonly bugs: Bugs;
  readonly findKey: FindKey;
  readonly ledger: Ledger;
  readonly store: { readonly barcodes: BarcodeStore };
  /** Reads of the store that clients may have under way at a time; 4 if not given. */
  readonly readConcurrency?: number;
  /** Says to control what is held and what waits. Without it this worker has its equal share of the permits. */
  readonly sendLeaseReport?: (upstream: string, report: LeaseReport) => void;
  /** Asks control for tokens; false when it cannot be asked. Without it this worker has its share of each rate limit. */
  readonly sendTokenAsks?: (asks: readonly TokenAsk[]) => boolean;
  /** Says to control what concerns the caches of all workers. Without it this worker is the only one. */
  readonly sendCacheReport?: (report: CacheReport) => void;
}

const DEFAULT_READS = 4;

/** How often a drain looks whether requests are left. */
const DRAIN_POLL_MS = 20;

/** One gateway worker without its process: the server, and what control may tell it. */
export class Gateway {
  readonly server: Server;
  readonly #context: GatewayContext;
  readonly #leases: ReadonlyMap<string, LeaseClient>;
  readonly #configHash: string;
  readonly #hurry = Promise.withResolvers<void>();
  #listenFd: number | undefined;
  #draining = false;
  #isHurried = false;

  constructor(dependencies: GatewayDependencies) {
    const { config, clock, random, registry, log, bugs, findKey, ledger, store } = dependencies;
    const { env } = config;
    const trusted = new AddressSet(config.trustedProxies);
    const metrics = new GatewayMetrics(registry);
    const timeouts = { connectMs: env.CONNECT_TIMEOUT_MS, idleMs: env.UPSTREAM_TIMEOUT_MS };
    const initialPermits = (cap: number): number =>
      dependencies.sendLeaseReport === undefined ? staticShare(cap, env.GATEWAY_WORKERS) : 0;
    const workers = env.GATEWAY_WORKERS;
    const stack = openStack(clock);
    const cache = openCache(config, { clock, stack, log });
    const upstreams = config.upstreams.map(
      (upstream) =>
        new Upstream(upstream, {
          clock,
          random,
          metrics,
          bugs,
          timeouts,
          workers,
          maxStreams: Math.ceil(upstream.streams.max / workers),
          initialPermits,
        }),
    );
    this.#leases = openLeases(upstreams, dependencies);
    this.#configHash = configHash(config);
    const connections = new ClientConnections({
      clock,
      bugs,
      maxPipelined: config.connections.maxPipelined,
      start: (x) => void requestPath(x, this.#context, router),
    });
    this.#context = {
      config,
      clock,
      log,
      bugs,
      connections,
      lateRefusals: new LateRefusals({ clock, bugs, isProxy: (address) => trusted.has(address) }),
      requestLog: new RequestLog(log, clock),
      metrics,
      keys: new KeyCache(findKey, clock),
      guesses: new GuessLimit(clock, trusted),
      reads: new ReadAdmission(dependencies.readConcurrency ?? DEFAULT_READS, clock),
      limiter: openLimiter(dependencies),
      stack,
      cache,
      cachePeers: new CachePeers(clock, (order) => cache.carryOut(order), dependencies.sendCacheReport),
      upstreams,
      trustedProxies: trusted,
      ledger,
      store,
      tunnels: new Tunnels(),
      ...openBuffers(dependencies),
      isDraining: () => this.#draining,
    };
    const context = this.#context;
    registerCacheMetrics(registry, cache.store);
    const router = buildRouter(context);
    const unmatched = metrics.endpoint('unmatched');
    const ages = new ConnectionAges(env.CONNECTION_MAX_AGE_SECONDS * 1000, clock, random);
    const { trustedProxies, isDraining } = context;
    const isOld = (connection: Socket): boolean => ages.isOld(connection);
    const { via, serverTiming } = config.headers;
    const viaName = via ? viaNameOf(config) : '';
    const ofExchanges = { unmatched, trustedProxies, isDraining, isOld, viaName, serverTiming, clock };
    const handlers: ServerHandlers = {
      isBusy: (socket) => connections.isBusy(socket),
      request: (req, res, expectsContinue) => {
        const x = new Exchange(req, res, clock.now(), ofExchanges);
        x.expectsContinue = expectsContinue;
        if (connections.enter(x)) return;
        unmatched.countRejection('overloaded');
        dropConnection(req.socket);
      },
      upgrade: (req, res, upgrade) => {
        const x = new Exchange(req, res, clock.now(), ofExchanges);
        x.upgrade = upgrade;
        x.closeAfterReply = true;
        connections.watchUpgrade(x);
        void requestPath(x, context, router);
      },
      malformed: (reason) => {
        unmatched.countRejection(reason);
        unmatched.countStatus(new Refusal(reason, '').status);
      },
      connect: (socket) => connections.abandon(socket),
      bug: (where, error) => bugs.report(where, error),
    };
    this.server = createHttpServer(handlers, env.KEEP_ALIVE_TIMEOUT_MS);
    this.server.on('connection', (socket) => ages.opened(socket));
    limitConnections(this.server, {
      ...config.connections,
      onRefused: () => unmatched.countRejection('overloaded'),
    });
    this.#leaveDescriptors();
  }

  /** Resolves when connections are accepted; rejects with the system's error. */
  listen(options: ListenOptions | { readonly fd: number }): Promise<void> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      if ('fd' in options) this.#listenFd = options.fd;
      this.server.listen(options, () => {
        this.server.off('error', reject);
        resolve();
      });
    });
  }

  /** Takes over what control says; backends that it does not name stay as they are. */
  applyBackends(states: readonly BackendState[]): void {
    const byName = new Map(states.map((state) => [`${state.upstream}/${state.backend}`, state]));
    for (const upstream of this.#context.upstreams) {
      for (const backend of upstream.backends) {
        const state = byName.get(`${upstream.name}/${backend.id}`);
        if (state === undefined) continue;
        backend.healthy = state.up;
      }
      upstream.refresh();
    }
  }

  /** A new connection to control: what this worker holds, by upstream, to be said before anything else. */
  controlFound(): Record<string, readonly number[]> {
    this.#context.limiter.tokens.connected();
    this.#context.cachePeers.connected();
    return Object.fromEntries([...this.#leases].map(([name, lease]) => [name, lease.connected()]));
  }

  /** Control has said something, whatever it is. */
  controlHeard(): void {
    for (const lease of this.#leases.values()) lease.heard();
  }

  /**
   * The backends of each upstream by what control knows, of which it leases permits. Control decides which ones this worker
   * uses where they announce themselves, and everywhere while both have the same configuration.
   */
  useMembers(members: Readonly<Record<string, readonly BackendConfig[]>>, hash: string): void {
    for (const { name, isAnnounced } of this.#context.config.upstreams) {
      const backends = members[name];
      const upstream = this.#context.upstreams.find((one) => one.name === name);
      if (backends !== undefined && (isAnnounced || hash === this.#configHash)) upstream?.useBackends(backends);
      this.#leases.get(name)?.leasedByControl(backends?.map(({ id }) => id));
    }
    this.#leaveDescriptors();
  }

  /** Clients leave room for the connections to the backends. */
  #leaveDescriptors(): void {
    const { config, upstreams } = this.#context;
    const connections = upstreams.map(({ name, backends }) => {
      const cap = config.upstreams.find((one) => one.name === name)?.cap ?? 0;
      return backends.length * cap;
    });
    const all = connections.reduce((sum, count) => sum + count, 0);
    useBackendConnections(this.server, config.connections.max, all);
  }

  /** The backends of an upstream in the order of the counts in its lease messages; undefined for a vacant position. */
  leasedIds(upstream: string): (string | undefined)[] {
    const found = this.#context.upstreams.find(({ name }) => name === upstream);
    return found?.slots.map((backend) => backend?.id) ?? [];
  }

  /** What control says of the permits of an upstream. */
  applyLease(upstream: string, order: LeaseOrder): void {
    this.#leases.get(upstream)?.apply(order);
  }

  /** What control says of the other workers. */
  applyHostLoad(upstream: string, load: HostLoad): void {
    this.#leases.get(upstream)?.applyLoad(load);
  }

  /** What control gives of the rate limits. */
  applyTokens(grants: readonly TokenGrant[]): void {
    this.#context.limiter.tokens.answered(grants);
  }

  /** Control is gone, and with it its checks: what it took for down may be up by now, and failed attempts will tell. */
  controlLost(): void {
    this.#context.limiter.tokens.lost();
    this.#context.cachePeers.lost();
    for (const lease of this.#leases.values()) lease.lost();
    for (const upstream of this.#context.upstreams) {
      for (const backend of upstream.backends) backend.healthy = true;
      upstream.refresh();
    }
  }

  /** Keys have been made or revoked. */
  forgetKeys(): void {
    this.#context.keys.clear();
  }

  /** What control says of the cache. */
  applyCache(command: CacheCommand): void {
    this.#context.cachePeers.said(command);
  }

  /** For `/api/status`. */
  status(): Record<string, unknown> {
    const upstreams = this.#context.upstreams.map((upstream) => ({
      name: upstream.name,
      ...upstream.status(),
      backends: upstream.backends.map(({ id, inFlight, cap, available }) => ({
        id,
        inFlight,
        permits: cap,
        available,
      })),
    }));
    const { entries, bytes, maxBytes, evictions } = this.#context.cache.store;
    const cache = { entries, bytes, max_bytes: maxBytes, evictions };
    const { size, byShare } = this.#context.limiter.tokens;
    const rateLimits = { subjects: size, decided_by_share: byShare };
    return { draining: this.#draining, upstreams, cache, rate_limits: rateLimits };
  }

  /**
   * Ends in this order: goes on accepting for SHUTDOWN_DELAY_MS, with `Connection: close` and /readyz at 503; closes
   * the listener; lets requests end, for DRAIN_TIMEOUT_MS at most; says goodbye to tunnels. Resolves when all of it has
   * ended.
   */
  async drain(): Promise<void> {
    if (this.#draining) return;
    this.#draining = true;
    const { clock, upstreams, tunnels, config } = this.#context;
    const { SHUTDOWN_DELAY_MS, DRAIN_TIMEOUT_MS } = config.env;
    const closesAt = clock.now() + SHUTDOWN_DELAY_MS;
    await this.#until(() => clock.now() >= closesAt);
    let isClosed = false;
    const closed = stopAccepting(this.server, clock, this.#listenFd).then(() => (isClosed = true));
    const endsAt = DRAIN_TIMEOUT_MS === 0 ? Number.POSITIVE_INFINITY : clock.now() + DRAIN_TIMEOUT_MS;
    const isOver = (): boolean => isClosed || clock.now() >= endsAt;
    await this.#until(() => isOver() || this.#underway() === 0);
    tunnels.closeAll();
    await this.#until(isOver);
    this.server.closeAllConnections();
    await closed;
    for (const lease of this.#leases.values()) lease.close();
    this.#context.limiter.tokens.close();
    this.#context.cache.close();
    this.#context.replies.close();
    this.#context.connections.close();
    await Promise.all(upstreams.map((upstream) => upstream.close()));
  }

  /** A drain that is under way, or comes, waits for nothing any more. */
  hasten(): void {
    this.#hurry.resolve();
    this.#isHurried = true;
  }

  /** Requests that have not ended; tunnels have no end to wait for. */
  #underway(): number {
    return this.#context.metrics.underway - this.#context.tunnels.size;
  }

  async #until(holds: () => boolean): Promise<void> {
    const { clock } = this.#context;
    while (!this.#isHurried && !holds()) {
      let timer: Timer | undefined;
      const later = new Promise<void>((resolve) => void (timer = clock.setTimeout(resolve, DRAIN_POLL_MS)));
      await Promise.race([later, this.#hurry.promise]);
      timer?.cancel();
    }
  }
}

function openLeases(
  upstreams: readonly Upstream[],
  { config, clock, sendLeaseReport: send }: GatewayDependencies,
): Map<string, LeaseClient> {
  if (send === undefined) return new Map();
  return new Map(
    upstreams.map((upstream) => {
      const cap = config.upstreams.find(({ name }) => name === upstream.name)?.cap ?? 1;
      const share = staticShare(cap, config.env.GATEWAY_WORKERS);
      return [upstream.name, new LeaseClient({ upstream, share, clock, send })];
    }),
  );
}

/** One name for all workers of a host, by which they know a request that one of them has passed on. */
function viaNameOf({ dataDir, env }: Config): string {
  const digest = createHash('sha256').update(`${hostname()}\n${dataDir}\n${env.PORT}`).digest('hex');
  return `rampart-${digest.slice(0, 12)}`;
}

/** Where slow uploads and replies wait; a worker has an equal part of the host's budget. */
function openBuffers({
  config: { dataDir, env },
  clock,
  registry,
  log,
}: GatewayDependencies): Pick<GatewayContext, 'uploads' | 'replies'> {
  const spool = new Spool(join(dataDir, 'spool'), Math.floor(env.SPOOL_MAX_BYTES / env.GATEWAY_WORKERS));
  const onError = (error: unknown): void => log.warn({ err: error }, 'the spool failed');
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

function openLimiter({ config, clock, registry, sendTokenAsks }: GatewayDependencies): RateLimiter {
  const { env, keyLimit, addressLimit } = config;
  const trustedProxies = new AddressSet(config.trustedProxies);
  const workers = env.GATEWAY_WORKERS;
  return new RateLimiter({ clock, registry, workers, keyLimit, addressLimit, trustedProxies, sendTokenAsks });
}

function openCache({ env, routes }: Config, deps: Pick<CacheOptions, 'clock' | 'stack' | 'log'>): Cache {
  const shares = new Map<string, number>();
  for (const { endpoint, cache } of routes) if (cache?.maxBytes !== undefined) shares.set(endpoint, cache.maxBytes);
  const cachedRoutes = routes.filter(({ cache }) => cache !== undefined).map(({ endpoint }) => endpoint);
  const maxBytes = env.CACHE_TTL_SECONDS > 0 ? env.CACHE_MAX_BYTES : 0;
  return new Cache({ ...deps, maxBytes, shares, routes: cachedRoutes });
}
