import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Client } from 'pg';
import { systemClock } from '../../src/core/clock.ts';
import { queryOnce } from '../../src/store/embedded/postmaster.ts';
import { dayOf, partitionName, startOfDay } from '../../src/policy/ledger/retention.ts';
import {
  RETENTION_LOCK,
  type RetentionOptions,
  type RetentionReport,
  runRetention,
} from '../../src/store/partitions/retention-run.ts';
import type { Store } from '../../src/store/store.ts';
import { withPostgres } from '../support/postgres.ts';
import { recordOf, startWriter } from '../support/records.ts';
import { eventually } from '../support/raw.ts';

const postgres = withPostgres();
const DAY_MS = 86_400_000;
const NOW = Date.now();

interface Opened {
  readonly url: string;
  readonly store: Store;
  readonly keyId: string;
  retain(more?: Partial<RetentionOptions>): Promise<RetentionReport>;
}

async function open(): Promise<Opened> {
  const url = await postgres.database();
  const store = await postgres.store({ url });
  const { record } = await store.keys.create('partitions');
  const retain = (more: Partial<RetentionOptions> = {}): Promise<RetentionReport> =>
    runRetention({
      url,
      clock: systemClock,
      retentionDays: 30,
      idempotencyWindowMs: DAY_MS,
      isDryRun: false,
      ...more,
    });
  return { url, store, keyId: record.id, retain };
}

const partitionsOf = async (url: string): Promise<string[]> =>
  (
    await queryOnce(
      url,
      `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'barcodes'::regclass ORDER BY 1`,
    )
  ).map(({ name }) => String(name));

/** A clock that is at another time. */
const clockAt = (wallMs: number): RetentionOptions['clock'] => ({ ...systemClock, wallNow: () => wallMs });

/** Makes the partition of a day as it would have been made then. */
async function madeInTime({ url, store, keyId }: Opened, dayMs: number): Promise<void> {
  await store.barcodes.insertMany([recordOf(keyId, dayMs)]);
  const name = partitionName(dayOf(dayMs));
  await queryOnce(url, `COMMENT ON TABLE ${name} IS 'made at ${new Date(dayMs - 7 * DAY_MS).toISOString()}'`);
}

describe('partitions', () => {
  test('a fresh database has those of yesterday to a week ahead, and the next run adds what is missing', async () => {
    const { url, retain } = await open();
    const expected = [-1, 0, 1, 2, 3, 4, 5, 6, 7].map((ahead) => partitionName(dayOf(NOW) + ahead));
    assert.deepEqual(await partitionsOf(url), expected);
    const next = await retain({ clock: clockAt(NOW + 2 * DAY_MS) });
    assert.deepEqual(next.added, [partitionName(dayOf(NOW) + 8), partitionName(dayOf(NOW) + 9)]);
    assert.deepEqual([next.kept, next.dropped, next.wasPartitioned], [11, [], false]);
    assert.deepEqual((await retain()).added, []);
  });

  test('records of any time are stored: of long ago, of a clock that is wrong, and several days in one batch', async () => {
    const { url, store, keyId } = await open();
    const times = [0, NOW - 400 * DAY_MS, NOW - 10 * DAY_MS, NOW, NOW + 300 * DAY_MS, 2 ** 48 - 1];
    const records = times.map((ms) => recordOf(keyId, ms, { createdAtMs: NOW }));
    assert.equal(await store.barcodes.insertMany(records), times.length);
    assert.equal((await partitionsOf(url)).length, 9 + 5);
    for (const { id } of records) assert.equal((await store.barcodes.get(keyId, id))?.id, id);
    const page = await store.barcodes.list({ keyId, pageSize: 20 });
    assert.ok(page.kind === 'page');
    assert.deepEqual(
      page.records.map(({ id }) => id),
      records.map(({ id }) => id).toReversed(),
    );
    assert.equal(await store.barcodes.insertMany(records), 0, 'a second insert of an id changes nothing');
  });

  test('stores that need the same partitions at once all store their records', async () => {
    const opened = await open();
    const others = await Promise.all([1, 2, 3].map(() => postgres.store({ url: opened.url })));
    const days = Array.from({ length: 6 }, (_, index) => NOW - (50 + index) * DAY_MS);
    const inserts = [opened.store, ...others].map((store) =>
      store.barcodes.insertMany(days.map((ms) => recordOf(opened.keyId, ms))),
    );
    assert.deepEqual(await Promise.all(inserts), [6, 6, 6, 6]);
  });

  test('an idempotent record of a day without a partition is stored, and is found again', async () => {
    const { store, keyId } = await open();
    const record = recordOf(keyId, NOW - 100 * DAY_MS, { createdAtMs: NOW });
    const request = { keyId, key: 'k', bodyHash: Buffer.from('h') };
    const terms = { barcodeId: record.id, claimMs: 1000, windowMs: DAY_MS };
    assert.deepEqual(await store.idempotency.claim(request, terms), { kind: 'claimed' });
    assert.equal(await store.idempotency.complete(request, record), true);
    assert.deepEqual(await store.idempotency.claim(request, terms), { kind: 'done', record });
  });
});

