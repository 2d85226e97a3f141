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
import { BatchedLedger, type LedgerOptions } from '../../src/store/ledger/batched-ledger.ts';
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
  readonly spillDir: string;
  readonly totals: Record<LedgerResult, number>;
  open(options?: Partial<LedgerOptions>): Ledger;
}

async function setting(): Promise<Setting> {
  const url = await postgres.database();
  const store = await postgres.store({ url });
  const keyId = (await store.keys.create('ledger')).record.id;
  const spillDir = join(await temporaryFolder(), 'ledger');
  const totals = { written: 0, spilled: 0, replayed: 0, dropped: 0, rejected: 0 };
  const defaults: LedgerOptions = {
    insertMany: store.barcodes.insertMany,
    clock: systemClock,
    batchSize: 200,
    flushMs: 50,
    spillDir,
    onResult: (result, count) => (totals[result] += count),
  };
  const open = (options = {}) => {
    const ledger = new BatchedLedger({ ...defaults, ...options });
    ledgers.push(ledger);
    return ledger;
  };
  return { store, url, keyId, spillDir, totals, open };
}

async function idsIn(url: string): Promise<string[]> {
  return (await queryOnce(url, 'SELECT id FROM barcodes ORDER BY id')).map(({ id }) => String(id));
}

test('PostgreSQL stops, records go on, PostgreSQL comes back: every record is there once', async () => {
  const { store, url, keyId, spillDir, totals, open } = await setting();
  const ledger = open();
  const sent: BarcodeRecord[] = [];
  const append = (count: number) => {
    for (let index = 0; index < count; index += 1) {
      const one = record(keyId, index % 50 === 0 ? { text: `nul \0 and half \ud800 ${index}` } : {});
      sent.push(one);
      ledger.append(one);
    }
  };
  append(500);
  await ledger.flush();
  await postgres.stop();
  append(700);
  await ledger.flush();
  assert.equal(totals.written + totals.spilled, 1_200);
  assert.ok(totals.spilled >= 700);
  assert.equal((await stat(spillDir)).mode & 0o777, 0o700);
  append(300);
  await postgres.start();
  await eventually(() => ledger.pending === 0, 'all records are in PostgreSQL');
  assert.deepEqual(await idsIn(url), sent.map(({ id }) => id).toSorted());
  await eventually(async () => (await readdir(spillDir)).length === 0, 'what is written is gone from the disk');
  const { bytes: _, ...summary } = sent[550] as BarcodeRecord;
  assert.deepEqual(await store.barcodes.get(keyId, summary.id), summary);
  assert.deepEqual([totals.dropped, totals.rejected], [0, 0]);
  await ledger.close();
});

test('close while PostgreSQL is away keeps everything for the next start', async () => {
  const { url, keyId, open } = await setting();
  const sent = Array.from({ length: 300 }, () => record(keyId));
  await postgres.stop();
  const first = open();
  for (const one of sent) first.append(one);
  await first.close();
  await postgres.start();
  const second = open();
  await eventually(async () => (await idsIn(url)).length === 300, 'the next ledger has written them');
  await second.close();
  assert.deepEqual(await idsIn(url), sent.map(({ id }) => id).toSorted());
});

test('a record that PostgreSQL rejects is set aside, and its neighbours are written', async () => {
  const { url, keyId, spillDir, totals, open } = await setting();
  const ledger = open();
  const good = Array.from({ length: 20 }, () => record(keyId));
  const bad = [
    record(uuidv7(TIME_MS)),
    record(keyId, { symbology: 'x'.repeat(40) }),
    record(keyId, { requestId: 'nul \0' }),
  ];
  for (const one of [...good.slice(0, 10), ...bad, ...good.slice(10)]) ledger.append(one);
  await ledger.close();
  assert.deepEqual(await idsIn(url), good.map(({ id }) => id).toSorted());
  assert.equal(totals.rejected, 3);
  assert.deepEqual(await readdir(spillDir), ['rejected.ndjson']);
});

test('records that a process spilled before kill -9 are taken over by another one, even from a file with a torn tail', async (t) => {
  const { url, keyId, spillDir, totals, open } = await setting();
  const module = (path: string) => JSON.stringify(fileURLToPath(new URL(`../../src/${path}`, import.meta.url)));
  const code = `const { BatchedLedger } = await import(${module('store/ledger/batched-ledger.ts')});
    const { systemClock } = await import(${module('core/clock.ts')});
    const ledger = new BatchedLedger({ clock: systemClock, batchSize: 200, flushMs: 50,
      spillDir: ${JSON.stringify(spillDir)}, insertMany: async () => { throw new Error('away'); } });
    for (const one of JSON.parse(process.argv[1])) ledger.append({ ...one, bytes: Buffer.from('image') });
    await ledger.flush();
    console.log('spilled'); setInterval(() => {}, 60_000);`;
  const sent = Array.from({ length: 40 }, () => record(keyId));
  const child = spawn(process.execPath, ['--input-type=module', '-e', code, '--', JSON.stringify(sent)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  const bystander = open();
  const own = record(keyId);
  bystander.append(own);
  await bystander.flush();
  const [file] = await readdir(spillDir);
  assert.match(
    file ?? '',
    new RegExp(`^spill-${child.pid}-[0-9a-f]{8}-1\\.ndjson$`),
    'a living process keeps its file',
  );
  await bystander.close();
  child.kill('SIGKILL');
  await once(child, 'exit');
  await writeFile(join(spillDir, file ?? ''), '1234abcd {"id":"torn', { flag: 'a' });
  const ledger = open();
  await eventually(async () => (await readdir(spillDir)).length === 0, 'the file is taken over and written');
  assert.deepEqual(await idsIn(url), [own, ...sent].map(({ id }) => id).toSorted());
  assert.deepEqual(totals, { written: 1, spilled: 0, replayed: 40, dropped: 1, rejected: 0 });
  await ledger.close();
});

test('a spill folder that cannot be used costs nothing while PostgreSQL is there', async () => {
  const { url, keyId, spillDir, open } = await setting();
  await mkdir(join(spillDir, '..'), { recursive: true });
  await writeFile(spillDir, 'a file where the folder should be');
  const events: string[] = [];
  const ledger = open({ onEvent: ({ kind }) => events.push(kind) });
  ledger.append(record(keyId));
  await ledger.close();
  assert.equal((await idsIn(url)).length, 1);
  assert.deepEqual(events, ['disk-failed']);
  await rm(spillDir);
});
