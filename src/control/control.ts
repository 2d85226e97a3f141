import type { Logger } from 'pino';
import { configHash } from '../config/config.ts';
import type { Config } from '../config/model.ts';
import type { Clock, Timer } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import type { TokenAsk } from '../protocol/tokens.ts';
import type { Bugs } from '../metrics/bugs.ts';
import type { Registry, Snapshot } from '../metrics/instruments.ts';
import type { PurgeTarget } from '../protocol/cache-order.ts';
import { CacheOrders, type PurgeResult } from './cache-orders.ts';
import { pidNamespace } from './lease-keeper.ts';
import type { ParsedConfigFile } from '../config/file-schema.ts';
import type { ControlAsk, ConfigReport } from '../protocol/config-wire.ts';
import { ConfigKeeper } from './config/config-keeper.ts';
import type { ConfigLayers } from './config/config-layers.ts';
import type { ConfigSource } from './config/config-source.ts';
import { heldBy, Rollout } from './config/rollout.ts';
import { HostUpstreams } from './host-upstreams.ts';
import { claimControlSocket, controlSocket } from './control-socket.ts';
import { type Member, Members } from './members.ts';
import type { ControlMessage, MemberMessage } from '../protocol/messages.ts';
import { ClientPlaces } from './client-places.ts';
import { RateTokens } from './rate-tokens.ts';
import { passRecordMessage } from './record-finder.ts';
import { TicketKey } from './ticket-key.ts';
import { endStopped, StoppedWorkers } from './stopped-workers.ts';
import { logOtherEnvironment, logUnusableVersion } from './worker-remarks.ts';
import { HostMetrics } from './host-metrics.ts';
import { hostStatus } from './host-status.ts';

export interface ControlDependencies {
  readonly config: Config;
  /** The configuration file that `config` was built from, and where the next one comes from. */
  readonly file: ParsedConfigFile;
  readonly source: ConfigSource;
  /** What `file` is made of. */
  readonly layers: ConfigLayers;
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

const PULSE_INTERVAL_MS = 500;

/** Owns what the workers of a host share: health, permits, metrics. */
export class Control {
  readonly #dependencies: ControlDependencies;
  readonly #members: Members;
  readonly #upstreams: HostUpstreams;
  readonly #rollout: Rollout;
  readonly #keeper: ConfigKeeper;
  readonly #tokens: RateTokens;
  readonly #places: ClientPlaces<Member>;
  readonly #metrics: HostMetrics;
  readonly #startedAtMs: number;
  readonly #cacheOrders: CacheOrders<Member>;
  readonly #stopped: StoppedWorkers;
  readonly #ticketKey: TicketKey;
  #config: Config;
  #configHash: string;
  #pulseTimer: Timer | undefined;

