import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Client, type ClientConfig, Pool, type QueryResult } from 'pg';
import { uuidv7 } from '../../src/core/ids.ts';
import { batchStore } from '../../src/store/batches/batches.ts';
import { ChunkQueue, openBoss } from '../../src/store/batches/chunk-queue.ts';
import { ChunkStore } from '../../src/store/batches/chunk-store.ts';
import { Redrive } from '../../src/store/batches/redrive.ts';
import { WebhookQueue } from '../../src/store/batches/webhook-queue.ts';
import { hashOfKey } from '../../src/store/keys.ts';
import { migrate } from '../../src/store/migrations.ts';
import { withPostgres } from '../support/postgres.ts';

const postgres = withPostgres();

interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** What the code under test has sent to PostgreSQL. */
let sent: Statement[] = [];

/** A connection that writes down the statements that read or change tables. */
class WatchedClient extends Client {
  constructor(config?: ClientConfig) {
    super(config);
    const query = this.query.bind(this) as (...args: unknown[]) => Promise<QueryResult>;
    const watched = (...args: unknown[]): Promise<QueryResult> => {
      const [text, values] = args;
      if (typeof text === 'string' && /^\s*(SELECT|INSERT|UPDATE|DELETE)/.test(text) && !text.includes('pgboss'))
        sent.push({ text, values: Array.isArray(values) ? values : [] });
      return query(...args);
    };
    this.query = watched as typeof this.query;
  }
}

interface Plan {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Shared Hit Blocks': number;
  readonly 'Shared Read Blocks': number;
  readonly Plans?: readonly Plan[];
}

/** A hundred batches of 10,000 items whose results are there, 100,000 small ones, and twenty that run. */
const LARGE = 100;
const ITEMS = 10_000;
const SMALL = 100_000;
const RUNNING = 20;
const KEY = uuidv7(0);
const OTHER_KEY = uuidv7(1);
const DAY_MS = 86_400_000;
const NOW_MS = Date.now();

