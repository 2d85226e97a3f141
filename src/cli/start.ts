import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Config, loadConfig } from '../config/config.ts';
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
  const config = await loadConfig(io.env, io.folder);
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
  let preparing: Promise<PreparedDatabase> | undefined;
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
    preparing = prepareDatabase(config);
    const database = await unlessStopped(preparing);
    database.watch((line) => io.stderr.write(`rampart: ${line}\n`));
    await unlessStopped(supervisor.start({ databaseUrl: database.url, gatewayPool: database.pools.gateway }));
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
    if (preparing !== undefined) rmSync(join(runFolder, 'metrics.json'), { force: true });
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

async function banner(config: Config, database: PreparedDatabase): Promise<string> {
  const { url, adminUrl } = addresses(config);
  const { GATEWAY_WORKERS, GENERATOR_INSTANCES, GENERATOR_CONCURRENCY, GENERATOR_KIND } = config.env;
  const { text, remark } = await firstKey(config, database);
  return `
  Rampart is up.

    public    ${url}    ${GATEWAY_WORKERS} workers
    admin     ${adminUrl}    /api/status, /metrics
    backends  ${GENERATOR_INSTANCES} ${GENERATOR_KIND} generators, ${GENERATOR_CONCURRENCY} requests at a time each
    database  ${database.isEmbedded ? `embedded PostgreSQL in ${config.dataDir}` : 'PostgreSQL of DATABASE_URL'}
    key       ${text ?? '(not shown again)'}    ${remark}

  Try it:

    curl -s -H 'authorization: Bearer ${text ?? '<your key>'}' -H 'content-type: application/json' \\
      -d '{"symbology":"qrcode","text":"hello","format":"png"}' -o hello.png ${url}/v1/barcodes

  Ctrl-C stops everything.

`;
}

const FIRST_KEY_FILE = 'first-key';

/**
 * A key to begin with, made when there is none. With the embedded database it is kept beside it, for this user alone,
 * so that the next start can show it again; beside a database elsewhere it is shown once.
 */
async function firstKey(
  config: Config,
  { store, isEmbedded }: PreparedDatabase,
): Promise<{ text: string | undefined; remark: string }> {
  const path = join(config.dataDir, FIRST_KEY_FILE);
  const kept = isEmbedded ? await keptKey(path, store) : undefined;
  if (kept !== undefined) return { text: kept, remark: `(kept in ${path})` };
  if ((await store.keys.list()).some((key) => key.revokedAtMs === undefined)) {
    return { text: undefined, remark: 'make one: npm run -s rampart -- keys create' };
  }
  const { text } = await store.keys.create('first');
  if (!isEmbedded) return { text, remark: '(shown this once)' };
  writeFileSync(path, `${text}\n`, { mode: 0o600 });
  return { text, remark: `(kept in ${path})` };
}

async function keptKey(path: string, store: Store): Promise<string | undefined> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
  const record = await store.keys.findByHash(hashOfKey(text));
  return record === undefined || record.revokedAtMs !== undefined ? undefined : text;
}
