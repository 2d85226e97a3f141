import { spawn } from 'node:child_process';
import { closeSync, fchownSync, openSync } from 'node:fs';
import { readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError, codeOf, messageOf } from '../../core/errors.ts';
import { initialise } from './init.ts';
import { findNativePackage, usableNative } from './native.ts';
import type { Placement } from './placement.ts';
import { findPlacement, makePlacement } from './placement.ts';
import {
  DATABASE_NAME,
  isAnswering,
  livePostmaster,
  queryOnce,
  removeMistakenLock,
  socketUrl,
  stopPostmaster,
  waitUntil,
} from './postmaster.ts';

export interface EmbeddedPostgres {
  /** For pg and for Prisma; over a Unix socket that only this account (and root) can reach. */
  readonly url: string;
  readonly pid: number;
  /** True where the server was running already, left by a start that was killed. */
  readonly adopted: boolean;
  /** Where data and log are; not in the data directory when root's server account cannot enter that. */
  readonly folder: string;
  /** Ends the server, whoever started it, and leaves no process, socket or lock. */
  stop(): Promise<void>;
}

export interface EmbeddedPostgresOptions {
  readonly dataDir: string;
  /** A server that runs already with fewer is started again. */
  readonly maxConnections?: number;
  /** How long a server may recover from a crash before the start is given up. */
  readonly startTimeoutMs?: number;
}

/** As PostgreSQL's own. */
const DEFAULT_CONNECTIONS = 100;
const LOG_FILE_BYTES = 10 * 1024 * 1024;
/** Faults that pass by themselves: another start is at it, or the processes of a killed server are still ending. */
const passing = /lock file ".*" already exists|pre-existing shared memory block/;

