import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { findEmbeddedPostgres } from '../../src/store/embedded/embedded-postgres.ts';
import { queryOnce } from '../../src/store/embedded/postmaster.ts';
import { BatchClient, qrcodes } from '../support/batch-client.ts';
import { wholeOr } from '../support/long-run.ts';
import { eventually } from '../support/raw.ts';
import { type Stack, startStack } from '../support/stack.ts';

const ITEMS = 3000;
const KILLS = wholeOr(3, 1);
/** A worker that died is missed after 10 to 15 s where its successor does not tell. */
const LIMIT_MS = 90_000;

describe('batches while processes are killed', () => {
  let stack: Stack;
  let client: BatchClient;
  before(async () => {
    stack = await startStack({ BATCH_WORKERS: '2' });
    client = new BatchClient(stack);
  });
  after(async () => assert.equal(await stack.stop(), 0));

  const sql = async (text: string): Promise<number> =>
    Number((await queryOnce((await findEmbeddedPostgres(stack.dataDir))?.url ?? '', text))[0]?.['n']);
  const pidOf = async (role: string): Promise<number> => {
    const { processes, workers } = await stack.status();
    const found = role === 'gateway' ? workers : processes.filter((process) => process.role === role);
    return found[Math.floor(Math.random() * found.length)]?.pid ?? 0;
  };

  const victims: Record<string, () => Promise<number>> = {
    'a batch worker': () => pidOf('batch'),
    'a gateway worker': () => pidOf('gateway'),
    'a generator': () => pidOf('generator'),
    control: async () => (await stack.status()).control.pid,
    PostgreSQL: async () => (await findEmbeddedPostgres(stack.dataDir))?.pid ?? 0,
  };
  const killed = wholeOr(Object.keys(victims), ['a batch worker', 'PostgreSQL']);
  for (const [name, victim] of Object.entries(victims).filter(([each]) => killed.includes(each)))
    test(`kill -9 of ${name}: every item gets one result, and one record`, { timeout: 120_000 }, async () => {
      const id = await client.create(qrcodes(ITEMS, name));
      for (let killed = 0, seen = 0; killed < KILLS; killed++) {
        await eventually(
          'it goes on',
          async () => {
            const state = await client.state(id).catch(() => undefined);
            const isFurther = state !== undefined && (state.done > seen || state.status === 'completed');
            if (isFurther) seen = state.done;
            return isFurther;
          },
          LIMIT_MS,
        );
        const pid = await victim();
        assert.ok(pid > 0, name);
        process.kill(pid, 'SIGKILL');
        await eventually(
          'its successor is there',
          async () => {
            const next = await victim().catch(() => 0);
            return next > 0 && next !== pid;
          },
          30_000,
        );
      }
      const { status, done, failed } = await client.whenEnded(id, LIMIT_MS);
      assert.deepEqual([status, done, failed], ['completed', ITEMS, 0]);
      const results = await client.results(id);
      assert.deepEqual(
        results.map(({ item }) => item),
        Array.from({ length: ITEMS }, (_, index) => index + 1),
      );
      assert.equal(await sql(`SELECT count(*)::int AS n FROM barcodes WHERE text LIKE '${name} %'`), ITEMS);
    });

  test('the sockets of workers that were killed are gone', async () => {
    const pids = (await stack.status()).workers.map(({ pid }) => `items-${pid}.sock`);
    const sockets = readdirSync(join(stack.dataDir, 'run')).filter((name) => name.startsWith('items-'));
    assert.deepEqual(sockets.sort(), pids.sort());
  });

  test('the chunks that are done leave no jobs but those that pg-boss removes itself', async () => {
    assert.equal(
      await sql(`SELECT count(*)::int AS n FROM pgboss.job WHERE name LIKE 'batch-%' AND state < 'completed'`),
      0,
    );
  });
});
