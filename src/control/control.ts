import { join } from 'node:path';
import type { Logger } from 'pino';
import { configHash } from '../config/config.ts';
import type { Config, UpstreamConfig } from '../config/model.ts';
import type { BackendConfig, BackendState } from '../protocol/backends.ts';
import type { Clock, Timer } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import type { TokenAsk } from '../protocol/tokens.ts';
import type { Bugs } from '../metrics/bugs.ts';
import type { Registry, Snapshot } from '../metrics/instruments.ts';
import type { PurgeTarget } from '../protocol/cache-order.ts';
import { CacheOrders, type PurgeResult } from './cache-orders.ts';
import { HealthLog } from './health-log.ts';
import { HealthChecker } from './health-checker.ts';
import { inFlightOf } from './worker-status.ts';
import { LeaseKeeper, pidNamespace } from './lease-keeper.ts';
import { claimControlSocket, controlSocket } from './control-socket.ts';
import { type Member, Members } from './members.ts';
import { Membership } from './membership.ts';
import { BackendGauges } from './backend-gauges.ts';
import type { MemberMessage } from '../protocol/messages.ts';
import { RateTokens } from './rate-tokens.ts';
import { TicketKey } from './ticket-key.ts';
import { endStopped, StoppedWorkers } from './stopped-workers.ts';
import { HostMetrics } from './host-metrics.ts';
import { hostStatus } from './host-status.ts';

export interface ControlDependencies {
  readonly config: Config;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Control's own metrics. */
  readonly registry: Registry;
  readonly bugs: Bugs;
  /** Where the socket and the book lie. */
  readonly runFolder: string;
  readonly version: string;
}

const LEASES_NAME = 'leases.json';
const PULSE_INTERVAL_MS = 500;

/** Owns what the workers of a host share: health, permits, metrics. */
export class Control {
  readonly #dependencies: ControlDependencies;
  readonly #members: Members;
  readonly #membership: Membership;
  readonly #checker: HealthChecker;
  #leases: LeaseKeeper | undefined;
  readonly #tokens: RateTokens;
  readonly #metrics: HostMetrics;
  readonly #startedAtMs: number;
  readonly #gauges: BackendGauges;
  readonly #cacheOrders: CacheOrders<Member>;
  readonly #stopped: StoppedWorkers;
  readonly #ticketKey: TicketKey;
  readonly #configHash: string;
  #pulseTimer: Timer | undefined;

