import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadConfigAndFile, needsDatabase } from '../config/config.ts';
import { GENERATOR_UPSTREAM } from '../config/upstreams.ts';
import type { Config } from '../config/model.ts';
import { snapshotPath, writeSnapshot } from '../config/snapshot.ts';
import { unknownVariables } from '../config/env-file.ts';
import { membershipFile } from '../control/membership.ts';
import { systemClock } from '../core/clock.ts';
import { runFolder as runFolderOf } from '../core/run-folder.ts';
import { acquireInstanceLock } from '../supervisor/instance-lock.ts';
import { prepareRunFolder, recordThisProcess } from '../supervisor/process-records.ts';
import { EndedBeforeReady, type ProcessSpec } from '../supervisor/supervised-process.ts';
import { Supervisor } from '../supervisor/supervisor.ts';
import { hashOfKey } from '../store/keys.ts';
import type { Store } from '../store/store.ts';
import { type PreparedDatabase, prepareDatabase } from './database.ts';
import { askedForHelp } from './help.ts';
import { type CommandIo, exitCodes } from './io.ts';
import { RELOAD_REMARK } from './role.ts';

const help = `usage: rampart start

Runs everything on this host: PostgreSQL (unless DATABASE_URL is set), control, GENERATOR_INSTANCES generators and
GATEWAY_WORKERS gateway workers, and starts again what dies. Ctrl-C stops it all, losing nothing; twice: at once.
Exit codes: 0 after a stop, 130 (143 for SIGTERM) where it was stopped before all was up, 2 where it cannot start.
`;

/** `rampart start`. */
export async function start(args: string[], io: CommandIo): Promise<number> {
  if (askedForHelp(args, io, { help, known: [] })) return exitCodes.ok;
  const { config, file } = await loadConfigAndFile(io.env, io.folder);
  const runFolder = runFolderOf(config.dataDir);
  prepareRunFolder(config.dataDir, runFolder);
  const { url, adminUrl } = addresses(config);
  const lock = await acquireInstanceLock(config.dataDir, runFolder, { pid: process.pid, url, adminUrl });
  const self = { role: 'supervisor', instance: 0, supervised: false } as const;
  process.once(
    'exit',
    recordThisProcess(runFolder, self, (problem) => io.stderr.write(`rampart: ${problem}\n`)),
  );
  const stopping = stopSignal(io);
  const supervisor = new Supervisor({
    config,
    clock: systemClock,
    random: Math.random,
    runFolder,
    entry: fileURLToPath(new URL('./main.ts', import.meta.url)),
    events: {
      died: (spec, how, delayMs) => io.stderr.write(diedLine(spec, how, delayMs)),
      hangs: ({ role, instance }) => io.stderr.write(`rampart: ${role} ${instance} hangs; ending it\n`),
    },
  });
  for (const remark of unknownVariables(io.env)) io.stderr.write(`rampart: ${remark}\n`);
  let preparing: Promise<PreparedDatabase> | undefined;
  let hasBegun = false;
  let isUp = false;
  let code: number = exitCodes.ok;
  const stopped = stopping.first.then((signal) => {
    io.stderr.write(`rampart: ${signal}, stopping (again: at once)\n`);
    throw new Interrupted(signal);
  });
  void stopping.second.then(() => supervisor.kill());
  const unlessStopped = <Result>(work: Promise<Result>): Promise<Result> => Promise.race([stopped, work]);
  try {
    await unlessStopped(supervisor.claimAddresses());
    if (supervisor.orphanCount > 0) {
      io.stderr.write(
        `rampart: taking over ${supervisor.orphanCount} processes that a killed supervisor left behind\n`,
      );
    }
    hasBegun = true;
    writeSnapshot(snapshotPath(runFolder), file);
    preparing = needsDatabase(config) ? prepareDatabase(config) : undefined;
    const database = preparing === undefined ? undefined : await unlessStopped(preparing);
    database?.watch((line) => io.stderr.write(`rampart: ${line}\n`));
    const settings = database && { databaseUrl: database.url, gatewayPool: database.pools.gateway };
    await unlessStopped(supervisor.start(settings));
    io.stdout.write(await unlessStopped(banner(config, database)));
    isUp = true;
    await stopped;
  } catch (error) {
    if (error instanceof Interrupted) code = isUp ? exitCodes.ok : error.code;
    else if (error instanceof EndedBeforeReady) {
      // It has said why; a setting that no process can start with is the user's to change.
      io.stderr.write(`rampart: cannot start, as ${error.message}\n`);
      code = error.code === exitCodes.usage ? exitCodes.usage : exitCodes.failed;
    } else throw error;
  } finally {
    await supervisor.stop();
    // A start that was interrupted here may still be at it, and what it starts is ours to stop.
    const database = await Promise.race([preparing?.catch(() => undefined), stopping.second.then(() => undefined)]);
    // What a killed supervisor has left, and this one had not yet replaced, serves on, and needs its database.
    if (supervisor.isOrphanLeft()) await database?.abandon();
    else await database?.stop();
    if (hasBegun) {
      const left = [join(runFolder, 'metrics.json'), snapshotPath(runFolder), membershipFile(runFolder)];
      for (const path of left) rmSync(path, { force: true });
    }
    lock.release();
  }
  return code;
}

