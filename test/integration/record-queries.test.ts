import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Client } from 'pg';
import { addPartition } from '../../src/store/partitions/add-partition.ts';
import { dayOf } from '../../src/policy/ledger/retention.ts';
import { uuidFloor, uuidv7 } from '../../src/core/ids.ts';
import type { IdWindow } from '../../src/policy/ledger/windows.ts';
import {
  exportStatement,
  listStatement,
  type RecordFilter,
  type Statement,
} from '../../src/store/record-statements.ts';
import type { Store } from '../../src/store/store.ts';
import { withPostgres } from '../support/postgres.ts';

const postgres = withPostgres();
const ROWS = 1_000_000;
const KEY = uuidv7(0);
const OTHER_KEY = uuidv7(1);
/** 30 days of records, one every 2.6 seconds. */
const FIRST_MS = Date.UTC(2026, 9, 28);
const DAY_MS = 86_400_000;
const STEP_MS = (30 * DAY_MS) / ROWS;

// One of ten records is of the key that is asked for; one of a thousand is a maxicode; one of five thousand was aborted.
const FILL = `INSERT INTO barcodes (id, key_id, symbology, format, text, bytes, status, request_id, created_at)
SELECT (lpad(to_hex(ms), 12, '0') || '7000' || '8000' || lpad(to_hex(n), 12, '0'))::uuid,
  CASE WHEN n % 10 = 0 THEN $1::uuid ELSE $2::uuid END, CASE WHEN n % 1000 = 0 THEN 'maxicode' ELSE 'qrcode' END,
  'svg', 'text ' || n, '<svg/>', CASE WHEN n % 5000 = 0 THEN 'aborted' ELSE 'delivered' END, 'f00d',
  to_timestamp(ms / 1000.0)
FROM (SELECT n, ($3 + n * $4::float8)::bigint AS ms FROM generate_series(0, $5::int - 1) n) records`;

interface Plan {
  readonly 'Node Type': string;
  readonly 'Index Name'?: string;
  readonly 'Actual Loops': number;
  readonly 'Shared Hit Blocks': number;
  readonly 'Shared Read Blocks': number;
  readonly Plans?: readonly Plan[];
}

