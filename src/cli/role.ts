import { randomUUID } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import type { Logger } from 'pino';
import { resolve } from 'node:path';
import { configWithFile, loadConfigAndFile } from '../config/config.ts';
import type { Config } from '../config/model.ts';
import { parseEnvironment } from '../config/environment.ts';
import type { ParsedConfigFile } from '../config/file-schema.ts';
import { readSnapshot, type ConfigSnapshot, snapshotPath } from '../config/snapshot.ts';
import { UsageError } from '../core/errors.ts';
import { nodeRemarks } from '../config/node-floors.ts';
import { DEFAULT_SLO_FILE } from '../config/slo-file-name.ts';
import { unknownVariables } from '../config/env-file.ts';
import { type Clock, openClock } from '../core/clock.ts';
import { compactHeap } from '../core/compact-heap.ts';
import type { Random } from '../core/random.ts';
import { runFolder as runFolderOf } from '../core/run-folder.ts';
import { controlSocket } from '../control/control-socket.ts';
import { ControlLink, type LinkOptions } from '../control/link.ts';
import type { Role } from '../protocol/messages.ts';
import { Bugs } from '../metrics/bugs.ts';
import { Registry } from '../metrics/instruments.ts';
import { boundsWith, latencyBounds } from '../metrics/latency-bounds.ts';
import { registerProcessMetrics } from '../metrics/process-metrics.ts';
import { latencyThresholdsMs } from '../policy/slo/thresholds.ts';
import { liveProcesses, prepareRunFolder, recordedAtMs, recordThisProcess } from '../supervisor/process-records.ts';
import { lookForInstance } from './instance.ts';
import { exitCodes, type CommandIo } from './io.ts';
import { openLog } from './log.ts';
import { version } from './version.ts';

/** The common start of every long-running role. */
export interface RoleContext {
  readonly role: Role;
  readonly instance: number;
  readonly config: Config;
  /** The configuration file, or its last snapshot if the file could not be read. */
  readonly file: ParsedConfigFile;
  /** The same without the changes by the admin API that are in force beside it. */
  readonly base: ParsedConfigFile;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly registry: Registry;
  readonly bugs: Bugs;
  readonly failure: ProcessFailure;
  readonly runFolder: string;
}

/** Builds the real clock, randomness, log and metrics of a role, and writes its process down. */
export async function enterRole(role: Role, io: CommandIo): Promise<RoleContext> {
  const { config, file, base, remark } = await configFor(role, io);
  // pm2 counts the instances of an app itself.
  const instance = Number(io.env['RAMPART_INSTANCE'] ?? io.env['NODE_APP_INSTANCE'] ?? 0);
  const runFolder = runFolderOf(config.dataDir);
  prepareRunFolder(config.dataDir, runFolder);
  const supervised = io.env['RAMPART_SUPERVISED'] === '1';
  const forget = recordThisProcess(runFolder, { role, instance, supervised }, (problem) =>
    io.stderr.write(`rampart: ${problem}\n`),
  );
  process.once('exit', forget);
  // Started by a supervisor that died before this line: nobody would ever look for this process.
  if (supervised && !process.connected) process.exit(exitCodes.failed);
  const registry = new Registry(role === 'gateway' ? await boundsOf(config, io) : undefined);
  registerProcessMetrics(registry, role, version, instance);
  const clock = openClock((error) => bugs.report('timer', error));
  const log = openLog(config.env.LOG_LEVEL, { role, instance, pid: process.pid }, clock);
  // Under a supervisor it has been said already.
  if (!supervised) for (const remark of unknownVariables(io.env)) log.warn(remark);
  if (!supervised && role === 'gateway')
    for (const remark of nodeRemarks(config, process.versions.node)) log.warn(remark);
  if (remark !== undefined) log.error(remark);
  const bugs = new Bugs(log, registry);
  const failure = watchForFailure(bugs);
  return { role, instance, config, file, base, clock, random: Math.random, log, registry, bugs, failure, runFolder };
}

/** The bounds of a worker's histograms. A wrong SLO file is refused by the start and by control; here it adds no bounds. */
async function boundsOf({ env }: Config, { folder }: CommandIo): Promise<readonly number[]> {
  // Parsing YAML is of no use to a worker without such a file.
  if (env.RAMPART_SLO === undefined && !existsSync(resolve(folder, DEFAULT_SLO_FILE))) return latencyBounds;
  const { loadSlo } = await import('../config/slo-load.ts');
  const { slo } = loadSlo(env.RAMPART_SLO, folder);
  return slo === undefined ? latencyBounds : boundsWith(latencyThresholdsMs(slo));
}

interface RoleConfig {
  readonly config: Config;
  readonly file: ParsedConfigFile;
  readonly base: ParsedConfigFile;
  /** The log record about a broken file; undefined if the file is sound. */
  readonly remark?: Record<string, unknown> | undefined;
}

/**
 * Under a supervisor, the configuration that the supervisor has read; for a worker, the one that the running control has
 * put in force; elsewhere, that of the file. If the file is broken
 * while the host is running, as when pm2 reloads, the last sound configuration: to start with that is better than not to
 * start.
 */
