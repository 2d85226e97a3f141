import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/core/clock.ts';
import { uuidv7 } from '../../src/core/ids.ts';
import { queryOnce } from '../../src/store/embedded/postmaster.ts';
import type { Ledger, LedgerResult } from '../../src/store/ledger.ts';
import { filesIn } from '../../src/store/ledger/ledger-files.ts';
import { LogEntryEncoder, SEGMENT_HEADER } from '../../src/store/ledger/segment-format.ts';
import { thisProcess } from '../../src/store/ledger/owner.ts';
import { WalLedger, type WalOptions } from '../../src/store/ledger/wal-ledger.ts';
import type { BarcodeRecord } from '../../src/store/records.ts';
import type { Store } from '../../src/store/store.ts';
import { eventually, temporaryFolder, withPostgres } from '../support/postgres.ts';

const postgres = withPostgres();
/** Closed after each test, so that one that fails leaves nothing that keeps the process. */
const ledgers: Ledger[] = [];
afterEach(async () => void (await Promise.all(ledgers.splice(0).map((ledger) => ledger.close()))));

const TIME_MS = Date.UTC(2026, 10, 21);

function record(keyId: string, change: Partial<BarcodeRecord> = {}): BarcodeRecord {
  const id = uuidv7(TIME_MS);
  return {
    id,
    keyId,
    symbology: 'qrcode',
    format: 'png',
    text: `text of ${id}`,
    bytes: Uint8Array.of(137, 80, 78, 71, 0, 255),
    status: 'delivered',
    requestId: id,
    createdAtMs: TIME_MS,
    ...change,
  };
}

interface Setting {
  readonly store: Store;
  readonly url: string;
  readonly keyId: string;
  readonly folder: string;
  readonly totals: Record<LedgerResult, number>;
  open(options?: Partial<WalOptions>): Ledger;
}

async function setting(): Promise<Setting> {
  const url = await postgres.database();
  const store = await postgres.store({ url });
  const keyId = (await store.keys.create('ledger')).record.id;
  const folder = join(await temporaryFolder(), 'ledger');
  const totals = { written: 0, replayed: 0, dropped: 0, rejected: 0, refused: 0, damaged: 0 };
  const open = (options: Partial<WalOptions> = {}) => {
    const ledger = new WalLedger({
      table: store.barcodes,
      files: filesIn(folder),
      owner: thisProcess(),
      clock: systemClock,
      atEndOfTurn: setImmediate,
      batchSize: 200,
      flushMs: 50,
      fsyncMs: 200,
      maxBytes: 1024 ** 3,
      whenFull: 'refuse',
      onResult: (result, count) => (totals[result] += count),
      ...options,
    });
    ledgers.push(ledger);
    return ledger;
  };
  return { store, url, keyId, folder, totals, open };
}

async function idsIn(url: string): Promise<string[]> {
  return (await queryOnce(url, 'SELECT id FROM barcodes ORDER BY id')).map(({ id }) => String(id));
}

test('PostgreSQL stops, records go on, PostgreSQL comes back: every record is there once', async () => {
  const { store, url, keyId, folder, totals, open } = await setting();
  const ledger = open({ maxInMemory: 300 });
  const sent: BarcodeRecord[] = [];
  const append = async (count: number): Promise<void> => {
    const some = Array.from({ length: count }, (_, index) =>
      record(keyId, index % 50 === 0 ? { text: `nul \0 and half \ud800 ${index}` } : {}),
    );
    sent.push(...some);
    assert.deepEqual(await Promise.all(some.map((one) => ledger.append(one))), Array(count).fill(undefined));
  };
  await append(500);
  await postgres.stop();
  await append(700);
  assert.equal((await stat(folder)).mode & 0o777, 0o700);
  await append(300);
  await postgres.start();
  await eventually(() => ledger.pending === 0, 'all records are in PostgreSQL');
  assert.deepEqual(await idsIn(url), sent.map(({ id }) => id).toSorted());
  const { bytes: _, ...summary } = sent[550] as BarcodeRecord;
  assert.deepEqual(await store.barcodes.get(keyId, summary.id), summary);
  assert.equal(totals.written, 1_500);
  assert.deepEqual([totals.dropped, totals.rejected, totals.refused], [0, 0, 0]);
  await ledger.close();
  assert.deepEqual(await readdir(folder), []);
});

test('close while PostgreSQL is away keeps everything for the next start', async () => {
  const { url, keyId, open } = await setting();
  const sent = Array.from({ length: 300 }, () => record(keyId));
  await postgres.stop();
  const first = open();
  for (const one of sent) void first.append(one);
  await first.close();
  await postgres.start();
  const second = open();
  await eventually(async () => (await idsIn(url)).length === 300, 'the next ledger has written them');
  await second.close();
  assert.deepEqual(await idsIn(url), sent.map(({ id }) => id).toSorted());
});