describe('reads of a million records', () => {
  let store: Store;
  let client: Client;
  /** The index of the table for each index of a partition. */
  let parents: ReadonlyMap<string, string>;

  before(async () => {
    const url = await postgres.database();
    store = await postgres.store({ url });
    client = new Client({ connectionString: url });
    await client.connect();
    // Partitions by days, as in a database that has been used for a month.
    for (let day = 0; day <= 30; day++) await addPartition(client, dayOf(FIRST_MS) + day);
    await client.query(FILL, [KEY, OTHER_KEY, FIRST_MS, STEP_MS, ROWS]);
    await client.query('VACUUM ANALYZE barcodes');
    const inherited = await client.query<{ name: string; parent: string }>(
      'SELECT inhrelid::regclass::text AS name, inhparent::regclass::text AS parent FROM pg_inherits',
    );
    parents = new Map(inherited.rows.map(({ name, parent }) => [name, parent]));
  });

  after(() => client.end());

  async function planOf({ text, values }: Statement): Promise<{ nodes: string[]; blocks: number }> {
    const explained = await client.query<{ 'QUERY PLAN': [{ Plan: Plan }] }>(
      `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`,
      [...values],
    );
    const plan = explained.rows[0]?.['QUERY PLAN'][0].Plan as Plan;
    const nodes: string[] = [];
    const visit = (node: Plan): void => {
      // A partition that was not needed, or one of a day to come, which has no records.
      if (node['Actual Loops'] === 0 || node['Shared Hit Blocks'] + node['Shared Read Blocks'] === 0) return;
      const index = node['Index Name'];
      if (node['Node Type'].includes('Scan')) nodes.push(parents.get(index ?? '') ?? index ?? node['Node Type']);
      node.Plans?.forEach(visit);
    };
    visit(plan);
    const blocks = plan['Shared Hit Blocks'] + plan['Shared Read Blocks'];
    const scans = nodes.filter((name) => name !== 'Subquery Scan');
    console.log(`    ${scans.length} x ${[...new Set(scans)].join(', ')}: ${blocks} blocks`);
    return { nodes: scans, blocks };
  }

  const DAY = { from: uuidFloor(FIRST_MS + 10 * DAY_MS), before: uuidFloor(FIRST_MS + 11 * DAY_MS) };
  const lists: [string, Partial<RecordFilter>, IdWindow, RegExp][] = [
    ['of the newest', {}, {}, /key_id_id_idx/],
    ['of a day', {}, DAY, /key_id_id_idx/],
    ['of a rare symbology', { symbology: 'maxicode' }, {}, /key_id_symbology_id/],
    ['of a frequent symbology', { symbology: 'qrcode' }, {}, /key_id/],
    ['of a symbology on a day', { symbology: 'maxicode' }, DAY, /key_id_symbology_id/],
    ['of aborted ones', { status: 'aborted' }, {}, /aborted/],
    ['of delivered ones', { status: 'delivered' }, {}, /key_id_id_idx/],
    ['of aborted ones of a rare symbology', { symbology: 'maxicode', status: 'aborted' }, {}, /aborted|symbology/],
    ['of the key that has nearly all', { keyId: OTHER_KEY }, {}, /pkey|key_id_id_idx/],
    ['of a key without records', { keyId: uuidv7(2) }, {}, /key_id/],
  ];
  for (const [name, filter, range, index] of lists)
    test(`a page ${name} reads its index and a page of the table`, async () => {
      const { nodes, blocks } = await planOf(listStatement({ keyId: KEY, ...filter }, range, 101));
      assert.ok(nodes.length > 0);
      for (const node of nodes) assert.match(node, index);
      // There are a thousand records of the rare symbology; to fetch and sort them all is cheap enough for the planner.
      assert.ok(blocks < (filter.symbology === 'maxicode' ? 1_500 : 600), `${blocks} blocks`);
    });

  test('a page in the middle costs what the first page costs', async () => {
    const before = uuidFloor(FIRST_MS + 15 * DAY_MS);
    const { blocks } = await planOf(listStatement({ keyId: KEY }, { before }, 101));
    assert.ok(blocks < 100, `${blocks} blocks`);
  });

  const terms = { maxRows: 4000, maxBytes: 1024 * 1024, withImages: false, prefix: '' };
  const exports: [string, Partial<RecordFilter>, RegExp, number][] = [
    ['everything', {}, /pkey|key_id_id/, 1_000],
    ['a rare symbology', { symbology: 'maxicode' }, /symbology/, 6_000],
    ['aborted ones', { status: 'aborted' }, /aborted/, 6_000],
  ];
  for (const [name, filter, index, most] of exports)
    test(`a page of an export of ${name} reads an index`, async () => {
      const range = { after: uuidFloor(FIRST_MS + 5 * DAY_MS) };
      const { nodes, blocks } = await planOf(exportStatement({ keyId: KEY, ...filter }, { ...terms, range }));
      for (const node of nodes) assert.match(node, index);
      assert.ok(blocks < most, `${blocks} blocks`);
    });

  test('a look-up by id reads one record', async () => {
    const id = uuidFloor(FIRST_MS).replace('-0000-0000-', '-7000-8000-');
    assert.equal((await store.barcodes.get(KEY, id))?.text, 'text 0');
    assert.equal(await store.barcodes.get(OTHER_KEY, id), undefined);
    const { nodes, blocks } = await planOf({
      text: 'SELECT * FROM barcodes WHERE id = $1 AND key_id = $2',
      values: [id, KEY],
    });
    assert.match(nodes.join(), /pkey/);
    assert.ok(blocks < 20, `${blocks} blocks`);
  });

  test('an export page by page has each record of its filter once, in order', async () => {
    const seen: string[] = [];
    let after: string | undefined;
    for (;;) {
      const request = { keyId: KEY, symbology: 'maxicode', ...terms, maxRows: 300, after };
      const page = await store.barcodes.exportPage(request, new AbortController().signal);
      if (page.count === 0) break;
      const lines = page.lines.trimEnd().split('\n');
      assert.equal(lines.length, page.count);
      seen.push(...lines.map((line) => (JSON.parse(line) as { id: string }).id));
      assert.equal(seen.at(-1), page.last);
      after = page.last;
    }
    assert.deepEqual(seen, seen.toSorted());
    assert.equal(new Set(seen).size, ROWS / 1000);
  });

  test('an abort ends the statement in PostgreSQL, and the store goes on', async () => {
    const cancel = new AbortController();
    const locker = new Client({ connectionString: postgres.url });
    await locker.connect();
    await client.query('BEGIN; LOCK TABLE barcodes IN ACCESS EXCLUSIVE MODE');
    const page = store.barcodes.exportPage({ keyId: KEY, ...terms }, cancel.signal);
    const running = async (): Promise<number> => {
      const found = await locker.query<{ n: number }>(
        "SELECT count(*)::int AS n FROM pg_stat_activity WHERE query LIKE 'SELECT string_agg%' AND state = 'active'",
      );
      return found.rows[0]?.n ?? 0;
    };
    while ((await running()) === 0);
    cancel.abort();
    await assert.rejects(page);
    while ((await running()) > 0);
    await client.query('COMMIT');
    await locker.end();
    assert.equal((await store.barcodes.list({ keyId: KEY, pageSize: 1 })).kind, 'page');
  });
});
