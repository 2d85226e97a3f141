import type { Config } from '../config/model.ts';
import { snapshotPath } from '../config/snapshot.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { codeOf, messageOf, UsageError } from '../core/errors.ts';
import { isProcessAlive } from '../core/process-name.ts';
import type { Random } from '../core/random.ts';
import type { Role } from '../protocol/messages.ts';
import { liveProcesses, type ProcessRecord } from './process-records.ts';
import { type ActivatedSockets, HostSockets } from './host-listeners.ts';
import { assertPortFree, isPortShareable } from './public-socket.ts';
import type { RollingResult } from './rolling-restart.ts';
import { HangWatch } from './hang-watch.ts';
import { EndedBeforeReady, type ProcessEvents, type ProcessSpec, SupervisedProcess } from './supervised-process.ts';

export interface SupervisorDependencies {
  readonly config: Config;
  readonly clock: Clock;
  readonly random: Random;
  readonly runFolder: string;
  /** The CLI's entry, which every role is started from. */
  readonly entry: string;
  readonly events: SupervisorEvents;
  /** The listening sockets that a service manager has opened. */
  readonly activated: ActivatedSockets;
}

export interface SupervisorEvents extends Pick<ProcessEvents, 'died'> {
  /** The process has sent nothing for too long, so it is ended and started again. */
  hangs(spec: ProcessSpec): void;
}

/** The variables that children get beyond the supervisor's own environment, where there is a database. */
export interface ChildSettings {
  readonly databaseUrl: string;
  /** Connections per gateway worker. */
  readonly gatewayPool: number;
}

/** Generators may take this long to answer their requests; then they are killed. */
const GENERATOR_STOP_LIMIT_MS = 10_000;
const CONTROL_STOP_LIMIT_MS = 5_000;
/** A batch worker stores what is made, and gives back the rest of its chunk. */
const BATCH_STOP_LIMIT_MS = 15_000;
const POLL_MS = 20;
/** Time beyond the drain in which a worker writes its records and closes its pools. */
const WORKER_STOP_MARGIN_MS = 5_000;
/** How long a new worker may take until it serves. */
const READY_LIMIT_MS = 60_000;
/** New connections wait in the socket of a worker that died; after this time, the other workers get them. */
const LONGEST_ABSENCE_MS = 3_000;

/** Starts, watches and stops the processes of a host, in an order in which nothing is lost. */
export class Supervisor {
  readonly #dependencies: SupervisorDependencies;
  readonly #processes: SupervisedProcess[] = [];
  readonly #orphans: readonly ProcessRecord[];
  /** Live processes of the same data directory that no supervisor started: by hand, or under pm2. */
  readonly #others: readonly ProcessRecord[];
  #sockets: HostSockets | undefined;
  readonly #absences = new Map<number, Timer>();
  readonly #hangs: HangWatch<SupervisedProcess>;
  #stopping = false;

