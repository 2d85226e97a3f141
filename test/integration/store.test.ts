import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client } from 'pg';
import { uuidv7 } from '../../src/core/ids.ts';
import { StoreError } from '../../src/store/errors.ts';
import { hashOfKey } from '../../src/store/keys.ts';
import type { BarcodeRecord } from '../../src/store/records.ts';
import { withPostgres } from '../support/postgres.ts';

const postgres = withPostgres();
const TIME_MS = Date.UTC(2026, 10, 21);

function record(keyId: string, change: Partial<BarcodeRecord> = {}): BarcodeRecord {
  return {
    id: uuidv7(TIME_MS),
    keyId,
    symbology: 'code128',
    format: 'svg',
    text: 'ABC-1234',
    bytes: Buffer.from('<svg/>'),
    status: 'delivered',
    requestId: 'f00d',
    createdAtMs: TIME_MS,
    ...change,
  };
}

test('a key is found by its hash, listed and revoked, and its text is nowhere', async () => {
  const store = await postgres.store();
  const { record: key, text } = await store.keys.create('till 7');
  assert.match(text, /^rk_[\w-]{32}$/);
  assert.deepEqual(await store.keys.findByHash(hashOfKey(text)), key);
  assert.equal(await store.keys.findByHash(hashOfKey(`${text}x`)), undefined);
  assert.deepEqual(await store.keys.list(), [key]);
  assert.equal(key.prefix, text.slice(0, 11));
  assert.deepEqual(await store.keys.revoke('rk_'), { kind: 'not-found' });
  const revoked = await store.keys.revoke(key.prefix);
  assert.equal(revoked.kind, 'changed');
  const again = await store.keys.revoke(key.id);
  assert.deepEqual(again, revoked, 'the time of the first revocation stays');
  assert.notEqual((await store.keys.findByHash(hashOfKey(text)))?.revokedAtMs, undefined);
});

test('a key keeps its limit and its priority', async () => {
  const store = await postgres.store();
  const limit = { requestsPerSecond: 0.1, burst: 7 };
  const { record, text } = await store.keys.create('limited', { limit, priority: 'bulk' });
  assert.deepEqual([record.limit, record.priority], [limit, 'bulk']);
  assert.deepEqual(await store.keys.findByHash(hashOfKey(text)), record);
  const changed = await store.keys.setLimit(record.id, undefined);
  assert.deepEqual(changed, { kind: 'changed', record: { ...record, limit: undefined } });
  assert.deepEqual(await store.keys.setLimit('rk_nothing', limit), { kind: 'not-found' });
});

test('a prefix with LIKE wildcards matches itself only', async () => {
  const store = await postgres.store();
  await store.keys.create('one');
  assert.deepEqual(await store.keys.revoke('rk_____'), { kind: 'not-found' });
  assert.deepEqual(await store.keys.revoke('rk_%%%%'), { kind: 'not-found' });
});

test('a record comes back as it went in, for any text', async () => {
  const store = await postgres.store();
  const { record: key } = await store.keys.create('any text');
  for (const text of [
    'plain',
    'ümlaut 漢字 🎉',
    'nul \0 inside',
    'lone \ud800 half',
    '"\\u0000"',
    '',
    'x'.repeat(7_089),
  ]) {
    const sent = record(key.id, { text, bytes: Uint8Array.of(0, 255, 10, 13, 0) });
    assert.equal(await store.barcodes.insertMany([sent]), 1);
    const { bytes, ...summary } = sent;
    assert.deepEqual(await store.barcodes.get(key.id, sent.id), summary);
    const image = await store.barcodes.getImage(key.id, sent.id);
    assert.deepEqual(image && [...image.bytes], [...bytes]);
  }
});

test('a record is there for the key that made it, and for no other', async () => {
  const store = await postgres.store();
  const mine = (await store.keys.create('mine')).record;
  const other = (await store.keys.create('other')).record;
  const sent = record(mine.id);
  await store.barcodes.insertMany([sent]);
  assert.equal(await store.barcodes.get(other.id, sent.id), undefined);
  assert.equal(await store.barcodes.getImage(other.id, sent.id), undefined);
  assert.deepEqual(await store.barcodes.list({ keyId: other.id, pageSize: 10 }), {
    kind: 'page',
    records: [],
    nextCursor: undefined,
  });
  assert.equal(await store.barcodes.get(mine.id, "' OR 1=1 --"), undefined);
});

test('insertMany inserts new records and leaves existing ones unchanged', async () => {
  const store = await postgres.store();
  const { record: key } = await store.keys.create('twice');
  const first = record(key.id);
  assert.equal(await store.barcodes.insertMany([]), 0);
  assert.equal(await store.barcodes.insertMany([first]), 1);
  assert.equal(await store.barcodes.insertMany([{ ...first, text: 'changed' }, record(key.id)]), 1);
  assert.equal((await store.barcodes.get(key.id, first.id))?.text, first.text);
});

test('pages show each record of the first moment once, whatever is inserted meanwhile', async () => {
  const store = await postgres.store();
  const { record: key } = await store.keys.create('pages');
  const sent = Array.from({ length: 25 }, (_, index) => record(key.id, { id: uuidv7(TIME_MS + index) }));
  await store.barcodes.insertMany(sent);
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await store.barcodes.list({ keyId: key.id, pageSize: 10, cursor });
    assert.equal(page.kind, 'page');
    if (page.kind !== 'page') return;
    seen.push(...page.records.map(({ id }) => id));
    cursor = page.nextCursor;
    await store.barcodes.insertMany([record(key.id, { id: uuidv7(TIME_MS + 1_000 + seen.length) })]);
  } while (cursor !== undefined);
  assert.deepEqual(seen, sent.map(({ id }) => id).toReversed());
});

