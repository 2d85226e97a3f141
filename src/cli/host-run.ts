import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { configWithFile, needsDatabase } from '../config/config.ts';
import type { ParsedConfigFile } from '../config/file-schema.ts';
import type { Config } from '../config/model.ts';
import { readSnapshot, snapshotPath, writeSnapshot } from '../config/snapshot.ts';
import { contentHash } from '../core/canonical-json.ts';
import { controlSocket } from '../control/control-socket.ts';
import { askControl } from '../control/link.ts';
import { membershipFile } from '../control/membership.ts';
import { systemClock } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import type { ActivatedSockets } from '../supervisor/host-listeners.ts';
import { writeRollingResult } from '../supervisor/rolling-restart.ts';
import { ServiceManager } from '../supervisor/service-manager.ts';
import { EndedBeforeReady, type ProcessSpec } from '../supervisor/supervised-process.ts';
import { Supervisor } from '../supervisor/supervisor.ts';
import { type PreparedDatabase, prepareDatabase } from './database.ts';
import { Interrupted, type StopSignal } from './interrupted.ts';
import { type CommandIo, exitCodes } from './io.ts';
import { banner, type BannerParts } from './start-banner.ts';

export interface HostRunOptions {
  readonly config: Config;
  /** The configuration file, of which a snapshot is left for the processes that start later. */
  readonly file: ParsedConfigFile;
  readonly runFolder: string;
  readonly io: CommandIo;
  /** The listening sockets that a service manager has opened, and the variables by which it is told what happens. */
  readonly service: { readonly sockets: ActivatedSockets; readonly env: CommandIo['env'] };
}

const CONTROL_ANSWER_LIMIT_MS = 5000;

/** Everything that `rampart start` runs, from the first process to the last. */
export class HostRun {
  readonly #options: HostRunOptions;
  readonly #supervisor: Supervisor;
  readonly #manager: ServiceManager;
  /** Rejects at the first signal. */
  readonly #stopped: Promise<never>;
  /** Resolves at the second signal. */
  readonly #hastened: Promise<void>;
  #preparing: Promise<PreparedDatabase> | undefined;
  #hasBegun = false;
  #isUp = false;
  #isReplacing = false;