function addresses({ env }: Config): { url: string; adminUrl: string } {
  const hostOf = (host: string): string => (host.includes(':') ? `[${host}]` : host);
  return {
    url: `http://${hostOf(env.HOST)}:${env.PORT}`,
    adminUrl: `http://${hostOf(env.ADMIN_HOST)}:${env.ADMIN_PORT}`,
  };
}

function diedLine({ role, instance }: ProcessSpec, how: string, delayMs: number): string {
  return `rampart: ${role} ${instance} ended (${how}); starting it again in ${Math.round(delayMs)} ms\n`;
}

/** Thrown where a wait was cut short by a signal that asks to stop. */
class Interrupted extends Error {
  /** As a shell reports a process that the signal has ended. */
  readonly code: number;

  constructor(signal: StopSignal) {
    super(signal);
    this.code = 128 + constants.signals[signal];
  }
}

type StopSignal = 'SIGINT' | 'SIGTERM';

/** The first signal asks to stop; a second one asks not to wait. */
function stopSignal({ stderr }: CommandIo): { first: Promise<StopSignal>; second: Promise<void> } {
  const first = Promise.withResolvers<StopSignal>();
  const second = Promise.withResolvers<void>();
  let count = 0;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (++count === 1) first.resolve(signal);
      else second.resolve();
    });
  }
  process.on('SIGHUP', () => stderr.write(`rampart: ${RELOAD_REMARK}\n`));
  process.on('SIGUSR2', () => stderr.write('rampart: SIGUSR2 is ignored\n'));
  return { first: first.promise, second: second.promise };
}

async function banner(config: Config, database: PreparedDatabase | undefined): Promise<string> {
  const { url, adminUrl } = addresses(config);
  const { GATEWAY_WORKERS } = config.env;
  return `
  Rampart is up.

    public    ${url}    ${GATEWAY_WORKERS} workers
    admin     ${adminUrl}    /api/status, /metrics
${backendLines(config)}
${database === undefined ? '    database  none: no route needs one\n' : await databaseLines(config, database, url)}
  Ctrl-C stops everything.

`;
}

function backendLines({ env, upstreams }: Config): string {
  const { GENERATOR_INSTANCES, GENERATOR_CONCURRENCY, GENERATOR_KIND } = env;
  const own =
    GENERATOR_INSTANCES === 0
      ? []
      : [`${GENERATOR_INSTANCES} ${GENERATOR_KIND} generators, ${GENERATOR_CONCURRENCY} requests at a time each`];
  const others = upstreams
    .filter(({ name }) => name !== GENERATOR_UPSTREAM)
    .map(({ name, backends, cap }) => `${backends.length} of upstream ${name}, ${cap} requests at a time each`);
  const lines = [...own, ...others];
  return (lines.length === 0 ? ['none: rampart.config.ts names no upstream'] : lines)
    .map((line, index) => `    ${index === 0 ? 'backends' : '        '}  ${line}`)
    .join('\n');
}

async function databaseLines(config: Config, database: PreparedDatabase, url: string): Promise<string> {
  const { shown, forShell } = await firstKey(config, database);
  const where = database.isEmbedded ? `embedded PostgreSQL in ${config.dataDir}` : 'PostgreSQL of DATABASE_URL';
  const lines = `    database  ${where}
    key       ${shown}
`;
  if (config.env.GENERATOR_INSTANCES === 0) return lines;
  return `${lines}
  Try it:

    curl -s -H "authorization: Bearer ${forShell}" -H 'content-type: application/json' \\
      -d '{"symbology":"qrcode","text":"hello","format":"png"}' -o hello.png ${url}/v1/barcodes
`;
}

const FIRST_KEY_FILE = 'first-key';

/** The first key, as a start shows it. */
interface FirstKey {
  readonly shown: string;
  /** What stands in its place in a command line. */
  readonly forShell: string;
}

/**
 * A key to begin with, made when there is none, and shown this once: what a start says may be collected and kept. With
 * the embedded database it lies beside that, for this user alone, and later starts name the file.
 */
async function firstKey(config: Config, { store, isEmbedded }: PreparedDatabase): Promise<FirstKey> {
  const path = join(config.dataDir, FIRST_KEY_FILE);
  if (isEmbedded && (await isKeyKept(path, store))) return { shown: `in ${path}`, forShell: `$(cat '${path}')` };
  if ((await store.keys.list()).some((key) => key.revokedAtMs === undefined)) {
    return { shown: 'make one: npm run -s rampart -- keys create', forShell: '<your key>' };
  }
  const { text } = await store.keys.create('first');
  if (!isEmbedded) return { shown: `${text}    (shown this once)`, forShell: text };
  writeFileSync(path, `${text}\n`, { mode: 0o600 });
  return { shown: `${text}    (shown this once; kept in ${path})`, forShell: text };
}

/** Whether the file has a key that is still good. */
async function isKeyKept(path: string, store: Store): Promise<boolean> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch {
    return false;
  }
  const record = await store.keys.findByHash(hashOfKey(text));
  return record !== undefined && record.revokedAtMs === undefined;
}