test('a page that holds the last record has no cursor, and a cursor that we did not make is refused', async () => {
  const store = await postgres.store();
  const { record: key } = await store.keys.create('end');
  await store.barcodes.insertMany([record(key.id), record(key.id)]);
  const whole = await store.barcodes.list({ keyId: key.id, pageSize: 2 });
  assert.equal(whole.kind === 'page' && whole.records.length === 2 && whole.nextCursor === undefined, true);
  for (const cursor of ['', 'x', 'AAAA', `${'A'.repeat(22)}=`, "'; DROP TABLE barcodes"])
    assert.deepEqual(await store.barcodes.list({ keyId: key.id, pageSize: 2, cursor }), { kind: 'malformed-cursor' });
});

test('values that PostgreSQL never takes are told from an outage', async () => {
  const store = await postgres.store();
  const { record: key } = await store.keys.create('rejected');
  for (const bad of [record(key.id, { symbology: 'x'.repeat(33) }), record(key.id, { id: 'no uuid' })])
    await assert.rejects(
      store.barcodes.insertMany([bad]),
      (error) => error instanceof StoreError && error.reason === 'rejected',
    );
});

test('a pool with nothing free makes callers wait for the time set, then says so', async () => {
  const waits: number[] = [];
  const slow: string[] = [];
  const results: string[] = [];
  const url = await postgres.database();
  const store = await postgres.store({
    url,
    poolMax: 1,
    poolTimeoutMs: 600,
    requestId: () => 'r-1',
    onPoolWait: (seconds) => waits.push(seconds),
    onCall: (share, result) => results.push(`${share} ${result}`),
    onSlowQuery: ({ name, requestId }) => slow.push(`${name} for ${requestId}`),
  });
  const { record: key } = await store.keys.create('pool');
  const shares = ['keys', 'ledger', 'reads', 'bulk'].map((share) => ({ share, inUse: 0, waiting: 0 }));
  assert.deepEqual(store.pool(), { total: 1, idle: 1, waiting: 0, shares });
  // The one connection is busy with an insert that waits for a lock.
  const locker = new Client({ connectionString: url });
  await locker.connect();
  await locker.query('BEGIN; LOCK TABLE barcodes IN ACCESS EXCLUSIVE MODE');
  const held = store.barcodes.insertMany([record(key.id)]);
  const waiting = [store.maxConnections(), store.maxConnections()];
  assert.deepEqual(
    store.pool().shares.map(({ inUse, waiting: queued }) => [inUse, queued]),
    [
      [1, 1],
      [1, 0],
      [0, 0],
      [0, 0],
    ],
    'a kind of work takes its share of the queue, too',
  );
  for (const call of waiting)
    await assert.rejects(call, (error) => error instanceof StoreError && error.reason === 'busy');
  assert.deepEqual([store.pool().total, store.pool().idle], [1, 0]);
  await locker.query('COMMIT');
  await locker.end();
  assert.equal(await held, 1);
  await store.maxConnections();
  assert.ok(
    waits.some((seconds) => seconds >= 0.55),
    `waits in seconds: ${waits.join(', ')}`,
  );
  const limits = 'read the limits of PostgreSQL for r-1';
  assert.deepEqual(slow, [limits, limits, 'record barcodes for r-1']);
  assert.deepEqual(results, ['keys ok', 'keys busy', 'keys busy', 'ledger ok', 'keys ok']);
});

test('a crowd of look-ups that hang leaves the ledger and the reads their connections', async () => {
  const url = await postgres.database();
  const store = await postgres.store({ url, poolMax: 4, poolTimeoutMs: 30_000 });
  const { record: key, text } = await store.keys.create('crowd');
  const locker = new Client({ connectionString: url });
  await locker.connect();
  await locker.query('BEGIN; LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE');
  const crowd = Array.from({ length: 100 }, () => store.keys.findByHash(hashOfKey(text)));
  const sent = record(key.id);
  assert.equal(await store.barcodes.insertMany([sent]), 1);
  assert.equal((await store.barcodes.get(key.id, sent.id))?.id, sent.id);
  assert.deepEqual(store.pool().shares[0], { share: 'keys', inUse: 1, waiting: 99 });
  await locker.query('COMMIT');
  await locker.end();
  assert.equal((await Promise.all(crowd)).filter((found) => found?.id === key.id).length, 100);
});

test('a store whose PostgreSQL goes away and comes back fails in between, and then works', async () => {
  const broken: Error[] = [];
  const store = await postgres.store({ onPoolError: (error) => broken.push(error) });
  await store.maxConnections();
  await postgres.stop();
  await assert.rejects(
    store.maxConnections(),
    (error) => error instanceof StoreError && error.reason === 'unavailable',
  );
  await assert.rejects(
    store.barcodes.insertMany([record(uuidv7(TIME_MS))]),
    (error) => error instanceof StoreError && error.reason === 'unavailable',
  );
  assert.ok(broken.length > 0, 'an idle connection broke and the process lived on');
  await postgres.start();
  await store.maxConnections();
  assert.deepEqual(await store.maxConnections(), { maxConnections: 100, reserved: 3 });
});