  constructor(options: HostRunOptions) {
    this.#options = options;
    const { config, runFolder, io, service } = options;
    this.#manager = new ServiceManager({
      env: service.env,
      pid: process.pid,
      clock: systemClock,
      problem: () => this.#problem(),
      say: (line) => void io.stderr.write(`rampart: ${line}\n`),
    });
    const { first, second } = stopSignal();
    this.#supervisor = new Supervisor({
      config,
      clock: systemClock,
      random: Math.random,
      runFolder,
      activated: service.sockets,
      entry: fileURLToPath(new URL('./main.ts', import.meta.url)),
      events: {
        died: (spec, how, delayMs) => io.stderr.write(diedLine(spec, how, delayMs)),
        hangs: ({ role, instance }) => io.stderr.write(`rampart: ${role} ${instance} hangs; ending it\n`),
      },
    });
    this.#stopped = first.then((signal) => {
      io.stderr.write(`rampart: ${signal}, stopping (again: at once)\n`);
      throw new Interrupted(signal);
    });
    this.#hastened = second;
    // Control evaluates the file, and logs what comes of it.
    process.on('SIGHUP', () => this.#supervisor.signal('control', 'SIGHUP'));
    process.on('SIGUSR2', () => void this.#replaceWorkers());
    void second.then(() => this.#supervisor.kill());
  }

  /** Runs until a signal asks to stop; resolves to the exit code when everything has stopped. */
  async run(): Promise<number> {
    try {
      await this.#bringUp();
      this.#isUp = true;
      this.#manager.ready();
      return await this.#stopped;
    } catch (error) {
      if (error instanceof Interrupted) return this.#isUp ? exitCodes.ok : error.code;
      if (!(error instanceof EndedBeforeReady)) throw error;
      // The process has printed the reason; a setting that no process can start with is the user's to change.
      this.#options.io.stderr.write(`rampart: cannot start, as ${error.message}\n`);
      return error.code === exitCodes.usage ? exitCodes.usage : exitCodes.failed;
    } finally {
      await this.#stop();
    }
  }

  /** Never rejects. */
  async #replaceWorkers(): Promise<void> {
    const { io, runFolder } = this.#options;
    const say = (text: string): void => void io.stderr.write(`rampart: ${text}\n`);
    if (!this.#isUp || this.#isReplacing) {
      say(this.#isUp ? 'SIGUSR2: the workers are being replaced already' : 'SIGUSR2: not everything is up yet');
      return;
    }
    this.#isReplacing = true;
    say('SIGUSR2: replacing the workers, one after another');
    const result = await this.#supervisor.replaceWorkers();
    this.#isReplacing = false;
    const { replaced, problem } = result;
    const end =
      problem === undefined ? '' : `; the others stay as they are, because a new one does not start: ${problem}`;
    say(`${replaced} workers are replaced${end}`);
    try {
      writeRollingResult(runFolder, result, systemClock.wallNow());
    } catch (error) {
      say(`the result cannot be written down: ${messageOf(error)}`);
    }
  }

  async #bringUp(): Promise<void> {
    const { config, file, runFolder, io } = this.#options;
    const supervisor = this.#supervisor;
    await this.#unlessStopped(supervisor.claimAddresses());
    if (supervisor.orphanCount > 0) {
      io.stderr.write(
        `rampart: taking over ${supervisor.orphanCount} processes that a killed supervisor left behind\n`,
      );
    }
    this.#hasBegun = true;
    writeSnapshot(snapshotPath(runFolder), { file });
    this.#preparing = needsDatabase(config) ? prepareDatabase(config) : undefined;
    const database = this.#preparing === undefined ? undefined : await this.#unlessStopped(this.#preparing);
    database?.watch((line) => io.stderr.write(`rampart: ${line}\n`));
    const settings = database && { databaseUrl: database.url, gatewayPool: database.pools.gateway };
    await this.#unlessStopped(supervisor.start(settings));
    io.stdout.write(await this.#unlessStopped(banner({ ...this.#inForce(), database })));
  }

  /** Control may have started with another configuration than the file: that of the fleet, or changes by the admin API. */
  #inForce(): Pick<BannerParts, 'config' | 'isOwnFile'> {
    const { config, file: own, runFolder, io } = this.#options;
    const { file = own } = readSnapshot(snapshotPath(runFolder)) ?? {};
    const isOwnFile = contentHash(file) === contentHash(own);
    return { config: isOwnFile ? config : configWithFile(io.env, file, io.folder), isOwnFile };
  }

  #unlessStopped<Result>(work: Promise<Result>): Promise<Result> {
    return Promise.race([this.#stopped, work]);
  }

  /** The first process that must answer and does not. */
  async #problem(): Promise<string | undefined> {
    if (!this.#supervisor.isServing) return 'no worker is up';
    const socket = controlSocket(this.#options.runFolder);
    const answer = await askControl(socket, { type: 'ask', what: 'status' }, CONTROL_ANSWER_LIMIT_MS);
    return answer === undefined ? 'control does not answer' : undefined;
  }

  async #stop(): Promise<void> {
    const supervisor = this.#supervisor;
    this.#manager.stopping();
    await supervisor.stop();
    // A database whose start was interrupted may still be starting, and is ours to stop.
    const database = await Promise.race([
      this.#preparing?.catch(() => undefined),
      this.#hastened.then(() => undefined),
    ]);
    // Processes of a killed supervisor that this one had not replaced yet serve on, and need their database.
    if (supervisor.isOrphanLeft()) await database?.abandon();
    else await database?.stop();
    if (!this.#hasBegun) return;
    const { runFolder } = this.#options;
    const left = [join(runFolder, 'metrics.json'), snapshotPath(runFolder), membershipFile(runFolder)];
    for (const path of left) rmSync(path, { force: true });
  }
}

function diedLine({ role, instance }: ProcessSpec, how: string, delayMs: number): string {
  return `rampart: ${role} ${instance} ended (${how}); starting it again in ${Math.round(delayMs)} ms\n`;
}

/** The first signal asks to stop; a second one asks not to wait. */
function stopSignal(): { first: Promise<StopSignal>; second: Promise<void> } {
  const first = Promise.withResolvers<StopSignal>();
  const second = Promise.withResolvers<void>();
  let count = 0;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (++count === 1) first.resolve(signal);
      else second.resolve();
    });
  }
  return { first: first.promise, second: second.promise };
}