  constructor(dependencies: SupervisorDependencies) {
    this.#dependencies = dependencies;
    const live = liveProcesses(dependencies.runFolder).filter(({ pid }) => pid !== process.pid);
    this.#orphans = live.filter(({ supervised }) => supervised);
    this.#others = live.filter(({ supervised }) => !supervised);
    this.#hangs = new HangWatch(dependencies.clock, (supervised) => {
      dependencies.events.hangs(supervised.spec);
      supervised.endHanging();
    });
  }

  /** Number of processes that a dead supervisor has left behind, and that still serve. */
  get orphanCount(): number {
    return this.#orphans.length;
  }

  /** Whether a worker is up; one that hangs is ended after two seconds, and then is not. */
  get isServing(): boolean {
    return this.#processes.some(({ spec, isReady }) => spec.role === 'gateway' && isReady);
  }

  /** Whether any of these processes still serves, because the start failed or was interrupted before it replaced them. */
  isOrphanLeft(): boolean {
    return this.#orphans.some(({ name }) => isProcessAlive(name));
  }

  /** Throws a UsageError if an address is taken, before anything is started. */
  async claimAddresses(): Promise<void> {
    const { env, dataDir } = this.#dependencies.config;
    // Two controls, or workers of two masters, would share permits and records; a generator disturbs nobody.
    const other = this.#others.find(({ role }) => role === 'control' || role === 'gateway');
    if (other !== undefined) {
      throw new UsageError(
        `Cannot start, as ${other.role} ${other.instance} (process ${other.pid}), which no rampart start has started, runs for ${dataDir}. Stop it first (under pm2: pm2 delete control gateway generator batch), or set another RAMPART_DATA_DIR`,
      );
    }
    const left = (role: Role, instance = 0): boolean =>
      this.#orphans.some((orphan) => orphan.role === role && orphan.instance === instance);
    if (!left('control')) await assertPortFree('the admin API', 'ADMIN_PORT', env.ADMIN_HOST, env.ADMIN_PORT);
    for (let index = 0; index < env.GENERATOR_INSTANCES; index++) {
      if (left('generator', index)) continue;
      await assertPortFree(`generator ${index}`, 'GENERATOR_PORT', '127.0.0.1', env.GENERATOR_PORT + index);
    }
    const serving = this.#orphans.some(({ role }) => role === 'gateway');
    this.#sockets = await HostSockets.bind(this.#dependencies.config, serving, this.#dependencies.activated);
  }

  /**
   * Starts everything, and replaces what a dead supervisor has left: control at once, as workers do without it for a
   * moment; generators one after the other; workers only when their successors accept connections.
   */
  async start(settings: ChildSettings | undefined): Promise<void> {
    const { env } = this.#dependencies.config;
    await this.#endOrphans('control');
    await this.#launch(this.#spec('control', 0, settings));
    const serving = this.#orphans.length > 0;
    const generators = Array.from({ length: env.GENERATOR_INSTANCES }, (_, index) => index);
    if (serving) for (const index of generators) await this.#replaceGenerator(index, settings);
    else await Promise.all(generators.map((index) => this.#launch(this.#spec('generator', index, settings))));
    const workers = Array.from({ length: env.GATEWAY_WORKERS }, (_, index) => this.#spec('gateway', index, settings));
    const batches = Array.from({ length: settings === undefined ? 0 : env.BATCH_WORKERS }, (_, index) =>
      this.#spec('batch', index, settings),
    );
    await this.#endOrphans('batch');
    await Promise.all([...workers, ...batches].map((spec) => this.#launch(spec)));
    // The orphans that are left are old workers, and generators beyond the number that is wanted now.
    await this.#endOrphans('gateway');
    await this.#endOrphans('generator');
  }

  /** Batch workers and then workers first, so that everything under way is answered; then what they used. A start that is under way ends. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const absence of this.#absences.values()) absence.cancel();
    // From here on each worker alone holds its socket: when it stops accepting, no handshake completes into a queue that
    // nobody accepts from.
    this.#sockets?.close();
    // Before the workers, so that no item waits for one that is stopping.
    await this.#stopRole('batch', BATCH_STOP_LIMIT_MS);
    await this.#stopRole('gateway', this.#workerStopMs());
    this.#hangs.stop();
    await this.#stopRole('generator', GENERATOR_STOP_LIMIT_MS);
    await this.#stopRole('control', CONTROL_STOP_LIMIT_MS);
  }

  /** Ends everything at once. */
  kill(): void {
    for (const supervised of this.#processes) supervised.kill();
  }

  /** Sends a signal to the processes of a role that have said that they are ready. */
  signal(role: Role, name: NodeJS.Signals): void {
    for (const one of this.#processes) if (one.spec.role === role) one.signal(name);
  }

  /**
   * Replaces the workers one after another, for new code: a new one accepts on the same socket before the old one drains.
   * If a new one does not start, the old ones that are left stay.
   */
  async replaceWorkers(): Promise<RollingResult> {
    let replaced = 0;
    for (const old of this.#processes.filter(({ spec }) => spec.role === 'gateway')) {
      const problem = await this.#startBeside(old);
      if (problem !== undefined) return { replaced, problem };
      await old.stop(this.#workerStopMs());
      replaced++;
    }
    return { replaced };
  }

  /** Starts the successor of a worker; resolves to the reason why it does not serve. */
  async #startBeside(old: SupervisedProcess): Promise<string | undefined> {
    const { clock } = this.#dependencies;
    if (this.#stopping) return 'Rampart is stopping';
    const fresh = this.#open(old.spec);
    const late = Promise.withResolvers<string>();
    const limit = clock.setTimeout(() => late.resolve('it was not ready in time'), READY_LIMIT_MS);
    const problem = await Promise.race([fresh.start().catch(messageOf), late.promise]);
    limit.cancel();
    const place = this.#processes.indexOf(problem === undefined ? old : fresh);
    if (problem !== undefined) fresh.kill();
    if (place >= 0) this.#processes.splice(place, 1);
    return problem ?? undefined;
  }

  async #launch(spec: ProcessSpec): Promise<void> {
    if (this.#stopping) throw new EndedBeforeReady(spec, null, 'stopping');
    await this.#open(spec).start();
  }

  #open(spec: ProcessSpec): SupervisedProcess {
    const { clock, random, events } = this.#dependencies;
    const ofProcess: ProcessEvents = {
      died: (spec, how, delayMs) => {
        events.died(spec, how, delayMs);
        if (spec.role === 'gateway') this.#isAbsent(spec.instance);
      },
      ready: (spec) => {
        if (spec.role === 'gateway') this.#absences.get(spec.instance)?.cancel();
      },
      said: (supervised, message) => this.#hangs.said(supervised, message),
    };
    const supervised = new SupervisedProcess(spec, { clock, random, events: ofProcess });
    this.#processes.push(supervised);
    return supervised;
  }

  #spec(role: Role, instance: number, settings: ChildSettings | undefined): ProcessSpec {
    const sockets = this.#sockets;
    const env = {
      ...process.env,
      ...(settings === undefined ? {} : { DATABASE_URL: settings.databaseUrl }),
      RAMPART_SUPERVISED: '1',
      RAMPART_WATCHED: '1',
      RAMPART_CONFIG_SNAPSHOT: snapshotPath(this.#dependencies.runFolder),
      RAMPART_INSTANCE: String(instance),
      ...(role === 'gateway' ? sockets?.variables : {}),
      ...(role === 'gateway' && settings !== undefined ? { DATABASE_POOL_MAX: String(settings.gatewayPool) } : {}),
    };
    const listenFds = role === 'gateway' && sockets !== undefined ? () => sockets.fds(instance) : undefined;
    return {
      role,
      instance,
      command: process.execPath,
      args: [this.#dependencies.entry, role],
      env,
      listenFds,
    };
  }

  /** The new generator listens beside the old one before that ends, so that one of them always serves. */
  async #replaceGenerator(index: number, settings: ChildSettings | undefined): Promise<void> {
    const { GENERATOR_PORT } = this.#dependencies.config.env;
    const canShare = isPortShareable('127.0.0.1', GENERATOR_PORT + index);
    if (!canShare) await this.#endOrphans('generator', index);
    await this.#launch(this.#spec('generator', index, settings));
    await this.#endOrphans('generator', index);
  }

  /** The socket of a worker that does not come back is closed: waiting connections are reset, new ones go to the others. */
  #isAbsent(instance: number): void {
    this.#absences.get(instance)?.cancel();
    const absence = this.#dependencies.clock.setTimeout(() => this.#sockets?.renew(instance), LONGEST_ABSENCE_MS);
    this.#absences.set(instance, absence);
  }

  #workerStopMs(): number {
    const { SHUTDOWN_DELAY_MS, DRAIN_TIMEOUT_MS } = this.#dependencies.config.env;
    return DRAIN_TIMEOUT_MS === 0
      ? Number.POSITIVE_INFINITY
      : SHUTDOWN_DELAY_MS + DRAIN_TIMEOUT_MS + WORKER_STOP_MARGIN_MS;
  }

  async #endOrphans(role: Role, instance?: number): Promise<void> {
    const limitMs =
      role === 'gateway' ? this.#workerStopMs() : role === 'batch' ? BATCH_STOP_LIMIT_MS : GENERATOR_STOP_LIMIT_MS;
    const wanted = this.#orphans.filter(
      (orphan) => orphan.role === role && (instance === undefined || orphan.instance === instance),
    );
    await Promise.all(wanted.map((orphan) => this.#endOrphan(orphan, limitMs)));
  }

  /** An orphan is not our child, so its end raises no event: poll until its process has ended. */
  async #endOrphan(orphan: ProcessRecord, limitMs: number): Promise<void> {
    const { clock } = this.#dependencies;
    const killAt = clock.now() + limitMs;
    if (!this.#stopping && isProcessAlive(orphan.name)) signal(orphan, 'SIGTERM');
    while (!this.#stopping && isProcessAlive(orphan.name)) {
      if (clock.now() > killAt) signal(orphan, 'SIGKILL');
      await new Promise<void>((resolve) => void clock.setTimeout(resolve, POLL_MS));
    }
  }

  async #stopRole(role: Role, limitMs: number): Promise<void> {
    await Promise.all(this.#processes.filter(({ spec }) => spec.role === role).map((one) => one.stop(limitMs)));
  }
}

function signal({ role, pid }: ProcessRecord, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    // The process has ended in the meantime.
    if (codeOf(error) === 'ESRCH') return;
    throw new UsageError(
      `Cannot take over ${role} (process ${pid}): ${messageOf(error)}. Stop it as the user it runs as`,
    );
  }
}
