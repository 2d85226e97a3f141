import { fork, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadConfig, needsDatabase } from '../config/config.ts';
import type { Config } from '../config/model.ts';
import { systemClock } from '../core/clock.ts';
import { UsageError } from '../core/errors.ts';
import { isProcessAlive } from '../core/process-name.ts';
import type { ProcessRecord } from '../supervisor/process-records.ts';
import { readRollingResult } from '../supervisor/rolling-restart.ts';
import { lookForInstance } from './instance.ts';
import { freePorts } from '../core/free-ports.ts';
import { databaseUrlOf } from './database.ts';
import { type CommandIo, exitCodes } from './io.ts';

const TRIAL_LIMIT_MS = 60_000;
const entry = fileURLToPath(new URL('./main.ts', import.meta.url));
const ecosystemFile = fileURLToPath(new URL('../../ecosystem.config.cjs', import.meta.url));

const POLL_MS = 100;
/** Longer than a rolling restart whose drains have a limit. */
const ROLLING_LIMIT_MS = 60 * 60_000;

/** `rampart reload --workers`: by whoever has started the workers. */
export function reloadWorkers(io: CommandIo, isDryRun: boolean): Promise<number> {
  const { runFolder, processes } = lookForInstance(io);
  const supervisor = processes.find(({ role }) => role === 'supervisor');
  return supervisor === undefined
    ? reloadUnderPm2(io, isDryRun)
    : reloadBySupervisor(supervisor, runFolder, io, isDryRun);
}

async function reloadBySupervisor(
  { pid, name }: ProcessRecord,
  runFolder: string,
  io: CommandIo,
  isDryRun: boolean,
): Promise<number> {
  if (isDryRun)
    throw new UsageError(
      'rampart start takes no --dry-run with --workers: it keeps a worker whose successor does not start',
    );
  const sinceMs = systemClock.wallNow();
  process.kill(pid, 'SIGUSR2');
  const until = systemClock.now() + ROLLING_LIMIT_MS;
  while (isProcessAlive(name) && systemClock.now() < until) {
    const result = readRollingResult(runFolder, sinceMs);
    if (result !== undefined) {
      io.stdout.write(`${result.replaced} workers are replaced\n`);
      if (result.problem === undefined) return exitCodes.ok;
      io.stderr.write(`rampart: the others stay as they are, because a new one does not start: ${result.problem}\n`);
      return exitCodes.failed;
    }
    await new Promise<void>((resolve) => void systemClock.setTimeout(resolve, POLL_MS));
  }
  throw new UsageError('Cannot say what became of the workers, as rampart start has ended or is not ready');
}

/**
 * Has pm2 replace the gateway's workers, if a worker starts with the present code and settings. pm2 reload alone ends the
 * old workers even if the new ones do not start.
 */
async function reloadUnderPm2(io: CommandIo, isDryRun: boolean): Promise<number> {
  const config = await loadConfig(io.env, io.folder, 'reload');
  await tryWorker(config, io);
  io.stderr.write('rampart: the configuration is sound, and a worker starts with it\n');
  return isDryRun ? exitCodes.ok : reloadGateway(io);
}

/** Starts a worker as pm2 would, beside the host and without its control, and asks it whether it lives. */
async function tryWorker(config: Config, io: CommandIo): Promise<void> {
  const port = await freePorts(1, Math.random);
  const database = needsDatabase(config) ? { DATABASE_URL: await databaseUrlOf(config) } : {};
  const dataDir = mkdtempSync(join(tmpdir(), 'rampart-trial-'));
  const env = {
    ...io.env,
    ...database,
    PORT: String(port),
    HOST: '127.0.0.1',
    RAMPART_DATA_DIR: dataDir,
    RAMPART_INSTANCE: '0',
  };
  const worker = fork(entry, ['gateway'], { env, cwd: io.folder, stdio: ['ignore', 2, 2, 'ipc'] });
  const ended = new Promise<string>((resolve) => {
    worker.once('exit', (code, signal) => resolve(`it ended (${signal ?? `exit code ${code}`})`));
  });
  const ready = new Promise<undefined>((resolve) => void worker.once('message', () => resolve(undefined)));
  const late = new Promise<string>((resolve) => {
    setTimeout(() => resolve(`it was not ready after ${TRIAL_LIMIT_MS / 1000} s`), TRIAL_LIMIT_MS).unref();
  });
  try {
    const problem = (await Promise.race([ready, ended, late])) ?? (await answerOf(port));
    if (problem === undefined) return;
    throw new UsageError(
      `Cannot reload, as a worker does not start: ${problem}. The running ones are left as they are`,
    );
  } finally {
    if (worker.exitCode === null && worker.signalCode === null) worker.kill('SIGKILL');
    await ended;
    rmSync(dataDir, { recursive: true, force: true });
  }
}

async function answerOf(port: number): Promise<string | undefined> {
  const reply = await fetch(`http://127.0.0.1:${port}/healthz`).catch(() => undefined);
  return reply?.status === 200 ? undefined : `it answers /healthz with ${reply?.status ?? 'nothing'}`;
}

function reloadGateway(io: CommandIo): Promise<number> {
  const args = [pm2Program(io.folder), 'reload', ecosystemFile, '--only', 'gateway'];
  const pm2 = spawn(process.execPath, args, { env: io.env, cwd: io.folder, stdio: 'inherit' });
  return new Promise((resolve) => void pm2.once('exit', (code) => resolve(code ?? exitCodes.failed)));
}

/** pm2 is no dependency of Rampart: whoever wants it has installed it in the folder, or beside Rampart. */
function pm2Program(folder: string): string {
  for (const from of [join(folder, 'package.json'), ecosystemFile]) {
    try {
      return createRequire(from).resolve('pm2/bin/pm2');
    } catch {
      // Not there.
    }
  }
  throw new UsageError(`Cannot reload, as pm2 is installed neither in ${folder} nor beside Rampart: npm install pm2`);
}