function serverArguments(place: Placement, maxConnections: number): string[] {
  const settings = {
    // Nothing to reach it by but the socket in its 0700 folder.
    listen_addresses: '',
    unix_socket_directories: `"${place.socketFolder.replaceAll('"', '""')}"`,
    unix_socket_permissions: '0700',
    max_connections: `${maxConnections}`,
    shared_buffers: '128MB',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_checkpoints: 'off',
    // A gateway that is killed must not keep row locks for the two hours of TCP's own patience.
    client_connection_check_interval: '10s',
  };
  return ['-D', place.data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}

async function rotateLog(logFile: string): Promise<void> {
  const size = await stat(logFile)
    .then((found) => found.size)
    .catch(() => 0);
  if (size > LOG_FILE_BYTES) await rename(logFile, `${logFile}.1`);
}

async function logFrom(logFile: string, offset: number): Promise<string> {
  return (await readFile(logFile).catch(() => Buffer.alloc(0))).subarray(offset).toString('utf8');
}

/** Starts the server in a session of its own, so that it outlives us; resolves when it answers, or with its log when it has ended. */
async function launch(place: Placement, native: string, args: string[], limitMs: number): Promise<string | undefined> {
  await rotateLog(place.logFile);
  const log = openSync(place.logFile, 'a', 0o600);
  // Otherwise a start by the folder's owner could not open the log that a start by root has made.
  if (place.account !== undefined) fchownSync(log, place.account.uid, place.account.gid);
  const offset = (await stat(place.logFile)).size;
  let ended = false;
  const child = spawn(join(native, 'bin', 'postgres'), args, {
    ...place.account,
    cwd: '/',
    detached: true,
    stdio: ['ignore', log, log],
    env: { LC_ALL: 'C' },
  });
  child.on('error', () => (ended = true)).on('exit', () => (ended = true));
  child.unref();
  closeSync(log);
  await waitUntil(async () => ended || (await isAnswering(place)), limitMs);
  if (!ended && (await isAnswering(place))) return undefined;
  if (!ended && child.pid !== undefined) await stopPostmaster(place, child.pid, 5_000);
  return logFrom(place.logFile, offset);
}

function startRefusal(place: Placement, log: string): UsageError {
  const lines = log.trim().split('\n');
  const why = lines.find((line) => /FATAL|PANIC|ERROR/.test(line)) ?? lines.at(-1) ?? 'it said nothing';
  return new UsageError(
    `Cannot start the embedded PostgreSQL: ${why.replace(/^.*?(FATAL|PANIC|ERROR):\s*/, '')}. Its log is ${place.logFile}; with DATABASE_URL set, it is not needed`,
  );
}

/** The server that runs on this data already, once it answers. One that is ending is waited for. */
async function adopt(place: Placement, limitMs: number): Promise<number | undefined> {
  let pid: number | undefined;
  await waitUntil(async () => {
    pid = await livePostmaster(place);
    return pid === undefined || (await isAnswering(place));
  }, limitMs);
  return pid;
}

async function startOwn(
  place: Placement,
  options: EmbeddedPostgresOptions,
  limitMs: number,
): Promise<number | undefined> {
  const native = await usableNative(place.folder, place.account);
  await initialise(place, native, (await findNativePackage()).version.split('.')[0] as string);
  await removeMistakenLock(place);
  const log = await launch(
    place,
    native,
    serverArguments(place, options.maxConnections ?? DEFAULT_CONNECTIONS),
    limitMs,
  );
  if (log === undefined) return livePostmaster(place);
  if (passing.test(log)) return undefined;
  throw startRefusal(place, log);
}

async function ensureDatabase(place: Placement): Promise<void> {
  const url = socketUrl(place.socketFolder, 'postgres');
  const found = await queryOnce(url, `SELECT 1 FROM pg_database WHERE datname = '${DATABASE_NAME}'`);
  if (found.length > 0) return;
  await queryOnce(url, `CREATE DATABASE ${DATABASE_NAME}`).catch((error: unknown) => {
    // 42P04, 23505: another start has made it in between.
    if (!['42P04', '23505'].includes(codeOf(error) ?? '')) throw error;
  });
}

function handle(place: Placement, pid: number, adopted: boolean): EmbeddedPostgres {
  return {
    url: socketUrl(place.socketFolder),
    pid,
    adopted,
    folder: place.folder,
    async stop() {
      await stopPostmaster(place, pid);
      await rm(place.socketFolder, { recursive: true, force: true });
    },
  };
}

/**
 * Starts the PostgreSQL that belongs to a data directory, or adopts it where it runs already: it lives on
 * when the process that started it is killed, so that the data plane keeps its database.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  try {
    return await startOrAdopt(options);
  } catch (error) {
    // The system refused something: a full disk, a missing permission.
    if (error instanceof UsageError || !/^E[A-Z0-9]+$/.test(codeOf(error) ?? '')) throw error;
    throw new UsageError(
      `Cannot start the embedded PostgreSQL for ${options.dataDir}: ${messageOf(error)}. Put that right, or set RAMPART_DATA_DIR to another folder, or DATABASE_URL to a PostgreSQL that is already there`,
    );
  }
}

async function takesConnections(place: Placement, wanted: number | undefined): Promise<boolean> {
  if (wanted === undefined) return true;
  const rows = await queryOnce(socketUrl(place.socketFolder, 'postgres'), 'SHOW max_connections');
  return Number(rows[0]?.['max_connections']) >= wanted;
}

async function startOrAdopt(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const limitMs = options.startTimeoutMs ?? 60_000;
  const place = await makePlacement(options.dataDir);
  for (let attempt = 0; attempt < 10; attempt += 1) {
    const running = await adopt(place, limitMs);
    if (running !== undefined && !(await takesConnections(place, options.maxConnections))) {
      await stopPostmaster(place, running);
      continue;
    }
    const pid = running ?? (await startOwn(place, options, limitMs));
    if (pid === undefined) continue;
    await ensureDatabase(place);
    return handle(place, pid, running !== undefined);
  }
  throw startRefusal(place, 'FATAL: another process keeps its data locked');
}

/** The embedded PostgreSQL of this data directory if it is running and answers; starts and changes nothing. */
export async function findEmbeddedPostgres(dataDir: string): Promise<EmbeddedPostgres | undefined> {
  const place = await findPlacement(dataDir);
  if (place === undefined) return undefined;
  const pid = await livePostmaster(place);
  return pid !== undefined && (await isAnswering(place)) ? handle(place, pid, true) : undefined;
}
