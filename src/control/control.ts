import { existsSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { configHash } from '../config/config.ts';
import type { Config, UpstreamConfig } from '../config/model.ts';
import type { BackendConfig, BackendState } from '../protocol/backends.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { messageOf, UsageError } from '../core/errors.ts';
import type { Random } from '../core/random.ts';
import { RateLimitAuthority } from '../policy/rate/rate-limit-authority.ts';
import type { TokenAsk } from '../protocol/tokens.ts';
import type { Bugs } from '../metrics/bugs.ts';
import type { Registry, Snapshot } from '../metrics/instruments.ts';
import type { PurgeTarget } from '../protocol/cache-order.ts';
import { CacheOrders, type PurgeResult } from './cache-orders.ts';
import { Departures } from './departures.ts';
import { HealthLog } from './health-log.ts';
import { HealthChecker } from './health-checker.ts';
import { inFlightOf } from './worker-status.ts';
import { LeaseKeeper, pidNamespace } from './lease-keeper.ts';
import { tellControl } from './link.ts';
import { type Member, Members } from './members.ts';
import { Membership } from './membership.ts';
import { BackendGauges } from './backend-gauges.ts';
import { BookFile } from './book-file.ts';
import { MetricsBook } from './metrics-book.ts';
import type { MemberMessage } from '../protocol/messages.ts';
import { StoppedWorkers } from './stopped-workers.ts';
import { ReportCollection } from './report-collection.ts';

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

const SOCKET_NAME = 'control.sock';
const LEASES_NAME = 'leases.json';
const SAVE_INTERVAL_MS = 2000;
const PULSE_INTERVAL_MS = 500;
/** Keys and addresses whose bucket is kept; about 20 MB when it is full. */
const RATE_SUBJECTS = 100_000;
/** A control that ended longer ago left no bucket behind that would matter. */
const PREDECESSOR_MS = 10 * 60_000;

export const controlSocket = (runFolder: string): string => join(runFolder, SOCKET_NAME);

/** Owns what the workers of a host share: health, permits, metrics. */
export class Control {
  readonly #dependencies: ControlDependencies;
  readonly #members: Members;
  readonly #membership: Membership;
  readonly #checker: HealthChecker;
  #leases: LeaseKeeper | undefined;
  readonly #tokens: RateLimitAuthority;
  readonly #registry: Registry;
  readonly #book: MetricsBook;
  readonly #bookFile: BookFile;
  readonly #startedAtMs: number;
  readonly #gauges: BackendGauges;
  readonly #collection: ReportCollection<Member>;
  readonly #cacheOrders: CacheOrders<Member>;
  readonly #stopped: StoppedWorkers;
  readonly #departures = new Departures();
  readonly #configHash: string;
  #saveTimer: Timer | undefined;
  #pulseTimer: Timer | undefined;

  constructor(dependencies: ControlDependencies) {
    this.#dependencies = dependencies;
    const { config, clock, random, runFolder, registry, bugs, log } = dependencies;
    this.#registry = registry;
    this.#startedAtMs = clock.wallNow();
    this.#configHash = configHash(config);
    this.#bookFile = new BookFile(runFolder);
    this.#book = new MetricsBook(this.#bookFile.load());
    // The buckets of a control that was here of late are lost, and may have been empty.
    const hadPredecessor = clock.wallNow() - (this.#bookFile.savedAtMs ?? 0) < PREDECESSOR_MS;
    this.#tokens = new RateLimitAuthority(RATE_SUBJECTS, hadPredecessor ? clock.now() : Number.NEGATIVE_INFINITY);
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
        this.#departures.returned(member.id);
        this.#broadcast();
      },
      left: (member) => this.#left(member),
      reported: (member, metrics) => this.#reported(member, metrics),
      keysChanged: () => this.#keysChanged(),
      said: (member, message) => this.#said(member, message),
      bug: (error) => bugs.report('member', error),
    });
    this.#collection = new ReportCollection(clock, (member) => this.#members.tell(member, { type: 'report' }));
    this.#cacheOrders = new CacheOrders({
      clock,
      epoch: this.#startedAtMs,
      tell: (member, message) => this.#members.tell(member, message),
    });
    this.#stopped = new StoppedWorkers(clock, (pid) => this.#endStopped(pid));
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
    if (existsSync(path)) {
      // Somebody takes the connection: a control that runs. Nobody does: what a control that was killed has left.
      if ((await tellControl(path, { type: 'ping' })) !== 'absent') {
        throw new UsageError(
          `Cannot start control, as another one runs for this data directory: it listens at ${path}`,
        );
      }
      unlinkSync(path);
    }
    // Not before: the control that was here may still be writing down what it gives.
    this.#leases = this.#openLeases();
    await this.#members.listen(path);
    this.#scheduleSave();
    this.#pulse();
  }

  /** The sum over all processes of the host, with fresh reports of those that answer in time. */
  async metrics(): Promise<Snapshot> {
    await this.#collection.collect(this.#members.all());
    for (const { upstream, backend, up } of this.#checker.health()) {
      const { cap, leased } = this.#leases?.stateOf(upstream, backend) ?? {};
      this.#gauges.set(upstream, backend, { up, cap, leased });
    }
    return this.#book.merged(this.#registry.snapshot());
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
    const describe = ({
      role,
      instance,
      pid,
      version: theirs,
      startedAtMs,
      status,
      configHash: config_hash,
    }: Member) => ({
      role,
      instance,
      pid,
      version: theirs,
      uptime_seconds: Math.round((clock.wallNow() - startedAtMs) / 1000),
      ...(config_hash === undefined ? {} : { config_hash }),
      status,
    });
    return {
      version,
      node: process.version,
      control: { pid: process.pid, uptime_seconds: Math.round((clock.wallNow() - this.#startedAtMs) / 1000) },
      config: {
        hash: this.#configHash,
        agreed: this.#gateways().every((worker) => worker.configHash === this.#configHash),
      },
      workers: this.#gateways().map(describe),
      processes: this.#members
        .all()
        .filter(({ role }) => role !== 'gateway')
        .map(describe),
      backends: this.#checker.health().map((backend) => ({
        ...backend,
        up: backend.up ?? null,
        ...this.#leases?.stateOf(backend.upstream, backend.backend),
      })),
      rate_limits: { subjects: this.#tokens.size },
      settings: { gateway_workers: config.env.GATEWAY_WORKERS, generator_instances: config.env.GENERATOR_INSTANCES },
    };
  }

  async close(): Promise<void> {
    this.#membership.stop();
    this.#checker.stop();
    this.#stopped.stop();
    this.#leases?.stop();
    this.#saveTimer?.cancel();
    this.#pulseTimer?.cancel();
    this.#save();
    await this.#members.close();
  }

  #gateways(): Member[] {
    return this.#members.all().filter(({ role }) => role === 'gateway');
  }

  /** Takes effect at once when it rises, and as permits come back when it falls; false when there is no such backend. */
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

  /** Upstreams with the backends of now. */
  #upstreams(): UpstreamConfig[] {
    const backends = this.#membership.all();
    return this.config.upstreams.map((upstream) => ({ ...upstream, backends: backends[upstream.name] ?? [] }));
  }

  /** Backends have joined or left. */
  #useBackends(upstream: string, backends: readonly BackendConfig[]): void {
    const ids = backends.map(({ id }) => id);
    const departed = this.#checker.health().filter((one) => one.upstream === upstream && !ids.includes(one.backend));
    this.#dependencies.log.info({ upstream, backends: ids }, 'the backends of an upstream have changed');
    // Workers first: an order of permits that comes later is about these.
    this.#checker.useBackends(upstream, backends);
    for (const worker of this.#gateways()) this.#tellBackends(worker);
    this.#leases?.useBackends(upstream, backends);
    for (const { backend } of departed) this.#gauges.remove(upstream, backend);
  }

  /** The backends, and then what is known of their health: a worker takes a new one for down until it hears otherwise. */
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

  /** Answers at once: a request may be waiting for it. */
  #giveTokens(member: Member, asks: readonly TokenAsk[]): void {
    const now = this.#dependencies.clock.now();
    const answers = asks.map((ask) => ({ wanted: ask.wanted, grant: this.#tokens.answer(ask, now) }));
    const grants = answers.filter(({ wanted }) => wanted > 0).map(({ grant }) => grant);
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

  #endStopped(pid: number): void {
    this.#dependencies.log.warn({ worker: pid }, 'a worker stands still: ending it, so that another takes its place');
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      this.#dependencies.log.warn({ worker: pid, reason: messageOf(error) }, 'the worker could not be ended');
    }
  }

  #left(member: Member): void {
    this.#stopped.left(member.id);
    this.#book.left(member.id);
    if (!this.#members.all().some(({ id }) => id === member.id)) {
      this.#departures.left(member.id, member.processName, this.#dependencies.clock.now());
    }
    // Written down at once: were control killed now, what this process has counted since would be missing.
    this.#save();
    this.#collection.answered(member);
    // A worker may have connected anew before its old connection was seen to be gone.
    if (!this.#members.all().some(({ id }) => id === member.id)) {
      this.#leases?.left(member.id);
      this.#membership.lost(member.id);
    }
    this.#cacheOrders.left(member);
  }

  #reported(member: Member, metrics: Snapshot): void {
    this.#book.update(member.id, metrics);
    this.#collection.answered(member);
  }

  #keysChanged(): void {
    for (const worker of this.#gateways()) this.#members.tell(worker, { type: 'keys-changed' });
  }

  #pulse(): void {
    for (const member of this.#members.all()) this.#members.tell(member, { type: 'heartbeat' });
    this.#pulseTimer = this.#dependencies.clock.setTimeout(() => this.#pulse(), PULSE_INTERVAL_MS);
  }

  #scheduleSave(): void {
    this.#saveTimer = this.#dependencies.clock.setTimeout(() => {
      for (const member of this.#departures.ended(this.#dependencies.clock.now())) this.#book.end(member);
      this.#save();
      this.#scheduleSave();
    }, SAVE_INTERVAL_MS);
  }

  #save(): void {
    try {
      this.#bookFile.save(this.#book.state());
    } catch (error) {
      const reason = messageOf(error);
      this.#dependencies.log.warn({ reason }, 'the counters of ended processes could not be saved');
    }
  }
}