describe('retention', () => {
  test('of hosts that run it at once one does the work, and the next run finds nothing to do', async () => {
    const opened = await open();
    const { retain } = opened;
    for (const age of [29, 31, 60]) await madeInTime(opened, NOW - age * DAY_MS);
    const reports = await Promise.all(Array.from({ length: 6 }, () => retain()));
    const working = reports.filter(({ isElsewhere }) => !isElsewhere);
    const dropped = working.flatMap((report) => report.dropped.map(({ name }) => name));
    assert.ok(working.length >= 1);
    assert.deepEqual(
      dropped.toSorted(),
      [60, 31].map((age) => partitionName(dayOf(NOW - age * DAY_MS))),
      'each one once',
    );
    const again = await retain();
    assert.deepEqual([again.isElsewhere, again.dropped, again.added], [false, [], []]);
  });

  test('while another host has the lock nothing is done, and its death frees the lock', async () => {
    const opened = await open();
    await madeInTime(opened, NOW - 60 * DAY_MS);
    const other = new Client({ connectionString: opened.url });
    other.on('error', () => undefined);
    await other.connect();
    await other.query(`SELECT pg_advisory_lock(${RETENTION_LOCK})`);
    const refused = await opened.retain();
    assert.deepEqual([refused.isElsewhere, refused.dropped], [true, []]);
    const { rows } = await other.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    await queryOnce(opened.url, `SELECT pg_terminate_backend(${rows[0]?.pid})`);
    await eventually('the lock is free', async () => !(await opened.retain()).isElsewhere);
    assert.deepEqual(
      await partitionsOf(opened.url).then((names) => names.includes(partitionName(dayOf(NOW - 60 * DAY_MS)))),
      false,
    );
  });

  test('drops the days that are expired, keeps the others, and a dry run does neither', async () => {
    const opened = await open();
    const { url, store, keyId, retain } = opened;
    for (const age of [29, 30, 31, 60]) await madeInTime(opened, NOW - age * DAY_MS);
    const expired = [60, 31].map((age) => partitionName(dayOf(NOW - age * DAY_MS)));
    const before = await partitionsOf(url);
    const planned = await retain({ isDryRun: true });
    assert.deepEqual(
      planned.dropped.map(({ name }) => name),
      expired,
    );
    assert.deepEqual([planned.isDryRun, planned.kept], [true, before.length - 2]);
    assert.deepEqual(await partitionsOf(url), before);
    assert.deepEqual((await retain({ retentionDays: 0 })).dropped, [], '0 keeps for ever');
    const done = await retain();
    assert.deepEqual(
      done.dropped.map(({ name }) => name),
      expired,
    );
    assert.deepEqual(
      await partitionsOf(url),
      before.filter((name) => !expired.includes(name)),
    );
    const page = await store.barcodes.list({ keyId, pageSize: 20 });
    assert.equal(page.kind === 'page' && page.records.length, 2);
    assert.deepEqual((await queryOnce(url, `SELECT to_regclass('${expired[0]}')::text AS name`))[0], { name: null });
  });

  test('keeps records that came late for the whole time', async () => {
    const { store, keyId, retain } = await open();
    const late = recordOf(keyId, NOW - 400 * DAY_MS, { createdAtMs: NOW });
    await store.barcodes.insertMany([late]);
    assert.deepEqual((await retain()).dropped, []);
    assert.ok(await store.barcodes.get(keyId, late.id));
    const then = await retain({ clock: clockAt(NOW + 31 * DAY_MS) });
    assert.ok(then.dropped.some(({ name }) => name === partitionName(dayOf(NOW - 400 * DAY_MS))));
  });

  test('lets writers go on, also while a long transaction makes it wait', async () => {
    const opened = await open();
    const { url, store, keyId, retain } = opened;
    await madeInTime(opened, NOW - 60 * DAY_MS);
    const reader = new Client({ connectionString: url });
    await reader.connect();
    await reader.query('BEGIN; SELECT count(*) FROM barcodes');
    const writer = startWriter(store, keyId);
    const retaining = retain();
    await eventually('the detachment waits', async () => {
      const leaving = `SELECT 1 FROM pg_inherits WHERE inhparent = 'barcodes'::regclass AND inhdetachpending`;
      return (await queryOnce(url, leaving)).length === 1;
    });
    const then = writer.stored.length;
    await eventually('the writer goes on', () => writer.stored.length > then + 200);
    await reader.query('COMMIT');
    await reader.end();
    assert.equal((await retaining).dropped.length, 1);
    await writer.stop();
    assert.deepEqual(writer.failures, []);
  });

  test('finishes what an interrupted run has left: a detachment, and a table that was detached', async () => {
    const opened = await open();
    const { url, retain } = opened;
    await madeInTime(opened, NOW - 60 * DAY_MS);
    await madeInTime(opened, NOW - 61 * DAY_MS);
    const [first, second] = [60, 61].map((age) => partitionName(dayOf(NOW - age * DAY_MS)));
    await queryOnce(url, `ALTER TABLE barcodes DETACH PARTITION ${first}`);
    const reader = new Client({ connectionString: url });
    await reader.connect();
    await reader.query('BEGIN; SELECT count(*) FROM barcodes');
    const cut = new Client({ connectionString: url });
    cut.on('error', () => {});
    await cut.connect();
    const detaching = cut.query(`ALTER TABLE barcodes DETACH PARTITION ${second} CONCURRENTLY`).catch(() => {});
    const leaving = `SELECT 1 FROM pg_inherits WHERE inhparent = 'barcodes'::regclass AND inhdetachpending`;
    await eventually('the detachment waits', async () => (await queryOnce(url, leaving)).length === 1);
    await queryOnce(
      url,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'ALTER TABLE barcodes DETACH%'`,
    );
    await detaching;
    await reader.query('COMMIT');
    await reader.end();
    const { dropped } = await retain();
    assert.deepEqual(dropped.map(({ name }) => name).toSorted(), [first, second].toSorted());
    for (const name of [first, second])
      assert.deepEqual((await queryOnce(url, `SELECT to_regclass('${name}')::text AS name`))[0], { name: null });
  });

  test('a record whose day is being dropped brings its partition back', async () => {
    const opened = await open();
    const { url, store, keyId } = opened;
    const dayMs = startOfDay(dayOf(NOW - 60 * DAY_MS));
    await madeInTime(opened, dayMs);
    await queryOnce(url, `ALTER TABLE barcodes DETACH PARTITION ${partitionName(dayOf(dayMs))} CONCURRENTLY`);
    assert.equal(await store.barcodes.insertMany([recordOf(keyId, dayMs + 5, { createdAtMs: NOW })]), 1);
    const page = await store.barcodes.list({ keyId, pageSize: 20 });
    assert.equal(page.kind === 'page' && page.records.length, 2);
  });

  test('removes idempotency keys that are older than their window', async () => {
    const { url, store, keyId, retain } = await open();
    for (const key of ['old', 'new'])
      await store.idempotency.claim(
        { keyId, key, bodyHash: Buffer.from('h') },
        { barcodeId: recordOf(keyId, NOW).id, claimMs: 1000, windowMs: DAY_MS },
      );
    await queryOnce(url, `UPDATE idempotency_keys SET created_at = now() - interval '25 hours' WHERE key = 'old'`);
    assert.equal((await retain({ isDryRun: true })).deletedIdempotencyKeys, 1);
    assert.equal((await retain()).deletedIdempotencyKeys, 1);
    assert.deepEqual(await queryOnce(url, 'SELECT key FROM idempotency_keys'), [{ key: 'new' }]);
  });

  test('runs in one process at a time', async () => {
    const { url, retain } = await open();
    const other = new Client({ connectionString: url });
    await other.connect();
    await other.query('SELECT pg_advisory_lock(72707371)');
    assert.equal((await retain()).isElsewhere, true);
    await other.end();
    await eventually('the lock is free', async () => !(await retain()).isElsewhere);
  });
});