/** Ids sort by their times: a small batch a second, then the large ones, then those that run. */
const idOf = (ms: number, number: number): string => {
  const time = ms.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${number.toString(16).padStart(12, '0')}`;
};
const SQL_ID = `(lpad(to_hex($1::bigint + n * 1000), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'))::uuid`;
const SMALL_FROM_MS = NOW_MS - 5 * DAY_MS;
const LARGE_FROM_MS = NOW_MS - DAY_MS;
const OPEN_FROM_MS = NOW_MS - 3_600_000;

async function fill(client: Client): Promise<{ large: string; open: string }> {
  for (const id of [KEY, OTHER_KEY])
    await client.query(`INSERT INTO api_keys (id, name, prefix, hash, created_at) VALUES ($1, 'k', 'p', $2, now())`, [
      id,
      hashOfKey(id),
    ]);
  const owner = 'CASE WHEN n % 10 = 0 THEN $2::uuid ELSE $3::uuid END';
  const columns = '(id, key_id, total, fed, done, failed, status, created_at, started_at, finished_at)';
  const batches = (fed: string, done: string, status: string, finished: string): string =>
    `INSERT INTO batches ${columns} SELECT ${SQL_ID}, ${owner}, $5::int, ${fed}, ${done},
      CASE WHEN $5::int > 1 AND n <= 10 THEN 50 ELSE 0 END, '${status}', now(), now(), ${finished}
     FROM generate_series(0, $4::int - 1) n`;
  const ended = batches('$5', '$5', 'completed', `now() - interval '1 hour'`);
  await client.query(ended, [SMALL_FROM_MS, KEY, OTHER_KEY, SMALL, 1]);
  await client.query(ended, [LARGE_FROM_MS, KEY, OTHER_KEY, LARGE, ITEMS]);
  await client.query(batches('$5 / 2', '0', 'running', 'NULL'), [OPEN_FROM_MS, KEY, OTHER_KEY, RUNNING, ITEMS]);
  const ofLarge = `FROM generate_series(0, $2::int - 1) n, generate_series(1, $3::int) item`;
  const request = `'{"symbology":"qrcode","format":"svg","text":"item ' || item || '"}'`;
  const items = `INSERT INTO batch_items (batch_id, item, request) SELECT ${SQL_ID}, item, ${request} ${ofLarge}`;
  await client.query(items, [LARGE_FROM_MS, LARGE, ITEMS]);
  await client.query(items, [OPEN_FROM_MS, RUNNING, ITEMS / 10]);
  const reason = `CASE WHEN n <= 10 AND item % 200 = 0 THEN 'dead-letter' END`;
  const results = `INSERT INTO batch_results (batch_id, item, reason, detail) SELECT ${SQL_ID}, item, ${reason}, ${reason} ${ofLarge}`;
  await client.query(results, [LARGE_FROM_MS, LARGE, ITEMS]);
  await client.query(results, [OPEN_FROM_MS, RUNNING, 250]);
  await client.query(
    `INSERT INTO batch_webhooks (batch_id, url, state) SELECT id, 'https://example.com/', CASE WHEN status = 'running'
      THEN 'waiting' ELSE 'delivered' END FROM batches`,
  );
  await client.query('VACUUM ANALYZE');
  return { large: idOf(LARGE_FROM_MS, 0), open: idOf(OPEN_FROM_MS, 0) };
}

describe('statements of batches at the size of a busy month', { timeout: 240_000 }, () => {
  let url: string;
  let pool: Pool;
  let client: Client;
  let large: string;
  let open: string;
  let stop: () => Promise<void>;
  let chunks: ChunkStore;
  let webhooks: WebhookQueue;
  let redrive: Redrive;

  before(async () => {
    url = await postgres.database();
    await migrate(url);
    pool = new Pool({ connectionString: url, Client: WatchedClient, max: 2 });
    const boss = openBoss(pool, () => {});
    const queue = new ChunkQueue(boss);
    chunks = new ChunkStore(pool, queue);
    webhooks = new WebhookQueue(boss, pool);
    redrive = new Redrive(pool, queue);
    await queue.start();
    await webhooks.start();
    stop = () => queue.stop();
    client = new Client({ connectionString: url });
    await client.connect();
    ({ large, open } = await fill(client));
  });
  after(async () => {
    await stop();
    await client.end();
    await pool.end();
  });

  /** The plans of what the work sends; its changes are those of a real call, and EXPLAIN makes them once more and takes them back. */
  async function plansOf(work: () => Promise<unknown>): Promise<{ nodes: string[]; blocks: number; text: string }[]> {
    sent = [];
    await work();
    const plans = [];
    for (const { text, values } of sent.splice(0)) {
      await client.query('BEGIN');
      const explained = await client.query<{ 'QUERY PLAN': [{ Plan: Plan }] }>(
        `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`,
        [...values],
      );
      await client.query('ROLLBACK');
      const plan = explained.rows[0]?.['QUERY PLAN'][0].Plan as Plan;
      const nodes: string[] = [];
      const visit = (node: Plan): void => {
        if (node['Node Type'] === 'Seq Scan') nodes.push(`all of ${node['Relation Name']}`);
        else if (node['Node Type'].includes('Index')) nodes.push(node['Index Name'] ?? '');
        node.Plans?.forEach(visit);
      };
      visit(plan);
      const blocks = plan['Shared Hit Blocks'] + plan['Shared Read Blocks'];
      console.log(
        `    ${text.trim().slice(0, 60).replaceAll('\n', ' ')}…: ${[...new Set(nodes)].join(', ')}: ${blocks} blocks`,
      );
      plans.push({ nodes, blocks, text });
    }
    assert.ok(plans.length > 0);
    return plans;
  }

  const big = /^all of (batches|batch_items|batch_results)$/;
  const cases: [string, number, () => Promise<unknown>][] = [
    ['the progress of a batch', 20, () => batchStore(pool).get(KEY, large)],
    ['a page of the list', 700, () => batchStore(pool).list({ keyId: KEY, pageSize: 100 })],
    ['a page of the results in the middle', 3500, () => batchStore(pool).results(large, ITEMS / 2, 500)],
    [
      'the items of a chunk that is half done',
      2500,
      () => chunks.items({ batchId: open, keyId: KEY, first: 126, count: 250 }),
    ],
    ['whether a batch is over', 20, () => chunks.isOver({ batchId: open, keyId: KEY, first: 1, count: 1 })],
    ['what is pending', 400, () => chunks.pending()],
    ['the next chunk of an open batch', 600, () => chunks.feed(1)],
    ['webhooks of batches that have ended', 200, () => webhooks.feed()],
    ['that no batch is too old', 20, () => chunks.removeOld(30)],
    ['a cancellation', 60, () => batchStore(pool).cancel(OTHER_KEY, open)],
  ];
  for (const [name, most, work] of cases)
    test(`${name} reads an index, and no more of the tables than it needs`, async () => {
      for (const { nodes, blocks, text } of await plansOf(work)) {
        assert.deepEqual(
          nodes.filter((node) => big.test(node)),
          [],
          text,
        );
        assert.ok(blocks < most, `${blocks} blocks: ${text}`);
      }
    });

  test('the outcomes of a portion are stored by keys', async () => {
    await chunks.feed(1);
    const { rows } = await client.query<{
      id: string;
      data: { batchId: string; keyId: string; first: number; count: number };
    }>(
      `UPDATE pgboss.job SET state = 'active', started_on = now() WHERE id = (
        SELECT id FROM pgboss.job WHERE name = 'batch-chunk' AND state = 'created' LIMIT 1) RETURNING id, data`,
    );
    const [job] = rows;
    assert.ok(job);
    const outcomes = Array.from({ length: 100 }, (_, index) => ({
      kind: 'failed' as const,
      item: job.data.first + index,
      reason: 'unencodable',
      detail: 'too long',
    }));
    const plans = await plansOf(() => chunks.store({ ...job.data, jobId: job.id, attempt: 0 }, outcomes, 'more'));
    for (const { nodes, blocks, text } of plans) {
      assert.deepEqual(
        nodes.filter((node) => big.test(node)),
        [],
        text,
      );
      assert.ok(blocks < 1500, `${blocks} blocks: ${text}`);
    }
  });

  test('dead letters are found by the batches that have failed items, without those of all others', async () => {
    for (const { nodes, blocks, text } of await plansOf(() => redrive.list())) {
      assert.deepEqual(
        nodes.filter((node) => /batch_(items|results)$/.test(node) && node.startsWith('all')),
        [],
        text,
      );
      assert.ok(blocks < 8000, `${blocks} blocks: ${text}`);
    }
    for (const { nodes, blocks, text } of await plansOf(() => redrive.redrive(large))) {
      assert.deepEqual(
        nodes.filter((node) => big.test(node)),
        [],
        text,
      );
      assert.ok(blocks < 1000, `${blocks} blocks: ${text}`);
    }
  });
});
