import type { AddressInfo } from 'node:net';
import { configHash } from '../config/config.ts';
import type { Config } from '../config/model.ts';
import type { BackendConfig, BackendState } from '../protocol/backends.ts';
import type { Timer } from '../core/clock.ts';
import type { PlaceNews } from '../protocol/places.ts';
import { BULK_ID, bulkLeaseOf } from '../protocol/bulk-lease.ts';
import { TRUST_MS } from '../policy/fleet/worker-trust.ts';
import type { NewsPosition } from '../protocol/news-position.ts';
import type { TokenGrant } from '../protocol/tokens.ts';
import type { CacheCommand } from '../protocol/cache-order.ts';
import { type GatewayDependencies, openContext, upstreamOpener } from './open-context.ts';
import type { PublicServer } from './open-server.ts';
import type { GatewayContext } from './context.ts';
import { useBackendConnections } from './limits/connection-limit.ts';
import { countConnections } from './http/connection-gauge.ts';
import { type ListenerName, Listeners, type ListenPlace } from './listeners.ts';
import { prepareVersion, type PreparedVersion } from './prepare-version.ts';
import { UpstreamTable } from './upstream-table.ts';
import { WorkerVersion } from './worker-version.ts';

/** How often a drain checks for remaining requests. */
const DRAIN_POLL_MS = 20;

/** One gateway worker without its process: the server, and the handlers of control's messages. */
export class Gateway {
  /** The parts that all versions of the configuration share. */
  readonly #context: GatewayContext;
  readonly #upstreams: UpstreamTable;
  #version: WorkerVersion;
  /** Versions that are no longer in force, with requests in flight. */
  readonly #outdated = new Set<WorkerVersion>();
  #configHash: string;
  readonly #listeners: Listeners;
  readonly #hurry = Promise.withResolvers<void>();
  #draining = false;
  #isHurried = false;

  constructor(dependencies: GatewayDependencies) {
    const { config, clock, sendLeaseReport: send } = dependencies;
    const context = openContext(dependencies, () => this.#draining);
    const { upstreams, metrics } = context;
    this.#context = context;
    this.#upstreams = new UpstreamTable({
      config,
      upstreams,
      clock,
      open: upstreamOpener(dependencies, metrics),
      send,
    });
    this.#version = new WorkerVersion(context, undefined, () => this.#retire());
    this.#configHash = configHash(config);
    this.#listeners = new Listeners(context, dependencies.random, () => this.#version);
    countConnections(metrics.registry, this.#listeners.servers, dependencies.instance ?? 0);
    this.#leaveDescriptors();
  }

  get listener(): PublicServer {
    return this.#listeners.public;
  }

  /** Resolves when connections are accepted; rejects with the system's error. */
  listen(place: ListenPlace, name: ListenerName = 'public'): Promise<void> {
    return this.#listeners.listen(name, place);
  }

  /** Undefined if the configuration has no such listener. */
  addressOf(name: ListenerName): AddressInfo | undefined {
    return this.#listeners.addressOf(name);
  }

  /** Takes the key of session tickets, in Base64, that all workers of the host have. */
  useTicketKey(key: string): void {
    this.#listeners.tls?.useTicketKey(Buffer.from(key, 'base64'));
  }

  /** The configuration that is in force. */
  get config(): Config {
    return this.#version.context.config;
  }

