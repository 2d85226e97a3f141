import { setTimeout as pause } from 'node:timers/promises';
import { findEmbeddedPostgres } from '../../src/store/embedded/embedded-postgres.ts';
import type { Stack } from '../../test/support/stack.ts';

export type Victim = 'worker' | 'control' | 'generator' | 'PostgreSQL';
export const victims: readonly Victim[] = ['worker', 'PostgreSQL', 'worker', 'control', 'worker', 'generator'];

const BACK_LIMIT_MS = 20_000;
const LOOK_MS = 100;

/** Kills a process of the stack with SIGKILL, and resolves when another one has taken its place. */
export async function killOne(stack: Stack, victim: Victim, random: () => number): Promise<void> {
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
  return processes.filter(({ role }) => role === 'generator').map(({ pid }) => pid);
}
