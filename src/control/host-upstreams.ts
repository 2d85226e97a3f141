import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Config, UpstreamConfig } from '../config/model.ts';
import type { Clock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import type { Bugs } from '../metrics/bugs.ts';
import type { Registry } from '../metrics/instruments.ts';
import type { BackendConfig, BackendState } from '../protocol/backends.ts';
import type { ById, WireReport } from '../protocol/lease-wire.ts';
import type { ControlMessage } from '../protocol/messages.ts';
import type { ValkeyClient } from '../store/valkey/valkey-client.ts';
import { Discovery } from './discovery.ts';
import { BackendGauges } from './backend-gauges.ts';
import { BackendHolds, type HoldKind } from './backend-holds.ts';
import { type BackendHealth, HealthChecker } from './health-checker.ts';
import { openFleet } from './fleet/open-fleet.ts';
import type { FleetHolder } from './fleet/fleet-holder.ts';
import { HealthLog } from './health-log.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import type { Member } from './members.ts';
import type { ClusterPlace } from './kubernetes/cluster-place.ts';
import { Membership } from './membership.ts';
import { inFlightOf } from './worker-status.ts';

export interface HostUpstreamsOptions {
  readonly config: Config;
  readonly configHash: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly registry: Registry;
  readonly bugs: Bugs;
  /** Undefined without VALKEY_URL. */
  readonly valkey?: ValkeyClient | undefined;
  readonly runFolder: string;
  readonly host?: string | undefined;
  readonly gateways: () => Member[];
  readonly tell: (member: Member, message: ControlMessage) => void;
  /** Backends have gone down or come up. */
  readonly onHealth: (changed: readonly BackendHealth[]) => void;
  /** The cluster in whose pod control runs; undefined outside of one. */
  readonly cluster?: ClusterPlace | undefined;
  /** A person has ordered something. */
  readonly onOrder: (text: string, who: string | undefined) => void;
  /** The backends of an upstream have joined or left. */
  readonly onMembership: (upstream: string, backends: readonly BackendConfig[]) => void;
}

const LEASES_NAME = 'leases.json';
const HOLDS_NAME = 'holds.json';

/** The upstreams of the host, as control keeps them: their backends, the health of these, and the leases of permits. */
export class HostUpstreams {
  readonly membership: Membership;
  readonly #options: HostUpstreamsOptions;
  readonly #checker: HealthChecker;
  readonly #gauges: BackendGauges;
  #leases: LeaseKeeper | undefined;
  #holds: BackendHolds | undefined;
  #discovery: Discovery | undefined;
  #fleet: FleetHolder | undefined;
  #config: Config;
  #configHash: string;

  constructor(options: HostUpstreamsOptions) {
    this.#options = options;
    const { config, configHash, clock, random, runFolder, log, registry } = options;
    this.#config = config;
    this.#configHash = configHash;
    this.#gauges = new BackendGauges(registry);
    this.membership = new Membership({
      config,
      clock,
      runFolder,
      onChange: (upstream, backends) => this.#useBackends(upstream, backends),
      warn: (message, details) => log.warn(details, message),
    });
    const isOwn = (name: string): boolean => this.#config.upstreams.some((one) => one.name === name && one.isAnnounced);
    const healthLog = new HealthLog(log, isOwn);
    this.#checker = new HealthChecker(
      this.#upstreams(),
      { clock, random },
      (changed) => {
        healthLog.note(changed);
        options.onHealth(changed);
        this.broadcast();
      },
      (upstream, backend) => this.#loadOf(upstream, backend),
    );
  }

  /** Undefined before `openLeases`. */
  get leases(): LeaseKeeper | undefined {
    return this.#leases;
  }

  /** The lease of this host in its fleet; undefined without VALKEY_URL, and before `openLeases`. */
  get fleet(): FleetHolder | undefined {
    return this.#fleet;
  }

  /** A worker reports its permits and the requests that wait there. */
  reported(member: string, upstream: string, report: WireReport): void {
    this.#leases?.reported(member, upstream, report);
    this.#fleet?.reported(report.queued > 0);
  }

  /** The backends that a person keeps requests from. Undefined before `openLeases`. */
  get holds(): BackendHolds | undefined {
    return this.#holds;
  }

  /** A higher cap takes effect at once, a lower one as permits come back; false if there is no such backend. */
  setCap(upstream: string, backend: string | undefined, cap: number, who?: string): boolean {
    const isKept = backend !== undefined && this.#holds?.keepCap(upstream, backend, cap) === true;
    const isThere = isKept || (this.#leases?.setCap(upstream, backend, cap) ?? false);
    if (!isKept) this.#holds?.apply();
    if (isThere)
      this.#options.onOrder(`cap of ${backend === undefined ? upstream : `${upstream}/${backend}`} is ${cap}`, who);
    return isThere;
  }

  /** The backend gets no new requests, until it is released or for a while; false if there is none of this name. */
  hold(
    upstream: string,
    backend: string,
    kind: HoldKind,
    { forMs, who }: { forMs?: number; who?: string } = {},
  ): boolean {
    const isHeld = this.#holds?.hold(upstream, backend, kind, forMs) ?? false;
    const until = forMs === undefined ? '' : ` for ${Math.round(forMs / 1000)} s`;
    if (isHeld) this.#options.onOrder(`${upstream}/${backend} is ${kind}${until}`, who);
    return isHeld;
  }

  /** False if the backend was not held. */
  release(upstream: string, backend: string, who?: string): boolean {
    const isReleased = this.#holds?.release(upstream, backend) ?? false;
    if (isReleased) this.#options.onOrder(`${upstream}/${backend} gets requests again`, who);
    return isReleased;
  }

  health(): ReturnType<HealthChecker['health']> {
    return this.#checker.health();
  }

  /** The upstreams whose backends are in DNS. */
  discovery(): ReturnType<Discovery['status']> {
    return this.#discovery?.status() ?? [];
  }

  /** Called when no previous control can save its leases any more. */
  openLeases(): void {
    const { clock, random, runFolder, log, tell } = this.#options;
    const tellById = (id: string, message: ControlMessage): void => {
      const member = this.#options.gateways().findLast((present) => present.id === id);
      if (member !== undefined) tell(member, message);
    };
    this.#leases = new LeaseKeeper({
      upstreams: this.#upstreams(),
      clock,
      random,
      path: join(runFolder, LEASES_NAME),
      send: (id, upstream, order) => tellById(id, { type: 'lease', upstream, order }),
      sendLoad: (id, upstream, load) => tellById(id, { type: 'load', upstream, load }),
      warn: (message, details) => log.warn(details, message),
    });
    this.#holds = this.#openHolds(this.#leases);
    this.#fleet = openFleet({ ...this.#options, leases: this.#leases, upstreams: () => this.#config.upstreams });
    this.#discovery = new Discovery(
      {
        clock,
        random,
        log,
        registry: this.#options.registry,
        bugs: this.#options.bugs,
        cluster: this.#options.cluster,
        saved: (upstream) => this.membership.foundBefore(upstream),
        onChange: (upstream, backends) => this.membership.found(upstream, backends),
      },
      this.#config.upstreams,
    );
  }

  /**
   * Another configuration is in force, and the workers have been told. The leases of new upstreams begin with
   * `startLeases`, when all workers have reported what they hold.
   */
  useConfig(config: Config, configHash: string): void {
    this.#config = config;
    this.#configHash = configHash;
    const before = this.#checker.health();
    this.membership.useConfig(config);
    this.#discovery?.useUpstreams(config.upstreams);
    const upstreams = this.#upstreams();
    this.#checker.useUpstreams(upstreams);
    // Workers first, because later lease orders are about these backends.
    for (const worker of this.#options.gateways()) this.tellBackends(worker);
    this.#leases?.useConfig(upstreams);
    this.#holds?.apply();
    const present = new Set(this.#checker.health().map(({ upstream, backend }) => `${upstream}\n${backend}`));
    for (const { upstream, backend } of before) {
      if (!present.has(`${upstream}\n${backend}`)) this.#gauges.remove(upstream, backend);
    }
  }

  /** Starts the leases of upstreams that are new. `held`: what each worker holds of them. */
  startLeases(held: ReadonlyMap<string, Readonly<Record<string, ById>>>): void {
    this.#leases?.addUpstreams(this.#upstreams(), held);
    this.broadcast();
  }

  /** Sends the backends, then their known health: a worker treats a new backend as down until control says that it is up. */
  tellBackends(worker: Member): void {
    const { tell } = this.#options;
    tell(worker, { type: 'members', upstreams: this.membership.all(), configHash: this.#configHash });
    tell(worker, { type: 'backends', backends: this.#knownHealth() });
    if (this.#fleet !== undefined) tell(worker, this.#fleet.leaseEnd());
  }

  /**
   * Tells every worker which backends are up. Backends that have not been probed yet are left out: workers may still
   * know their state from the previous control.
   */
  broadcast(): void {
    const backends = this.#knownHealth();
    for (const { upstream, backend, up } of backends) this.#leases?.setUp(upstream, backend, up);
    for (const worker of this.#options.gateways()) this.#options.tell(worker, { type: 'backends', backends });
  }

  /** Brings the gauges up to date. */
  refreshGauges(): void {
    this.#fleet?.refreshGauges();
    for (const { upstream, backend, up } of this.#checker.health()) {
      const { cap, leased } = this.#leases?.stateOf(upstream, backend) ?? {};
      this.#gauges.set(upstream, backend, { up, cap, leased });
    }
  }

  async stop(): Promise<void> {
    await this.#fleet?.close();
    this.membership.stop();
    this.#discovery?.stop();
    this.#checker.stop();
    this.#leases?.stop();
    this.#holds?.stop();
  }

  #openHolds(leases: LeaseKeeper): BackendHolds {
    const { clock, runFolder, log } = this.#options;
    const isPresent = (upstream: string, backend: string): boolean =>
      this.#checker.health().some((one) => one.upstream === upstream && one.backend === backend);
    return new BackendHolds({
      clock,
      path: join(runFolder, HOLDS_NAME),
      capOf: (upstream, backend) => (isPresent(upstream, backend) ? leases.toldCap(upstream, backend) : undefined),
      setCap: (upstream, backend, cap) => void leases.setCap(upstream, backend, cap),
      warn: (message, details) => log.warn(details, message),
    });
  }

  /** The upstreams with their present backends. */
  #upstreams(): UpstreamConfig[] {
    const backends = this.membership.all();
    return this.#config.upstreams.map((upstream) => ({ ...upstream, backends: backends[upstream.name] ?? [] }));
  }

  /** Backends have joined or left. */
  #useBackends(upstream: string, backends: readonly BackendConfig[]): void {
    const ids = backends.map(({ id }) => id);
    const departed = this.#checker.health().filter((one) => one.upstream === upstream && !ids.includes(one.backend));
    this.#options.log.info({ upstream, backends: ids }, 'the backends of an upstream have changed');
    this.#options.onMembership(upstream, backends);
    // Workers first, because later lease orders are about these backends.
    this.#checker.useBackends(upstream, backends);
    for (const worker of this.#options.gateways()) this.tellBackends(worker);
    this.#leases?.useBackends(upstream, backends);
    this.#holds?.apply();
    for (const { backend } of departed) this.#gauges.remove(upstream, backend);
  }

  #knownHealth(): BackendState[] {
    return this.#checker
      .health()
      .flatMap(({ upstream, backend, up }) => (up === undefined ? [] : [{ upstream, backend, up }]));
  }

  #loadOf(upstream: string, backend: string): { inFlight: number; cap: number } {
    const workers = this.#options.gateways();
    const inFlight = workers.reduce((sum, { status }) => sum + inFlightOf(status, upstream, backend), 0);
    return { inFlight, cap: this.#leases?.stateOf(upstream, backend).cap ?? Number.POSITIVE_INFINITY };
  }
}