  constructor(dependencies: ControlDependencies) {
    this.#dependencies = dependencies;
    const { config, clock, random, runFolder, registry, bugs, log } = dependencies;
    this.#startedAtMs = clock.wallNow();
    this.#configHash = configHash(config);
    const ask = (member: Member): void => this.#members.tell(member, { type: 'report' });
    this.#metrics = new HostMetrics({ clock, log, registry, runFolder, ask });
    this.#tokens = new RateTokens(clock, this.#metrics.savedAtMs);
    this.#gauges = new BackendGauges(registry);
    this.#membership = new Membership({
      config,
      clock,
      runFolder,
      onChange: (upstream, backends) => this.#useBackends(upstream, backends),
      warn: (message, details) => dependencies.log.warn(details, message),
    });
    this.#members = new Members({
      joined: (member) => {
        this.#metrics.joined(member);
        this.#broadcast();
      },
      left: (member) => this.#left(member),
      reported: (member, metrics) => this.#metrics.reported(member, metrics),
      keysChanged: () => this.#keysChanged(),
      said: (member, message) => this.#said(member, message),
      unknown: () => this.#metrics.unknownMessages.value++,
      bug: (error) => bugs.report('member', error),
    });
    this.#cacheOrders = new CacheOrders({
      clock,
      epoch: this.#startedAtMs,
      tell: (member, message) => this.#members.tell(member, message),
    });
    this.#ticketKey = new TicketKey(clock, () => this.#gateways().forEach((worker) => this.#tellTicketKey(worker)));
    this.#stopped = new StoppedWorkers(clock, (pid) => endStopped(pid, log));
    const isOwn = (name: string): boolean => config.upstreams.some((one) => one.name === name && one.isAnnounced);
    const healthLog = new HealthLog(log, isOwn);
    this.#checker = new HealthChecker(
      this.#upstreams(),
      { clock, random },
      (changed) => {
        healthLog.note(changed);
        this.#broadcast();
      },
      (upstream, backend) => this.#loadOf(upstream, backend),
    );
  }

  async listen(): Promise<void> {
    const path = controlSocket(this.#dependencies.runFolder);
    await claimControlSocket(path);
    // Only now, because a previous control may have been saving its leases until here.
    this.#leases = this.#openLeases();
    await this.#members.listen(path);
    this.#metrics.start();
    this.#ticketKey.start();
    this.#pulse();
  }

  /** The sum over all processes of the host, with fresh reports of those that answer in time. */
  async metrics(): Promise<Snapshot> {
    await this.#metrics.collect(this.#members.all());
    for (const { upstream, backend, up } of this.#checker.health()) {
      const { cap, leased } = this.#leases?.stateOf(upstream, backend) ?? {};
      this.#gauges.set(upstream, backend, { up, cap, leased });
    }
    return this.#metrics.merged();
  }

  get bugs(): Bugs {
    return this.#dependencies.bugs;
  }

  get config(): Config {
    return this.#dependencies.config;
  }

  /** Has every worker forget stored replies. */
  async purgeCache(target: PurgeTarget): Promise<PurgeResult> {
    const result = await this.#cacheOrders.purge(target);
    this.#dependencies.log.info({ target, ...result }, 'cache purged');
    return result;
  }

  status(): Record<string, unknown> {
    const { version, config, clock } = this.#dependencies;
    return hostStatus({
      version,
      config,
      configHash: this.#configHash,
      nowMs: clock.wallNow(),
      startedAtMs: this.#startedAtMs,
      members: this.#members.all(),
      health: this.#checker.health(),
      leases: (upstream, backend) => this.#leases?.stateOf(upstream, backend),
      rateSubjects: this.#tokens.size,
    });
  }

  async close(): Promise<void> {
    this.#membership.stop();
    this.#checker.stop();
    this.#stopped.stop();
    this.#ticketKey.stop();
    this.#leases?.stop();
    this.#pulseTimer?.cancel();
    this.#metrics.close();
    await this.#members.close();
  }

  #gateways(): Member[] {
    return this.#members.all().filter(({ role }) => role === 'gateway');
  }

  /** A higher cap takes effect at once, a lower one as permits come back; false if there is no such backend. */
  setCap(upstream: string, backend: string | undefined, cap: number): boolean {
    return this.#leases?.setCap(upstream, backend, cap) ?? false;
  }

  #openLeases(): LeaseKeeper {
    const { clock, random, runFolder, log } = this.#dependencies;
    return new LeaseKeeper({
      upstreams: this.#upstreams(),
      clock,
      random,
      path: join(runFolder, LEASES_NAME),
      send: (id, upstream, order) => {
        const member = this.#members.all().findLast((present) => present.id === id);
        if (member !== undefined) this.#members.tell(member, { type: 'lease', upstream, order });
      },
      sendLoad: (id, upstream, load) => {
        const member = this.#members.all().findLast((present) => present.id === id);
        if (member !== undefined) this.#members.tell(member, { type: 'load', upstream, load });
      },
      warn: (message, details) => log.warn(details, message),
    });
  }

  #said(member: Member, message: MemberMessage): void {
    if (message.type === 'holdings') {
      this.#tellBackends(member);
      this.#tellTicketKey(member);
      this.#leases?.joined(member, message.held, message.pidNamespace);
      this.#compare(member, message.configHash);
      if (message.pidNamespace === pidNamespace()) this.#stopped.joined(member.id, member.pid);
    } else if (message.type === 'held') {
      this.#leases?.reported(member.id, message.upstream, message.report);
    } else if (message.type === 'tokens') this.#giveTokens(member, message.asks);
    else if (message.type === 'announce') this.#membership.announced(member.id, message.upstream, message.origin);
    else if (message.type === 'withdraw') this.#membership.withdrawn(member.id);
    else this.#cacheOrders.said(member, message);
  }

  /** The upstreams with their present backends. */
  #upstreams(): UpstreamConfig[] {
    const backends = this.#membership.all();
    return this.config.upstreams.map((upstream) => ({ ...upstream, backends: backends[upstream.name] ?? [] }));
  }

  /** Backends have joined or left. */
  #useBackends(upstream: string, backends: readonly BackendConfig[]): void {
    const ids = backends.map(({ id }) => id);
    const departed = this.#checker.health().filter((one) => one.upstream === upstream && !ids.includes(one.backend));
    this.#dependencies.log.info({ upstream, backends: ids }, 'the backends of an upstream have changed');
    // Workers first, because later lease orders are about these backends.
    this.#checker.useBackends(upstream, backends);
    for (const worker of this.#gateways()) this.#tellBackends(worker);
    this.#leases?.useBackends(upstream, backends);
    for (const { backend } of departed) this.#gauges.remove(upstream, backend);
  }

  /** Sends the backends, then their known health: a worker treats a new backend as down until control says that it is up. */
  #tellBackends(worker: Member): void {
    this.#members.tell(worker, { type: 'members', upstreams: this.#membership.all(), configHash: this.#configHash });
    this.#members.tell(worker, { type: 'backends', backends: this.#knownHealth() });
  }

  #knownHealth(): BackendState[] {
    return this.#checker
      .health()
      .flatMap(({ upstream, backend, up }) => (up === undefined ? [] : [{ upstream, backend, up }]));
  }

  /** A worker that was started after the file has changed works with another configuration than control. */
  #compare(member: Member, hash: string): void {
    member.configHash = hash;
    if (hash === this.#configHash) return;
    const details = { worker: member.instance, pid: member.pid, theirs: hash, control: this.#configHash };
    this.#dependencies.log.warn(
      details,
      'a worker has another configuration than control: restart control, then reload the workers',
    );
  }

  /** Answers at once, because a request may be waiting. */
  #giveTokens(member: Member, asks: readonly TokenAsk[]): void {
    const grants = this.#tokens.answer(asks);
    if (grants.length > 0) this.#members.tell(member, { type: 'tokens', grants });
  }

  #loadOf(upstream: string, backend: string): { inFlight: number; cap: number } {
    const inFlight = this.#gateways().reduce((sum, { status }) => sum + inFlightOf(status, upstream, backend), 0);
    return { inFlight, cap: this.#leases?.stateOf(upstream, backend).cap ?? Number.POSITIVE_INFINITY };
  }

  /**
   * Tells every worker which backends are up. Backends that have not been probed yet are left out: workers may still
   * know their state from the previous control.
   */
  #broadcast(): void {
    const backends = this.#knownHealth();
    for (const { upstream, backend, up } of backends) this.#leases?.setUp(upstream, backend, up);
    for (const worker of this.#gateways()) this.#members.tell(worker, { type: 'backends', backends });
  }

  #left(member: Member): void {
    this.#stopped.left(member.id);
    // A worker may have reconnected before control noticed that its old connection had ended.
    const isBack = this.#members.all().some(({ id }) => id === member.id);
    this.#metrics.left(member, isBack);
    if (!isBack) {
      this.#leases?.left(member.id);
      this.#membership.lost(member.id);
    }
    this.#cacheOrders.left(member);
  }

  #tellTicketKey(worker: Member): void {
    if (this.config.tls !== undefined) this.#members.tell(worker, { type: 'ticket-key', key: this.#ticketKey.base64 });
  }

  #keysChanged(): void {
    for (const worker of this.#gateways()) this.#members.tell(worker, { type: 'keys-changed' });
  }

  #pulse(): void {
    for (const member of this.#members.all()) this.#members.tell(member, { type: 'heartbeat' });
    this.#pulseTimer = this.#dependencies.clock.setTimeout(() => this.#pulse(), PULSE_INTERVAL_MS);
  }
}