async function configFor(role: Role, io: CommandIo): Promise<RoleConfig> {
  const what = `start ${role}`;
  const given = io.env['RAMPART_CONFIG_SNAPSHOT'];
  const read = given === undefined ? snapshotInForce(role, io) : readSnapshot(given);
  if (read !== undefined) return ofSnapshot(read, io, what);
  try {
    const loaded = await loadConfigAndFile(io.env, io.folder, what);
    return { ...loaded, base: loaded.file };
  } catch (error) {
    const last = error instanceof UsageError ? lastGood(role, io, what) : undefined;
    if (last === undefined) throw error;
    const { message, problems } = error as UsageError;
    const msg =
      'THE CONFIGURATION FILE IS BROKEN: this process uses the last one that was good. Correct it, and reload';
    return { ...last, remark: { problems: [message, ...problems], msg } };
  }
}

const ofSnapshot = ({ file, base = file }: ConfigSnapshot, io: CommandIo, what: string): RoleConfig => ({
  config: configWithFile(io.env, file, io.folder, what),
  file,
  base,
});

/** What the control that runs has put in force; undefined if there is none, or it has not got so far. */
function snapshotInForce(role: Role, io: CommandIo): ConfigSnapshot | undefined {
  if (role !== 'gateway') return undefined;
  try {
    const { runFolder, processes } = lookForInstance(io);
    const control = processes.find((one) => one.role === 'control');
    const path = snapshotPath(runFolder);
    const writtenAt = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
    const startedAt = control && recordedAtMs(runFolder, control);
    if (writtenAt === undefined || startedAt === undefined || writtenAt < startedAt) return undefined;
    return readSnapshot(path);
  } catch {
    // The environment is wrong: the file's path through this start says how.
    return undefined;
  }
}

/** Undefined where nothing else of Rampart runs here: then whoever starts it is to see what is wrong. */
function lastGood(role: Role, io: CommandIo, what: string): RoleConfig | undefined {
  try {
    const { RAMPART_DATA_DIR } = parseEnvironment(io.env).values;
    const runFolder = runFolderOf(resolve(io.folder, RAMPART_DATA_DIR));
    const snapshot = readSnapshot(snapshotPath(runFolder));
    const isRunning = liveProcesses(runFolder).some((other) => other.pid !== process.pid && other.role !== role);
    return snapshot !== undefined && isRunning ? ofSnapshot(snapshot, io, what) : undefined;
  } catch {
    return undefined;
  }
}

/** An exception that nothing has caught: the state of the process is in doubt, so it drains and is replaced. */
export interface ProcessFailure {
  readonly happened: boolean;
  readonly first: Promise<string>;
}

/** The last line of defence: what is in flight is still answered, where the process would have ended at once. */
function watchForFailure(bugs: Bugs): ProcessFailure {
  const first = Promise.withResolvers<string>();
  const failure = { happened: false, first: first.promise };
  const failed = (where: 'uncaughtException' | 'unhandledRejection', error: unknown): void => {
    failure.happened = true;
    bugs.report(where, error);
    first.resolve(where);
  };
  process.on('uncaughtException', (error) => failed('uncaughtException', error));
  process.on('unhandledRejection', (error) => failed('unhandledRejection', error));
  return failure;
}

/** How a role ends that was asked to stop, or that has failed and drained. */
export const exitCodeOf = ({ failure }: RoleContext): number => (failure.happened ? exitCodes.failed : exitCodes.ok);

/** Holds on to control, if it is there, and reports to it. */
export function linkToControl(
  context: RoleContext,
  more: Pick<LinkOptions, 'status'> & Partial<Pick<LinkOptions, 'onMessage' | 'onConnected' | 'onLost'>>,
): ControlLink {
  const { role, instance, clock, random, registry, bugs, runFolder } = context;
  const startedAtMs = clock.wallNow();
  const hello = {
    type: 'hello',
    member: randomUUID(),
    role,
    instance,
    pid: process.pid,
    version,
    startedAtMs,
  } as const;
  return new ControlLink({ socketPath: controlSocket(runFolder), hello, registry, bugs, clock, random, ...more });
}

/** Tells whoever started this process (the supervisor, pm2) that it serves. */
export function announceReady(): void {
  compactHeap();
  // The supervisor may have been killed a moment ago; without a callback, the failed send would be an uncaught error.
  process.send?.('ready', undefined, undefined, () => {});
}

/** The requests to stop that signals make. */
export interface StopRequest {
  /** SIGTERM, SIGINT (which pm2 sends), pm2's shutdown message, or a failure. */
  readonly first: Promise<string>;
  /** The second request, which asks not to wait for anything. */
  readonly second: Promise<string>;
}

/** pm2 may send its message and a signal, and a terminal two signals at once: that is one request. */
const SAME_REQUEST_MS = 200;

/** Listens for requests to stop. Other signals that would end a process by default do not. */
export function stopRequests({ clock, log, failure, role }: RoleContext): StopRequest {
  const first = Promise.withResolvers<string>();
  const second = Promise.withResolvers<string>();
  let firstAt: number | undefined;
  const asked = (how: string): void => {
    firstAt ??= clock.now();
    first.resolve(how);
    if (clock.now() - firstAt > SAME_REQUEST_MS) second.resolve(how);
  };
  void failure.first.then(first.resolve);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, asked);
  process.on('message', (message) => {
    if (message === 'shutdown') asked('shutdown');
  });
  if (role !== 'control') process.on('SIGHUP', () => log.warn(RELOAD_REMARK));
  process.on('SIGUSR2', () => log.warn('SIGUSR2 is ignored'));
  return { first: first.promise, second: second.promise };
}

export const RELOAD_REMARK =
  'SIGHUP reloads the configuration where it is sent to control or to rampart start; rampart reload finds them itself';
