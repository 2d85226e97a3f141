import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Client } from 'pg';
import { systemClock } from '../../src/core/clock.ts';
import { uuidv7 } from '../../src/core/ids.ts';
import { queryOnce } from '../../src/store/embedded/postmaster.ts';
import { migrationsFolder, readMigrations } from '../../src/store/migrations.ts';
import type { PartitionStep } from '../../src/store/partitions/partition-table.ts';
import { type RetentionOptions, type RetentionReport, runRetention } from '../../src/store/partitions/retention-run.ts';
import type { Store } from '../../src/store/store.ts';
import { withPostgres } from '../support/postgres.ts';
import { eventually } from '../support/raw.ts';
import { recordOf, startWriter } from '../support/records.ts';

const postgres = withPostgres();
const DAY_MS = 86_400_000;
const NOW = Date.now();
const ROWS = 20_000;
const [init] = await readMigrations(migrationsFolder);

interface OldTable {
  readonly url: string;
  readonly store: Store;
  readonly keyId: string;
  retain(more?: Partial<RetentionOptions>): Promise<RetentionReport>;
}

/** A database as the version before has left it: 20,000 records of the last 40 days in one table. */
async function openOldTable(): Promise<OldTable> {
  const url = await postgres.database();
  const store = await postgres.store({ url });
  const keyId = (await store.keys.create('old')).record.id;
  const statements = (init?.sql ?? '').split(';').filter((statement) => statement.includes('"barcodes'));
  await queryOnce(url, `DROP TABLE barcodes; ${statements.join(';')}`);
  await queryOnce(
    url,
    `INSERT INTO barcodes (id, key_id, symbology, format, text, bytes, status, request_id, created_at)
    SELECT (lpad(to_hex(ms), 12, '0') || '7000' || '8000' || lpad(to_hex(n), 12, '0'))::uuid, '${keyId}', 'qrcode', 'svg',
      'text ' || n, '<svg/>', 'delivered', 'f00d', to_timestamp(ms / 1000.0)
    FROM (SELECT n, ${NOW} - n::bigint * ${(40 * DAY_MS) / ROWS} AS ms FROM generate_series(1, ${ROWS}) n) records`,
  );
  const retain = (more: Partial<RetentionOptions> = {}): Promise<RetentionReport> =>
    runRetention({
      url,
      clock: systemClock,
      retentionDays: 0,
      idempotencyWindowMs: DAY_MS,
      isDryRun: false,
      ...more,
    });
  return { url, store, keyId, retain };
}

const countOf = async (url: string): Promise<unknown> =>
  (await queryOnce(url, 'SELECT count(*)::int AS n FROM barcodes'))[0]?.['n'];

/** That the table is partitioned, and the old one is its first partition with every index. */
async function assertPartitioned(url: string): Promise<void> {
  const [table] = await queryOnce(url, "SELECT relkind FROM pg_class WHERE oid = 'barcodes'::regclass");
  assert.equal(table?.['relkind'], 'p');
  const indexes = await queryOnce(
    url,
    `SELECT i.indexrelid::regclass::text AS name, indisvalid AS valid, inhparent::regclass::text AS parent
    FROM pg_index i JOIN pg_inherits ON inhrelid = indexrelid WHERE indrelid = 'barcodes_before'::regclass ORDER BY 1`,
  );
  assert.deepEqual(
    indexes,
    ['key_id_id_aborted_idx', 'key_id_id_idx', 'key_id_symbology_id_idx', 'pkey'].map((name) => ({
      name: `barcodes_before_${name}`,
      valid: true,
      parent: `barcodes_${name}`,
    })),
  );
  const keys = "SELECT 1 FROM pg_constraint WHERE contype = 'f' AND conname LIKE 'barcodes%'";
  assert.deepEqual(await queryOnce(url, keys), []);
}