  constructor(dependencies: ControlDependencies) {
    this.#dependencies = dependencies;
    const { config, clock, random, runFolder, registry, bugs, log } = dependencies;
    this.#startedAtMs = clock.wallNow();
    this.#config = config;
    this.#configHash = configHash(config);
    const ask = (member: Member): void => this.#members.tell(member, { type: 'report' });
    this.#metrics = new HostMetrics({ clock, log, registry, runFolder, ask });
    this.#tokens = new RateTokens(clock, this.#metrics.savedAtMs);
    const tell = (member: Member, message: ControlMessage): void => this.#members.tell(member, message);
    this.#places = new ClientPlaces(clock, (member, news) => tell(member, { type: 'places', news }));
    const gateways = (): Member[] => this.#gateways();
    this.#upstreams = new HostUpstreams({
      config,
      configHash: this.#configHash,
      clock,
      random,
      log,
      registry,
      runFolder,
      gateways,
      tell,
    });
    this.#rollout = new Rollout({ clock, workers: () => this.#joined(), tell });
    this.#keeper = this.#openKeeper(dependencies);
    this.#members = new Members({
      joined: (member) => {
        this.#metrics.joined(member);
        this.#upstreams.broadcast();
      },
      left: (member) => this.#left(member),
      reported: (member, metrics) => this.#metrics.reported(member, metrics),
      keysChanged: () => this.#keysChanged(),
      asked: (ask, answer) => void this.#answer(ask).then(answer, (error: unknown) => bugs.report('ask', error)),
      said: (member, message) => this.#said(member, message),
      unknown: () => this.#metrics.unknownMessages.value++,
      bug: (error) => bugs.report('member', error),
    });
    this.#cacheOrders = new CacheOrders({
      clock,
      epoch: this.#startedAtMs,
      tell,
    });
    this.#ticketKey = new TicketKey(clock, () => this.#gateways().forEach((worker) => this.#tellTicketKey(worker)));
    this.#stopped = new StoppedWorkers(clock, (pid) => endStopped(pid, log));
  }

  async listen(): Promise<void> {
    const path = controlSocket(this.#dependencies.runFolder);
    await claimControlSocket(path);
    // Only now, because a previous control may have been saving its leases until here.
    this.#keeper.begin();
    this.#upstreams.openLeases();
    await this.#members.listen(path);
    this.#metrics.start();
    this.#ticketKey.start();
    this.#pulse();
  }

  /** The sum over all processes of the host, with fresh reports of those that answer in time. */
  async metrics(): Promise<Snapshot> {
    await this.#metrics.collect(this.#members.all());
    this.#upstreams.refreshGauges();
    return this.#metrics.merged();
  }

  get bugs(): Bugs {
    return this.#dependencies.bugs;
  }

  /** The configuration in force. */
  get config(): Config {
    return this.#config;
  }

  /** The versions of the configuration, and how they change. */
  get keeper(): ConfigKeeper {
    return this.#keeper;
  }

  /** Has every worker forget stored replies. */
  async purgeCache(target: PurgeTarget): Promise<PurgeResult> {
    const result = await this.#cacheOrders.purge(target);
    this.#dependencies.log.info({ target, ...result }, 'cache purged');
    return result;
  }

  status(): Record<string, unknown> {
    const { version, clock } = this.#dependencies;
    return hostStatus({
      version,
      config: this.#config,
      configHash: this.#configHash,
      configStatus: this.#keeper.status(),
      nowMs: clock.wallNow(),
      startedAtMs: this.#startedAtMs,
      members: this.#members.all(),
      health: this.#upstreams.health(),
      discovery: this.#upstreams.discovery(),
      leases: (upstream, backend) => this.#upstreams.leases?.stateOf(upstream, backend),
      rateSubjects: this.#tokens.size,
      inFlightClients: this.#places.size,
    });
  }

  async close(): Promise<void> {
    this.#upstreams.stop();
    this.#stopped.stop();
    this.#ticketKey.stop();
    this.#pulseTimer?.cancel();
    this.#metrics.close();
    await this.#members.close();
  }

  #gateways(): Member[] {
    return this.#members.all().filter(({ role }) => role === 'gateway');
  }

  /** The workers that have said which configuration they have. */
  #joined(): Member[] {
    return this.#gateways().filter(({ configHash: hash }) => hash !== undefined);
  }

  /** A higher cap takes effect at once, a lower one as permits come back; false if there is no such backend. */
  setCap(upstream: string, backend: string | undefined, cap: number): boolean {
    return this.#upstreams.leases?.setCap(upstream, backend, cap) ?? false;
  }

  #openKeeper(dependencies: ControlDependencies): ConfigKeeper {
    return new ConfigKeeper({
      ...dependencies,
      rollout: this.#rollout,
      onCommit: (next) => {
        this.#config = next;
        this.#configHash = configHash(next);
        this.#upstreams.useConfig(next, this.#configHash);
      },
      onSettled: ({ reports }) => this.#upstreams.startLeases(heldBy(this.#joined(), reports)),
    });
  }

  async #answer(ask: ControlAsk): Promise<unknown> {
    if (ask.what === 'status') return this.status();
    const { dryRun, force, who = 'a command' } = ask;
    return this.#keeper.reload({ who, dryRun, force });
  }

  #said(member: Member, message: MemberMessage): void {
    if (message.type === 'holdings') {
      member.maker = message.maker;
      this.#tellVersion(member, message.fileHash);
      this.#upstreams.tellBackends(member);
      this.#tellTicketKey(member);
      this.#upstreams.leases?.joined(member, message.held, message.pidNamespace);
      this.#compare(member, message.configHash);
      if (message.pidNamespace === pidNamespace()) this.#stopped.joined(member.id, member.pid);
    } else if (message.type === 'held') {
      this.#upstreams.leases?.reported(member.id, message.upstream, message.report);
    } else if (message.type === 'tokens') this.#giveTokens(member, message.asks);
    else if (message.type === 'places') this.#places.said(member, message.asks);
    else if (message.type === 'find-record' || message.type === 'record')
      passRecordMessage(message, member, this.#gateways(), (to, order) => this.#members.tell(to, order));
    else if (message.type === 'announce')
      this.#upstreams.membership.announced(member.id, message.upstream, message.origin);
    else if (message.type === 'withdraw') this.#upstreams.membership.withdrawn(member.id);
    else if (message.type === 'config-prepared' || message.type === 'config-committed') this.#reported(member, message);
    else this.#cacheOrders.said(member, message);
  }

  /** A worker that has another version gets the one in force, and takes it before it serves. */
  #tellVersion(member: Member, fileHash: string | undefined): void {
    // An earlier version of Rampart, whose workers have to be replaced.
    if (fileHash === undefined) return;
    const { version, file } = this.#keeper;
    const isSame = fileHash === version.hash;
    if (isSame) member.configVersion = version;
    this.#members.tell(member, isSame ? { type: 'config', version } : { type: 'config', version, file });
  }

  #reported(member: Member, report: ConfigReport): void {
    if (report.type === 'config-committed') {
      member.configVersion = report.version;
      this.#compare(member, report.configHash);
    } else if (report.problems.length > 0) logUnusableVersion(this.#dependencies.log, member, report.problems);
    this.#rollout.said(member, report);
  }

  /** A worker whose environment differs works with another configuration than control, of the same file. */
  #compare(member: Member, hash: string): void {
    member.configHash = hash;
    if (hash === this.#configHash || member.configVersion?.number !== this.#keeper.version.number) return;
    logOtherEnvironment(this.#dependencies.log, member, hash, this.#configHash);
  }

  /** Answers at once, because a request may be waiting. */
  #giveTokens(member: Member, asks: readonly TokenAsk[]): void {
    const grants = this.#tokens.answer(asks);
    if (grants.length > 0) this.#members.tell(member, { type: 'tokens', grants });
  }

  #left(member: Member): void {
    this.#stopped.left(member.id);
    this.#rollout.left(member);
    // A worker may have reconnected before control noticed that its old connection had ended.
    const isBack = this.#members.all().some(({ id }) => id === member.id);
    this.#metrics.left(member, isBack);
    if (!isBack) {
      this.#upstreams.leases?.left(member.id);
      this.#upstreams.membership.lost(member.id);
    }
    this.#cacheOrders.left(member);
    this.#places.left(member);
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
