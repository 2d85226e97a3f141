import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { queryOnce } from '../../src/store/embedded/postmaster.ts';
import { BatchClient, qrcodes } from '../support/batch-client.ts';
import { withPostgres } from '../support/postgres.ts';
import { eventually } from '../support/raw.ts';
import { type Stack, startStack } from '../support/stack.ts';

const postgres = withPostgres();

describe('two hosts with one PostgreSQL and a data folder each', { timeout: 240_000 }, () => {
  let url: string;
  let hosts: [Stack, Stack];
  let client: BatchClient;
  before(async () => {
    url = await postgres.database();
    const settings = { DATABASE_URL: url, GATEWAY_WORKERS: '1', GENERATOR_INSTANCES: '1' };
    const first = await startStack(settings);
    hosts = [first, await startStack(settings)];
    client = new BatchClient(first);
  });
  after(async () => {
    for (const host of hosts) await host.stop();
  });

  const doneBy = async (host: Stack): Promise<number> =>
    Number(/rampart_batch_items_total\{result="done"\} (\d+)/.exec(await host.metrics())?.[1] ?? 0);
  const resultsOf = async (id: string): Promise<number> => {
    const count = `SELECT count(*)::int AS n FROM batch_results JOIN barcodes ON request_id = batch_id || '/' || item
      WHERE batch_id = '${id}'`;
    return Number((await queryOnce(url, count))[0]?.['n']);
  };

  test('share the chunks of a batch, whichever of them accepted it', async () => {
    const count = 4000;
    const id = await client.create(qrcodes(count, 'shared'));
    const { status, done, failed } = await client.whenEnded(id, 120_000);
    assert.deepEqual([status, done, failed], ['completed', count, 0]);
    assert.equal(await resultsOf(id), count);
    let parts: readonly number[] = [];
    await eventually('the metrics of both have all of it', async () => {
      parts = await Promise.all(hosts.map(doneBy));
      return (parts[0] ?? 0) + (parts[1] ?? 0) === count;
    });
    console.log(`    parts of the hosts: ${parts.join(' and ')}`);
    // Equal hosts take equal parts, but for the last chunks.
    assert.ok(Math.min(...parts) >= count / 3, parts.join(' and '));
  });

  test('one of them goes on with what the other had when it was lost', async () => {
    const count = 4000;
    const id = await client.create(qrcodes(count, 'lost'));
    const before = await doneBy(hosts[1]);
    await eventually('the second host works on it', async () => (await doneBy(hosts[1])) > before, 60_000);
    const { processes, workers, control } = await hosts[1].status();
    hosts[1].supervisor.kill('SIGKILL');
    for (const { pid } of [...processes, ...workers, control])
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    const { status, done, failed } = await client.whenEnded(id, 120_000);
    assert.deepEqual([status, done, failed], ['completed', count, 0]);
    assert.equal(await resultsOf(id), count);
  });
});