describe('the table of the version before', () => {
  test('is partitioned while records are written and read, and none is lost', async () => {
    const { url, store, keyId, retain } = await openOldTable();
    const writer = startWriter(store, keyId);
    await eventually('records are written', () => writer.stored.length > 100);
    const report = await retain();
    assert.deepEqual([report.wasPartitioned, report.obstacle], [true, undefined]);
    const then = writer.stored.length;
    await eventually('records are written afterwards', () => writer.stored.length > then + 100);
    await writer.stop();
    assert.deepEqual(writer.failures, []);
    assert.equal(await countOf(url), ROWS + writer.stored.length);
    await assertPartitioned(url);
    const [oldest, newest] = [writer.stored[0] ?? '', writer.stored.at(-1) ?? ''];
    for (const id of [oldest, newest]) assert.ok(await store.barcodes.get(keyId, id));
    assert.equal((await retain()).wasPartitioned, false);
  });

  for (const step of ['indexes', 'check', 'validate', 'swap'] as const satisfies readonly PartitionStep[])
    test(`is partitioned by the next run if one was interrupted before: ${step}`, async () => {
      const { url, retain } = await openOldTable();
      const interrupted = new Error('interrupted');
      const onStep = (at: PartitionStep): void => {
        if (at === step) throw interrupted;
      };
      await assert.rejects(retain({ onStep }), interrupted);
      assert.equal(await countOf(url), ROWS);
      assert.equal((await retain()).wasPartitioned, true);
      assert.equal(await countOf(url), ROWS);
      await assertPartitioned(url);
    });

  test('gets an index that an interrupted run has left half-built', async () => {
    const { url, retain } = await openOldTable();
    await queryOnce(url, 'CREATE INDEX barcodes_key_id_symbology_id_idx ON barcodes (key_id)');
    await queryOnce(
      url,
      "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'barcodes_key_id_symbology_id_idx'::regclass",
    );
    await retain();
    await assertPartitioned(url);
  });

  test('lets writers go on while a long transaction keeps it from being swapped', async () => {
    const { url, store, keyId, retain } = await openOldTable();
    const reader = new Client({ connectionString: url });
    await reader.connect();
    const writer = startWriter(store, keyId);
    let retaining: Promise<RetentionReport> | undefined;
    await new Promise<void>((swapping) => {
      retaining = retain({
        async onStep(step) {
          if (step !== 'swap') return;
          await reader.query('BEGIN; SELECT count(*) FROM barcodes');
          swapping();
        },
      });
    });
    const then = writer.stored.length;
    await eventually('the writer goes on', () => writer.stored.length > then + 100);
    await reader.query('COMMIT');
    await reader.end();
    assert.equal((await retaining)?.wasPartitioned, true);
    await writer.stop();
    assert.deepEqual(writer.failures, []);
    assert.equal(await countOf(url), ROWS + writer.stored.length);
  });

  test('loses its old records bit by bit, and its other ones with the last of them', async () => {
    const { url, retain } = await openOldTable();
    const planned = await retain({ retentionDays: 30, isDryRun: true });
    assert.equal(planned.wasPartitioned, true);
    assert.equal(await countOf(url), ROWS);
    const { deletedRecords, dropped } = await retain({ retentionDays: 30 });
    assert.ok(deletedRecords > 4_000 && deletedRecords < 6_000, `${deletedRecords}`);
    assert.deepEqual(dropped, []);
    assert.equal(await countOf(url), ROWS - deletedRecords);
    const clock = { ...systemClock, wallNow: () => NOW + 40 * DAY_MS };
    const later = await retain({ retentionDays: 30, clock });
    assert.ok(later.dropped.some(({ name }) => name === 'barcodes_before'));
    assert.equal(await countOf(url), 0);
  });

  test('stays as it is where a record is from far in the future, and says so; the record is safe', async () => {
    const { url, store, keyId, retain } = await openOldTable();
    const id = uuidv7(NOW + 31 * DAY_MS);
    await store.barcodes.insertMany([recordOf(keyId, NOW, { id })]);
    const { obstacle } = await retain();
    assert.match(obstacle ?? '', new RegExp(`the id ${id}, whose time is more than 30 days ahead`));
    assert.equal(await countOf(url), ROWS + 1);
    await queryOnce(url, `DELETE FROM barcodes WHERE id = '${id}'`);
    await store.barcodes.insertMany([recordOf(keyId, NOW, { id: uuidv7(NOW + 20 * DAY_MS) })]);
    assert.equal((await retain()).obstacle, undefined, 'what is not that far is in the old table, too');
    await assertPartitioned(url);
  });
});