test('a record that PostgreSQL rejects is set aside, and its neighbours are written', async () => {
  const { url, keyId, folder, totals, open } = await setting();
  const ledger = open();
  const good = Array.from({ length: 20 }, () => record(keyId));
  const bad = [
    record(keyId, { format: 'x'.repeat(9) }),
    record(keyId, { symbology: 'x'.repeat(40) }),
    record(keyId, { requestId: 'nul \0' }),
  ];
  for (const one of [...good.slice(0, 10), ...bad, ...good.slice(10)]) void ledger.append(one);
  await ledger.close();
  assert.deepEqual(await idsIn(url), good.map(({ id }) => id).toSorted());
  assert.equal(totals.rejected, 3);
  assert.deepEqual(await readdir(folder), ['rejected.ndjson']);
});

test('a record of a client that left says so, whether it was stored before or not', async () => {
  const { store, keyId, open } = await setting();
  const ledger = open();
  const [early, late, other] = [record(keyId), record(keyId), record(keyId)];
  await Promise.all([early, other].map((one) => ledger.append(one)));
  await eventually(() => ledger.pending === 0, 'the first ones are stored');
  ledger.aborted(early.id);
  void ledger.append(late).then(() => ledger.aborted(late.id));
  await new Promise((resolve) => setTimeout(resolve, 20));
  await ledger.close();
  const statuses = await Promise.all(
    [early, late, other].map(async ({ id }) => (await store.barcodes.get(keyId, id))?.status),
  );
  assert.deepEqual(statuses, ['aborted', 'aborted', 'delivered']);
});

test('records that a process had when it got kill -9 are taken over by another one, even from a segment with a torn tail', async (t) => {
  const { url, keyId, folder, totals, open } = await setting();
  const module = (path: string) => JSON.stringify(fileURLToPath(new URL(`../../src/${path}`, import.meta.url)));
  const code = `const { WalLedger } = await import(${module('store/ledger/wal-ledger.ts')});
    const { filesIn } = await import(${module('store/ledger/ledger-files.ts')});
    const { thisProcess } = await import(${module('store/ledger/owner.ts')});
    const { systemClock } = await import(${module('core/clock.ts')});
    const insertMany = async () => { throw new Error('away'); };
    const ledger = new WalLedger({ clock: systemClock, batchSize: 200, flushMs: 50, fsyncMs: 60_000, maxBytes: 1e9,
      whenFull: 'refuse', owner: thisProcess(), files: filesIn(${JSON.stringify(folder)}), table: { insertMany },
      atEndOfTurn: setImmediate });
    const records = JSON.parse(process.argv[1]);
    await Promise.all(records.map((one) => ledger.append({ ...one, bytes: Buffer.from('image') })));
    console.log('appended'); setInterval(() => {}, 60_000);`;
  const sent = Array.from({ length: 40 }, () => record(keyId));
  const child = spawn(process.execPath, ['--input-type=module', '-e', code, '--', JSON.stringify(sent)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  const bystander = open();
  const own = record(keyId);
  await bystander.append(own);
  await bystander.close();
  const [file] = await readdir(folder);
  assert.match(file ?? '', new RegExp(`^segment-${child.pid}-[0-9a-f]{8}-1\\.log$`), 'a living process keeps its file');
  child.kill('SIGKILL');
  await once(child, 'exit');
  await writeFile(join(folder, file ?? ''), 'a torn record', { flag: 'a' });
  const ledger = open();
  await eventually(async () => (await readdir(folder)).length === 0, 'the file is taken over and written');
  assert.deepEqual(await idsIn(url), [own, ...sent].map(({ id }) => id).toSorted());
  assert.deepEqual(totals, { written: 1, replayed: 40, dropped: 0, rejected: 0, refused: 0, damaged: 1 });
  await ledger.close();
});

test('two processes that look at the same time share the orphans, and none is written twice or lost', async () => {
  const { url, keyId, folder, totals, open } = await setting();
  const sent = Array.from({ length: 6 }, () => record(keyId));
  await mkdir(folder, { recursive: true });
  for (const [index, one] of sent.entries())
    await writeFile(
      join(folder, `segment-1-deadbeef-${index}.log`),
      Buffer.concat([SEGMENT_HEADER, new LogEntryEncoder().encode([{ kind: 'record', record: one }]).bytes]),
    );
  const [first, second] = [open(), open({ owner: { ...thisProcess(), name: `${process.ppid}-00000000` } })];
  await eventually(async () => (await idsIn(url)).length === sent.length, 'all are written');
  await Promise.all([first.close(), second.close()]);
  assert.equal(totals.replayed, sent.length);
  assert.deepEqual(await readdir(folder), []);
});

test('a folder that cannot be used costs nothing while PostgreSQL is there', async () => {
  const { url, keyId, folder, open } = await setting();
  await mkdir(join(folder, '..'), { recursive: true });
  await writeFile(folder, 'a file where the folder should be');
  const events: string[] = [];
  const ledger = open({ onEvent: ({ kind }) => events.push(kind) });
  assert.equal(await ledger.append(record(keyId)), undefined);
  assert.equal((await idsIn(url)).length, 1, 'before the reply');
  await ledger.close();
  assert.deepEqual(events, ['disk-failed']);
  await rm(folder);
});
