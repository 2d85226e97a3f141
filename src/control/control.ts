import { join } from 'node:path';
import { configHash } from '../config/config.ts';
import type { Config } from '../config/model.ts';
import type { Bugs } from '../metrics/bugs.ts';
import type { Snapshot } from '../metrics/instruments.ts';
import type { AlertDesk } from './alerts/alert-desk.ts';
import { openAlertDesk } from './alerts/open-alert-desk.ts';
import { answerAsk } from './answer-ask.ts';
import { HostCaches } from './host-caches.ts';
import { type FleetConfigDesk, openFleetConfig } from './fleet/config-desk.ts';
import { pidNamespace } from './lease-keeper.ts';
import { ConfigKeeper } from './config/config-keeper.ts';
import { heldBy, Rollout } from './config/rollout.ts';
import { WorkerVersions } from './config/worker-versions.ts';
import { Heartbeat } from './heartbeat.ts';
import { HostUpstreams } from './host-upstreams.ts';
import type { ControlDependencies } from './control-dependencies.ts';
import { claimControlSocket, controlSocket } from './control-socket.ts';
import { type Member, Members } from './members.ts';
import type { ControlMessage, MemberMessage } from '../protocol/messages.ts';
import { ClientPlaces } from './client-places.ts';
import { openTokens } from './open-tokens.ts';
import type { HostTokens } from './rate-tokens.ts';
import { passRecordMessage } from './record-finder.ts';
import { TicketKey } from './ticket-key.ts';
import { endStopped, StoppedWorkers } from './stopped-workers.ts';
import { HostMetrics } from './host-metrics.ts';
import { type FactSources, knownFacts } from './see/known-facts.ts';
import { Notes } from './see/notes.ts';
import { Observer } from './see/observer.ts';
import { hostStatus } from './host-status.ts';
import { openTraceExporter } from './traces/open-exporter.ts';
import type { TraceExporter } from './traces/trace-exporter.ts';

/** Owns what the workers of a host share: health, permits, metrics. */
export class Control {
  readonly #dependencies: ControlDependencies;
  readonly #members: Members;
  readonly #upstreams: HostUpstreams;
  readonly #rollout: Rollout;
  readonly #keeper: ConfigKeeper;
  readonly #tokens: HostTokens<Member>;
  readonly #places: ClientPlaces<Member>;
  readonly #metrics: HostMetrics;
  readonly #startedAtMs: number;
  readonly #stopped: StoppedWorkers;
  readonly #ticketKey: TicketKey;
  readonly #versions: WorkerVersions;
  readonly #notes: Notes;
  /** What people see of the host, and what they are told of it. */
  readonly observer: Observer;
  readonly alerts: AlertDesk;
  /** What workers have stored, and what they know of keys. */
  readonly caches: HostCaches<Member>;
  /** Undefined without a fleet that has a common PostgreSQL. */
  readonly fleetConfig: FleetConfigDesk | undefined;
  #config: Config;
  #configHash: string;
  readonly #traces: TraceExporter | undefined;
  readonly #heartbeat: Heartbeat;

