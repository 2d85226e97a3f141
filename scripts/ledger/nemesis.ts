import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type EmbeddedPostgres, findEmbeddedPostgres } from '../../src/store/embedded/embedded-postgres.ts';
import { queryOnce } from '../../src/store/embedded/postmaster.ts';
import type { Stack } from '../../test/support/stack.ts';

/** Processes that are killed. */
type Victim = 'worker' | 'control' | 'generator' | 'batch worker' | 'PostgreSQL';
/** Other faults, each of which lasts for a while. */
type Fault = 'PostgreSQL stops' | 'PostgreSQL hangs' | 'the table is locked' | 'the disk is full';

export type Misfortune = Victim | Fault;

/** In an order in which one does not hide another. */
export const misfortunes: readonly Misfortune[] = [
  'worker',
  'PostgreSQL',
  'the disk is full',
  'control',
  'PostgreSQL hangs',
  'worker',
  'the table is locked',
  'batch worker',
  'PostgreSQL stops',
  'generator',
];

const BACK_LIMIT_MS = 20_000;
const LOOK_MS = 100;
/** How long a fault lasts. */
const FAULT_MS = 3_000;

export interface Nemesis {
  readonly stack: Stack;
  readonly random: () => number;
  /** The folder of the segments, on a small file system of its own; undefined where none could be mounted. */
  readonly ledgerFolder: string | undefined;
}

/** Lets one thing go wrong; resolves when it is over, to what was done. */
export async function strike({ stack, random, ledgerFolder }: Nemesis, what: Misfortune): Promise<string> {
  switch (what) {
    case 'PostgreSQL stops':
      process.kill((await serverOf(stack)).pid, 'SIGINT');
      await pause(FAULT_MS);
      return 'PostgreSQL was stopped';
    case 'PostgreSQL hangs': {
      const { pid } = await serverOf(stack);
      const all = [pid, ...childrenOf(pid)];
      for (const each of all) process.kill(each, 'SIGSTOP');
      await pause(FAULT_MS);
      for (const each of all) resume(each);
      return `PostgreSQL did not answer for ${FAULT_MS / 1000} s`;
    }
    case 'the table is locked': {
      const { url } = await serverOf(stack);
      const lock = `BEGIN; LOCK TABLE barcodes IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(${FAULT_MS / 1000}); COMMIT`;
      await queryOnce(url, lock);
      return `another session had the table for ${FAULT_MS / 1000} s, so every connection waited`;
    }
    case 'the disk is full':
      return ledgerFolder === undefined
        ? 'the disk was not filled, as only root can mount a small one'
        : fill(ledgerFolder);
    default:
      await killOne(stack, what, random);
      return `${what} killed`;
  }
}

const serverOf = async ({ dataDir }: Stack): Promise<EmbeddedPostgres> => {
  const server = await findEmbeddedPostgres(dataDir);
  if (server === undefined) throw new Error('PostgreSQL does not run');
  return server;
};

const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ').filter(Boolean).map(Number);

/** It may have been ended meanwhile. */
function resume(pid: number): void {
  try {
    process.kill(pid, 'SIGCONT');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function fill(folder: string): Promise<string> {
  const path = join(folder, 'filler');
  const file = openSync(path, 'w');
  try {
    for (;;) writeSync(file, Buffer.alloc(4096));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  } finally {
    closeSync(file);
  }
  await pause(FAULT_MS);
  rmSync(path);
  return `the disk of the segments was full for ${FAULT_MS / 1000} s`;
}

/** Kills a process of the stack with SIGKILL, and resolves when another one has taken its place. */
async function killOne(stack: Stack, victim: Victim, random: () => number): Promise<void> {
  const before = await pidsOf(stack, victim);
  const pid = before[Math.floor(random() * before.length)];
  if (pid === undefined) throw new Error(`There is no ${victim}`);
  process.kill(pid, 'SIGKILL');
  for (let waited = 0; waited < BACK_LIMIT_MS; waited += LOOK_MS) {
    await pause(LOOK_MS);
    const now = await pidsOf(stack, victim).catch((): readonly number[] => []);
    if (now.length === before.length && now.every((other) => other !== pid)) return;
  }
  throw new Error(`The ${victim} that was killed has not come back within ${BACK_LIMIT_MS} ms`);
}

async function pidsOf(stack: Stack, victim: Victim): Promise<readonly number[]> {
  if (victim === 'PostgreSQL') {
    const server = await findEmbeddedPostgres(stack.dataDir);
    return server === undefined ? [] : [server.pid];
  }
  const { workers, control, processes } = await stack.status();
  if (victim === 'worker') return workers.map(({ pid }) => pid);
  if (victim === 'control') return [control.pid];
  const role = victim === 'batch worker' ? 'batch' : victim;
  return processes.filter((each) => each.role === role).map(({ pid }) => pid);
}
