import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../src/core/clock.ts';
import { BatchSender, type IngestPlan } from '../../src/lab/ingest/batch-sender.ts';
import { temporaryFolder } from '../support/postgres.ts';
import { runRampart } from '../support/stack.ts';

/** A service that answers each batch in some way, and remembers how many items came. */
async function service(answer: (number: number) => { status: number; afterMs: number }) {
  let items = 0;
  let requests = 0;
  const server = createServer((req, res) => {
    let text = '';
    req
      .on('data', (chunk: Buffer) => (text += chunk.toString()))
      .on('end', () => {
        const { status, afterMs } = answer(requests++);
        if (status === 202) items += text.trim().split('\n').length;
        setTimeout(() => res.writeHead(status).end(), afterMs);
      });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return { origin: `http://127.0.0.1:${port}`, items: () => items, close: () => void server.close() };
}

const plan: IngestPlan = {
  itemsPerSecond: undefined,
  batchItems: 100,
  queueItems: 1000,
  connections: 2,
  durationMs: 10_000,
  items: 1000,
};

test('a batch that is refused is sent again, until every item is accepted', async () => {
  const to = await service((number) => ({ status: number % 3 === 0 ? 503 : 202, afterMs: 0 }));
  const result = await new BatchSender(plan, 'k', systemClock).run(to.origin);
  to.close();
  assert.deepEqual([result.offered, result.accepted, result.dropped, to.items()], [1000, 1000, 0, 1000]);
  assert.ok(result.refused >= 4, String(result.refused));
  assert.equal(result.latency.count, 10);
});

test('items for which the queue has no room are dropped and counted, and none is lost otherwise', async () => {
  const to = await service(() => ({ status: 202, afterMs: 50 }));
  const slow = { ...plan, itemsPerSecond: 20_000, queueItems: 300, items: 4000 };
  const result = await new BatchSender(slow, 'k', systemClock).run(to.origin);
  to.close();
  assert.equal(result.accepted, to.items());
  assert.ok(result.dropped > 1000, String(result.dropped));
  // Less than a batch may be left in the queue.
  const left = result.offered - result.accepted - result.dropped;
  assert.ok(left >= 0 && left < 100, String(left));
});

test('an error is told by what it was, and its items do not count as accepted', async () => {
  const to = await service((number) => ({ status: number === 0 ? 500 : 202, afterMs: 0 }));
  const result = await new BatchSender({ ...plan, connections: 1 }, 'k', systemClock).run(to.origin);
  to.close();
  assert.deepEqual(result.errors, { 'status 500': 1 });
  assert.deepEqual([result.accepted, to.items()], [900, 900]);
});

test('rampart lab ingest measures acceptance, reads beside it, and what each mode of the ledger loses', async () => {
  const sizes = [
    '--items',
    '4000',
    '--runs',
    '1',
    '--rates',
    '2000',
    '--workers',
    '1',
    '--batches',
    '100',
    '--queues',
    '1000',
  ];
  const modes = ['--hold', '1', '--durabilities', 'memory,wal', '--ledger-batches', '500'];
  const env = { RAMPART_DATA_DIR: await temporaryFolder(), LEDGER_FLUSH_MS: '50' };
  const { code, stdout, stderr } = await runRampart(['lab', 'ingest', ...sizes, ...modes], env);
  assert.ok(code === 0 || code === 1, stderr);
  const report = readFileSync(join(dirname(/report: (.*)/.exec(stdout)?.[1] ?? ''), 'run.json'), 'utf8');
  const { tables, reasons } = JSON.parse(report) as {
    tables: { title: string; rows: string[][] }[];
    reasons: string[];
  };
  assert.deepEqual(reasons, []);
  const rowsOf = (title: string): string[][] => tables.find((each) => each.title.startsWith(title))?.rows ?? [];
  assert.equal(rowsOf('4000 items').length, 1);
  assert.equal(rowsOf('Offered rate').length, 1);
  assert.ok(rowsOf('Pareto').length > 0);
  const [memory, wal] = rowsOf('Modes of the ledger');
  assert.deepEqual([memory?.[0], wal?.[0], wal?.[5]], ['memory', 'wal', '0']);
  // What a kill loses in memory shows that the count can be other than zero.
  assert.ok(Number(memory?.[5]) > 0, JSON.stringify(memory));
});
