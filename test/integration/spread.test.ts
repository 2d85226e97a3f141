import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { binomialQuantile } from '../../src/lab/statistics/binomial.ts';
import { connectionsOf, openConnections } from '../support/connections.ts';
import { eventually } from '../support/raw.ts';
import { endProcess, spawnRampart, type Stack, stackSettings, startStack } from '../support/stack.ts';

/** One in a million: of the draws below, not one may be outside. */
const TAIL = 5e-7;
const RUNS = 5;

/** Opens connections again and again; no worker may have more or fewer than a fair draw gives. */
async function assertFair(port: number, workers: () => Promise<number[]>, count: number): Promise<void> {
  const pids = await workers();
  const [least, most] = [TAIL, 1 - TAIL].map((p) => binomialQuantile(p, count, 1 / pids.length)) as [number, number];
  for (let run = 0; run < RUNS; run++) {
    const sockets = await openConnections(port, count, run % 2 === 0);
    const total = () => connectionsOf(port, pids).reduce((sum, each) => sum + each, 0);
    await eventually('all are accepted', () => total() === count);
    const counts = connectionsOf(port, pids);
    for (const each of counts) assert.ok(each >= least && each <= most, `${counts.join('/')} of ${count}`);
    for (const socket of sockets) socket.destroy();
    await eventually('all are closed', () => total() === 0);
  }
}

for (const workers of [2, 4]) {
  describe(`connections over ${workers} workers of rampart start`, () => {
    let stack: Stack;
    before(async () => {
      stack = await startStack({ GATEWAY_WORKERS: String(workers), GENERATOR_INSTANCES: '1' });
    });
    after(() => stack.stop());
    const pids = async () => (await stack.status()).workers.map(({ pid }) => pid);

    for (const count of [16, 40, 64, 200]) {
      test(`${count} connections, at once and one by one`, () => assertFair(Number(stack.env['PORT']), pids, count));
    }

    test('a worker that was killed gets its part again', async () => {
      const [victim = 0] = await pids();
      process.kill(victim, 'SIGKILL');
      await eventually('it is replaced', async () => {
        const now = await pids();
        return now.length === workers && !now.includes(victim);
      });
      await assertFair(Number(stack.env['PORT']), pids, 64);
    });
  });
}

test('rampart gateway --workers 4 hands connections out in turn', async () => {
  const env = await stackSettings();
  const control = spawnRampart(['control'], env);
  const status = async () => {
    const reply = await fetch(`http://127.0.0.1:${env['ADMIN_PORT']}/api/status`).catch(() => undefined);
    return (await reply?.json()) as { workers: { pid: number }[] } | undefined;
  };
  const pids = async () => (await status())?.workers.map(({ pid }) => pid) ?? [];
  const gateway = spawnRampart(['gateway', '--workers', '4'], env);
  try {
    await eventually('the workers are up', async () => (await pids()).length === 4, 60_000);
    const port = Number(env['PORT']);
    const workers = await pids();
    // The first connections of a worker take it long, so its first rounds are not in turn.
    for (const [count, isWarm] of [
      [32, false],
      [64, false],
      [64, true],
      [200, true],
    ] as const) {
      const sockets = await openConnections(port, count, false);
      await eventually('all are accepted', () => connectionsOf(port, workers).reduce((a, b) => a + b) === count);
      const counts = connectionsOf(port, workers);
      // The primary gives to the next worker that has taken the one before, so a worker that the machine holds up gets
      // fewer, and the others more.
      const isFair = counts.every((each) => each >= 1 && each <= (3 * count) / 4);
      assert.ok(isFair || !isWarm, counts.join('/'));
      for (const socket of sockets) socket.destroy();
      await eventually('all are closed', () => connectionsOf(port, workers).every((each) => each === 0));
    }
  } finally {
    assert.equal(await endProcess(gateway, 'SIGTERM'), 0);
    assert.equal(await endProcess(control, 'SIGTERM'), 0);
    rmSync(env['RAMPART_DATA_DIR'] as string, { recursive: true, force: true });
  }
});
