import { spawnSync } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { codeOf } from '../../core/errors.ts';
import type { Placement } from './placement.ts';

export const DATABASE_NAME = 'rampart';
export const DATABASE_USER = 'rampart';
const POLL_MS = 20;

/** The form that pg and Prisma take; the host in the authority only fills its place. */
export function socketUrl(socketFolder: string, database = DATABASE_NAME): string {
  const host = encodeURIComponent(socketFolder).replaceAll('%2F', '/');
  return `postgresql://${DATABASE_USER}@localhost/${database}?host=${host}`;
}

/** Whether a process is there and does something: a zombie only waits for its parent. */
export async function isAlive(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return false;
  }
  const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return !status.slice(status.lastIndexOf(')') + 2).startsWith('Z');
}

async function commandLine(pid: number): Promise<string> {
  if (process.platform !== 'linux')
    return spawnSync('ps', ['-o', 'args=', '-p', `${pid}`], { encoding: 'utf8' }).stdout;
  return (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ');
}

function lockFile(place: Placement): string {
  return join(place.data, 'postmaster.pid');
}

/** The process that holds the lock file, with whether it is a server on this data or merely got a dead server's id. */
async function lockHolder(place: Placement): Promise<{ pid: number; isServer: boolean } | undefined> {
  const lines = (await readFile(lockFile(place), 'utf8').catch(() => '')).split('\n');
  const pid = Number(lines[0]);
  if (!Number.isSafeInteger(pid) || pid <= 1 || !(await isAlive(pid))) return undefined;
  return { pid, isServer: (await commandLine(pid)).includes(place.data) };
}

/** The process id of the server that runs on this data, or undefined. */
export async function livePostmaster(place: Placement): Promise<number | undefined> {
  const holder = await lockHolder(place);
  return holder?.isServer === true ? holder.pid : undefined;
}

/**
 * Removes the lock of a dead server whose process id another process has got: PostgreSQL would believe it.
 * Any other lock is PostgreSQL's own affair; to remove a live server's makes it shut down.
 */
export async function removeMistakenLock(place: Placement): Promise<void> {
  const holder = await lockHolder(place);
  if (holder?.isServer === false) await rm(lockFile(place), { force: true });
}

/** Runs one statement on a connection of its own. */
export async function queryOnce(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  // The server may end while we are connected; the query then fails, and that is enough.
  client.on('error', () => {});
  try {
    await client.connect();
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end().catch(() => {});
  }
}

/** Whether the server behind the socket is the one on this data, and takes queries. */
export async function isAnswering(place: Placement): Promise<boolean> {
  try {
    const rows = await queryOnce(socketUrl(place.socketFolder, 'postgres'), 'SHOW data_directory');
    return rows[0]?.['data_directory'] === place.data;
  } catch {
    return false;
  }
}

/** Tries `isTrue` until it is, or `limitMs` have passed; tells which. */
export async function waitUntil(isTrue: () => Promise<boolean>, limitMs: number): Promise<boolean> {
  for (let waited = 0; waited < limitMs; waited += POLL_MS) {
    if (await isTrue()) return true;
    await sleep(POLL_MS);
  }
  return isTrue();
}

async function isGone(place: Placement, pid: number): Promise<boolean> {
  return !(await isAlive(pid)) || (await livePostmaster(place)) !== pid;
}

/** Ends the server: fast shutdown, which lets no client delay it, and the immediate one should that not come to an end. */
export async function stopPostmaster(place: Placement, pid: number, limitMs = 60_000): Promise<void> {
  if ((await livePostmaster(place)) !== pid) return;
  process.kill(pid, 'SIGINT');
  // The lock file goes before the process does, so ask for the process too.
  if (await waitUntil(async () => !(await isAlive(pid)), limitMs)) return;
  if (await isGone(place, pid)) return;
  process.kill(pid, 'SIGQUIT');
  await waitUntil(() => isGone(place, pid), limitMs);
}