  /**
   * Builds what another configuration needs; nothing of it is in force before its `commit`, which cannot fail. The same
   * upstreams and routes must be the same objects (`withSharedParts`). `number`: of the version, for the access log.
   */
  prepareConfig(config: Config, number?: number): PreparedVersion {
    const useCertificates = config.tls && this.#listeners.tls?.prepareCertificates(config.tls.certificates);
    return prepareVersion(config, number, this.#version, {
      upstreams: this.#upstreams,
      onUnused: () => this.#retire(),
      onCommit: (version) => {
        const previous = this.#version;
        this.#version = version;
        useCertificates?.();
        this.#configHash = configHash(config);
        this.#leaveDescriptors();
        if (previous.isUnused) this.#retire();
        else this.#outdated.add(previous);
      },
    });
  }

  /** Control has told the number of the version in force, which is the one that this worker found at its start. */
  useVersionNumber(number: number): void {
    const { accessLog } = this.#version.context;
    if (accessLog !== undefined) accessLog.configVersion = number;
  }

  /** The last request of a version has ended, and with the last of all older ones the upstreams that left are closed. */
  #retire(): void {
    for (const version of this.#outdated) if (version.isUnused) this.#outdated.delete(version);
    if (this.#outdated.size === 0) this.#upstreams.retire();
  }

  /** Takes over the health that control reports; backends that the report does not name stay as they are. */
  applyBackends(states: readonly BackendState[]): void {
    const byName = new Map(states.map((state) => [`${state.upstream}/${state.backend}`, state]));
    for (const upstream of this.#upstreams.all()) {
      for (const backend of upstream.backends) {
        const state = byName.get(`${upstream.name}/${backend.id}`);
        if (state === undefined) continue;
        backend.healthy = state.up;
      }
      upstream.refresh();
    }
  }

  /**
   * A new connection to control. Returns the permits that this worker holds, by upstream, which must be the first
   * message.
   */
  controlFound(): Record<string, readonly number[]> {
    const { rates, inFlight } = this.#context.limits;
    rates.tokens.connected();
    inFlight.places.connected();
    this.#context.cachePeers.connected();
    return this.#upstreams.connected();
  }

  /** The permits that this worker holds, by upstream. */
  leasesHeld(): Record<string, readonly number[]> {
    return this.#upstreams.held();
  }

  /** A message has come from control. */
  controlHeard(): void {
    for (const lease of this.#upstreams.leases()) lease.heard();
  }

  /**
   * The backends of each upstream that control knows, and for which it leases permits. Where backends announce
   * themselves, this worker uses control's list; for other upstreams only while both have the same configuration.
   */
  useMembers(members: Readonly<Record<string, readonly BackendConfig[]>>, hash: string): void {
    for (const upstream of this.#upstreams.all()) {
      const { name } = upstream;
      const backends = members[name];
      const isAnnounced = this.config.upstreams.some(
        (one) => one.name === name && (one.isAnnounced || one.discover !== undefined),
      );
      if (backends !== undefined && (isAnnounced || hash === this.#configHash)) upstream.useBackends(backends);
      this.#upstreams.leaseOf(name)?.leasedByControl(backends?.map(({ id }) => id));
      const isLeased = backends !== undefined && hash === this.#configHash;
      this.#upstreams.leaseOf(bulkLeaseOf(name))?.leasedByControl(isLeased ? [BULK_ID] : undefined);
    }
    this.#leaveDescriptors();
  }

  /** Bounds client connections, because backend connections need descriptors, too. */
  #leaveDescriptors(): void {
    const { config, upstreams } = this.#version.context;
    const connections = upstreams.map(({ name, backends }) => {
      const cap = config.upstreams.find((one) => one.name === name)?.cap ?? 0;
      return backends.length * cap;
    });
    const all = connections.reduce((sum, count) => sum + count, 0);
    useBackendConnections(this.#listeners.servers, config.connections.max, all);
  }

  /** The leases of its upstreams, for the orders of control. */
  get leases(): Pick<UpstreamTable, 'idsOf' | 'leaseOf' | 'leases'> {
    return this.#upstreams;
  }

  /** Takes tokens of rate limits, which so many hosts share. */
  applyTokens(grants: readonly TokenGrant[], hosts?: number): void {
    this.#context.limits.rates.tokens.answered(grants, hosts);
  }

  /** Takes places of clients, or gives them back. */
  applyPlaces(news: readonly PlaceNews[]): void {
    this.#context.limits.inFlight.places.heard(news);
  }

  /**
   * Control is gone, and its health checks with it. Backends that it reported as down may be up by now, so all are used
   * again; failed attempts will show which are down.
   */
  controlLost(): void {
    this.#context.limits.rates.tokens.lost();
    this.#context.limits.inFlight.places.lost();
    this.#context.cachePeers.lost();
    this.#upstreams.lost();
    for (const upstream of this.#upstreams.all()) {
      for (const backend of upstream.backends) backend.healthy = true;
      upstream.refresh();
    }
  }

  /** Keys have been made or revoked. */
  forgetKeys(): void {
    this.#context.limits.keys.clear();
  }

  /** Carries out an order of control about the cache. */
  applyCache(command: CacheCommand): void {
    this.#context.cachePeers.said(command);
  }

  /** Until when this worker may use what it has stored without asking, by its clock, and the news that it has carried out. */
  trustStored(until: number, news?: NewsPosition): void {
    this.#context.storedTrust.extend(until);
    if (news !== undefined) this.#context.cache.learnNews(news, until - TRUST_MS);
  }

  /** For `/api/status`. */
  status(): Record<string, unknown> {
    const upstreams = this.#upstreams.all().map((upstream) => ({
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
    const { rates, inFlight, refusedKeys } = this.#context.limits;
    const rateLimits = { subjects: rates.tokens.size, decided_by_share: rates.tokens.byShare };
    const { places } = inFlight;
    const inFlightLimits = { clients: places.size, decided_by_share: places.byShare };
    const limits = { rate_limits: rateLimits, in_flight_limits: inFlightLimits };
    return { draining: this.#draining, upstreams, cache, ...limits, refused_keys: refusedKeys.shown() };
  }

  /**
   * Stops in this order: accepts for SHUTDOWN_DELAY_MS more, with `Connection: close` and /readyz at 503; closes the
   * listener; waits for requests to end, for DRAIN_TIMEOUT_MS at most; closes the tunnels. Resolves when all have
   * ended.
   */
  async drain(): Promise<void> {
    if (this.#draining) return;
    this.#draining = true;
    const { clock, tunnels, config } = this.#context;
    const { SHUTDOWN_DELAY_MS, DRAIN_TIMEOUT_MS } = config.env;
    const closesAt = clock.now() + SHUTDOWN_DELAY_MS;
    await this.#until(() => clock.now() >= closesAt);
    let isClosed = false;
    const closed = this.#listeners.stopAccepting().then(() => (isClosed = true));
    const endsAt = DRAIN_TIMEOUT_MS === 0 ? Number.POSITIVE_INFINITY : clock.now() + DRAIN_TIMEOUT_MS;
    const isOver = (): boolean => isClosed || clock.now() >= endsAt;
    await this.#until(() => isOver() || this.#underway() === 0);
    tunnels.closeAll();
    await this.#until(isOver);
    this.#listeners.dropAll();
    await closed;
    this.#context.limits.rates.tokens.close();
    this.#context.limits.inFlight.places.close();
    this.#context.cache.close();
    this.#context.replies.close();
    this.#listeners.close();
    await this.#upstreams.close();
  }

  /** A present or future drain waits for nothing any more. */
  hasten(): void {
    this.#hurry.resolve();
    this.#isHurried = true;
  }

  /** Requests that have not ended, without tunnels, because a tunnel may never end by itself. */
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