  constructor(dependencies: ControlDependencies) {
    this.#dependencies = dependencies;
    const { config, clock, runFolder, registry, log } = dependencies;
    this.#startedAtMs = clock.wallNow();
    this.#config = config;
    this.#configHash = configHash(config);
    this.alerts = openAlertDesk(dependencies);
    this.#traces = openTraceExporter(dependencies);
    this.observer = this.#openObserver(dependencies);
    this.#notes = new Notes(this.observer, () => clock.wallNow(), registry);
    this.#heartbeat = new Heartbeat(clock, () => {
      for (const member of this.#members.all()) this.#members.tell(member, { type: 'heartbeat' });
    });
    const ask = (member: Member): void => this.#members.tell(member, { type: 'report' });
    this.#metrics = new HostMetrics({ clock, log, registry, runFolder, ask });
    const tell = (member: Member, message: ControlMessage): void => this.#members.tell(member, message);
    this.#tokens = openTokens(dependencies, this.#metrics.savedAtMs, tell);
    this.#places = new ClientPlaces(clock, (member, news) => tell(member, { type: 'places', news }));
    this.#upstreams = new HostUpstreams({
      ...dependencies,
      configHash: this.#configHash,
      gateways: () => this.#gateways(),
      tell,
      onHealth: (changed) => this.#notes.health(changed),
      onMembership: (upstream, backends) => this.#notes.membership(upstream, backends),
      onOrder: (text, who) => this.#notes.order(text, who),
    });
    this.#rollout = new Rollout({ clock, workers: () => this.#joined(), tell });
    this.#keeper = this.#openKeeper(dependencies);
    this.#versions = new WorkerVersions({
      log,
      keeper: this.#keeper,
      rollout: this.#rollout,
      configHash: () => this.#configHash,
      tell,
    });
    this.#members = this.#openMembers(dependencies);
    this.caches = new HostCaches(dependencies, {
      epoch: this.#startedAtMs,
      workers: () => this.#gateways(),
      tell,
      onPurge: (target) => this.#notes.purge(target),
      onConfigNews: () => this.fleetConfig?.follower.look(),
    });
    this.fleetConfig = openFleetConfig(dependencies, this.#keeper, this.caches.news);
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
    this.observer.start();
    this.#heartbeat.start();
    this.fleetConfig?.follower.start();
  }

  /** The sum over all processes of the host, with fresh reports of those that answer in time. */
  async metrics(): Promise<Snapshot> {
    await this.#metrics.collect(this.#members.all());
    this.#upstreams.refreshGauges();
    return this.#metrics.merged();
  }

  /** The stores that the host depends on. */
  get stores(): FactSources['stores'] {
    return this.#dependencies;
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

  /** The backends of the host, with their caps. */
  get upstreams(): HostUpstreams {
    return this.#upstreams;
  }

  status(): Record<string, unknown> {
    return hostStatus({
      ...this.#parts(),
      rateLimits: this.#tokens.status(),
      fleetConfig: this.fleetConfig?.follower.status(),
      inFlightClients: this.#places.size,
      verdict: this.observer.view.verdict,
    });
  }

  async close(): Promise<void> {
    this.fleetConfig?.follower.close();
    this.observer.close();
    this.alerts.close();
    await this.#upstreams.stop();
    this.#stopped.stop();
    this.#ticketKey.stop();
    this.#heartbeat.stop();
    await Promise.all([this.#traces?.close(), this.#tokens.close(), this.caches.close()]);
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

  #openKeeper(dependencies: ControlDependencies): ConfigKeeper {
    return new ConfigKeeper({
      ...dependencies,
      rollout: this.#rollout,
      onCommit: (next) => {
        this.#config = next;
        this.#configHash = configHash(next);
        this.#upstreams.useConfig(next, this.#configHash);
      },
      fleet: () => this.fleetConfig?.follower,
      onResult: (request, result) => {
        this.#notes.configuration(request, result);
        if (result.outcome === 'applied') this.fleetConfig?.follower.look();
      },
      onSettled: ({ reports }) => this.#upstreams.startLeases(heldBy(this.#joined(), reports)),
    });
  }

  #openMembers({ clock, bugs }: ControlDependencies): Members {
    return new Members(
      {
        joined: (member) => {
          this.#metrics.joined(member);
          this.#tokens.joined(member);
          this.#notes.joined(member);
          this.#upstreams.broadcast();
        },
        left: (member) => this.#left(member),
        reported: (member, metrics) => this.#metrics.reported(member, metrics),
        keysChanged: () => void this.caches.keysChanged().catch((error: unknown) => bugs.report('keys', error)),
        asked: (ask, answer) => void answerAsk(this, ask).then(answer, (error: unknown) => bugs.report('ask', error)),
        said: (member, message) => this.#said(member, message),
        unknown: () => this.#metrics.unknownMessages.value++,
        bug: (error) => bugs.report('member', error),
      },
      clock,
    );
  }

  #openObserver(dependencies: ControlDependencies): Observer {
    return new Observer({
      ...dependencies,
      path: join(dependencies.stateFolder ?? dependencies.runFolder, 'history.json'),
      collect: () => this.#metrics.collect(this.#members.all()),
      snapshots: () => this.#metrics.snapshots(),
      facts: () => knownFacts(this.#parts()),
      onFindings: (findings) => this.alerts.second(findings),
    });
  }

  /** What the status and the live view are made from. */
  #parts(): FactSources {
    const { clock, version, wantedWorkers = 1 } = this.#dependencies;
    return {
      clock,
      version,
      startedAtMs: this.#startedAtMs,
      config: this.#config,
      configHash: this.#configHash,
      keeper: this.#keeper,
      members: this.#members.all(),
      upstreams: this.#upstreams,
      reportOf: (member) => this.#metrics.reportOf(member),
      stores: this.stores,
      fleetNews: this.caches.status(),
      wantedWorkers,
    };
  }

  #said(member: Member, message: MemberMessage): void {
    if (message.type === 'holdings') {
      member.maker = message.maker;
      this.#versions.tell(member, message.fileHash);
      this.#upstreams.tellBackends(member);
      this.#tellTicketKey(member);
      this.#upstreams.leases?.joined(member, message.held, message.pidNamespace);
      this.#versions.compare(member, message.configHash);
      if (message.pidNamespace === pidNamespace()) this.#stopped.joined(member.id, member.pid);
    } else if (message.type === 'held') {
      this.#upstreams.reported(member.id, message.upstream, message.report);
    } else if (message.type === 'tokens') this.#tokens.said(member, message.asks);
    else if (message.type === 'places') this.#places.said(member, message.asks);
    else if (message.type === 'find-record' || message.type === 'record')
      passRecordMessage(message, member, this.#gateways(), (to, order) => this.#members.tell(to, order));
    else if (message.type === 'announce')
      this.#upstreams.membership.announced(member.id, message.upstream, message.origin);
    else if (message.type === 'traces') this.#traces?.take(message);
    else if (message.type === 'withdraw') this.#upstreams.membership.withdrawn(member.id);
    else if (message.type === 'config-prepared' || message.type === 'config-committed')
      this.#versions.reported(member, message);
    else this.caches.said(member, message);
  }

  #left(member: Member): void {
    this.#stopped.left(member.id);
    this.#rollout.left(member);
    // A worker may have reconnected before control noticed that its old connection had ended.
    const isBack = this.#members.all().some(({ id }) => id === member.id);
    this.#metrics.left(member, isBack);
    if (!isBack) {
      this.#notes.left(member);
      this.#upstreams.leases?.left(member.id);
      this.#upstreams.membership.lost(member.id);
    }
    this.caches.left(member);
    this.#places.left(member);
    this.#tokens.left(member);
  }

  #tellTicketKey(worker: Member): void {
    if (this.config.tls !== undefined) this.#members.tell(worker, { type: 'ticket-key', key: this.#ticketKey.base64 });
  }
}
