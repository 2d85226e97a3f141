import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StoreError } from '../../../src/store/errors.ts';
import { FakeHost, POISON, record } from './ledger-fakes.ts';
import { settled } from './manual-clock.ts';

test('a record waits for company for the flush time, and a full batch does not', async () => {
  const host = new FakeHost();
  const ledger = host.start();
  ledger.append(record(1));
  await host.clock.advance(49);
  assert.deepEqual(host.batches, []);
  assert.equal(ledger.pending, 1);
  assert.deepEqual(ledger.find(record(1).id), record(1));
  await host.clock.advance(1);
  assert.deepEqual(host.batches, [1]);
  assert.equal(ledger.find(record(1).id), undefined);
  for (let number = 2; number <= 10; number += 1) ledger.append(record(number));
  await settled();
  assert.deepEqual(host.batches.slice(0, 3), [1, 4, 4]);
  await host.clock.advance(50);
  assert.deepEqual(host.batches, [1, 4, 4, 1]);
  assert.deepEqual(host.totals, { written: 10, spilled: 0, replayed: 0, dropped: 0, rejected: 0 });
});

test('flush resolves when all records appended before are written', async () => {
  const host = new FakeHost();
  const ledger = host.start();
  await ledger.flush();
  ledger.append(record(1));
  await ledger.flush();
  assert.equal(host.rows.size, 1);
});

test('records of an outage wait on the disk and are written when PostgreSQL is back', async () => {
  const host = new FakeHost();
  const ledger = host.start();
  await settled();
  host.database = 'down';
  for (let number = 1; number <= 6; number += 1) ledger.append(record(number));
  await ledger.flush();
  assert.equal(ledger.pending, 6);
  assert.equal(host.totals.spilled, 6);
  await host.clock.advance(20_000);
  host.database = 'up';
  await host.clock.advance(5_000);
  assert.equal(host.rows.size, 6);
  assert.deepEqual(host.rows.get(record(6).id), record(6));
  assert.equal(ledger.pending, 0);
  assert.equal(host.disk.size, 0);
  assert.deepEqual(host.totals, { written: 0, spilled: 6, replayed: 6, dropped: 0, rejected: 0 });
  assert.deepEqual(
    host.events.map(({ kind }) => kind),
    ['away', 'back'],
  );
});

test('a write that hangs is given up after two seconds, and its records go to the disk', async () => {
  const host = new FakeHost();
  const ledger = host.start();
  await settled();
  host.database = 'lost-ack';
  ledger.append(record(1));
  await host.clock.advance(2_049);
  assert.equal(host.totals.spilled, 0);
  await host.clock.advance(1);
  assert.equal(host.totals.spilled, 1);
  host.database = 'up';
  await host.clock.advance(5_000);
  assert.equal(host.rows.size, 1);
  assert.equal(ledger.pending, 0);
});

test('one poisoned record does not hold up its batch', async () => {
  const host = new FakeHost();
  const ledger = host.start();
  for (const number of [1, 2, 3, 4]) ledger.append(record(number, number === 3 ? POISON : 'fine'));
  await ledger.flush();
  assert.deepEqual(
    [...host.rows.keys()],
    [1, 2, 4].map((number) => record(number).id),
  );
  assert.deepEqual(host.totals, { written: 3, spilled: 0, replayed: 0, dropped: 0, rejected: 1 });
  assert.deepEqual(host.events, [{ kind: 'rejected', id: record(3).id, why: 'bad value' }]);
  assert.match(host.disk.get('rejected.ndjson') ?? '', /"text":"poison"/);
});

test('close writes what is in memory, and spills it where PostgreSQL is away', async () => {
  const host = new FakeHost();
  const first = host.start();
  first.append(record(1));
  await first.close();
  assert.equal(host.rows.size, 1);
  const second = host.start();
  host.database = 'down';
  second.append(record(2));
  await second.close();
  second.append(record(3));
  assert.deepEqual(host.totals, { written: 1, spilled: 1, replayed: 0, dropped: 1, rejected: 0 });
  host.database = 'up';
  const third = host.start();
  await settled();
  assert.equal(host.rows.size, 2);
  assert.equal(third.pending, 0);
});

test('close does not wait for a write that hangs for ever', async () => {
  const host = new FakeHost();
  const ledger = host.start();
  await settled();
  host.database = 'hanging';
  ledger.append(record(1));
  const closed = ledger.close();
  await host.clock.advance(2_000);
  await closed;
  assert.equal(host.totals.spilled, 1);
});

test('the files of a killed process are taken over, and a live process keeps its own', async () => {
  const host = new FakeHost();
  host.database = 'down';
  const first = host.start();
  first.append(record(1));
  await first.flush();
  host.disk.set('spill-alive-1.ndjson', 'of somebody else\n');
  host.crash();
  host.database = 'up';
  const second = host.start({ owner: { name: 'second', isAlive: (name) => name === 'alive' } });
  await settled();
  assert.equal(host.rows.size, 1);
  assert.equal(second.pending, 0);
  assert.deepEqual([...host.disk.keys()], ['spill-alive-1.ndjson']);
});

test('orphans of a process that dies later are taken over within half a minute', async () => {
  const host = new FakeHost();
  const living = new Set(['other']);
  const ledger = host.start({ owner: { name: 'self', isAlive: (name) => living.has(name) } });
  const writer = new FakeHost();
  writer.database = 'down';
  const other = writer.start({ owner: { name: 'other', isAlive: () => false } });
  other.append(record(7));
  await other.close();
  for (const [name, text] of writer.disk) host.disk.set(name, text);
  await host.clock.advance(60_000);
  assert.equal(host.rows.size, 0);
  living.clear();
  await host.clock.advance(30_000);
  assert.equal(host.rows.size, 1);
  assert.equal(ledger.pending, 0);
});

test('a torn tail costs the record that it held, is counted, and stops nothing', async () => {
  const host = new FakeHost();
  host.database = 'down';
  const first = host.start();
  for (const number of [1, 2, 3]) first.append(record(number));
  await first.flush();
  host.crash();
  host.tearTail(5);
  host.database = 'up';
  host.start();
  await settled();
  assert.deepEqual(
    [...host.rows.keys()],
    [1, 2].map((number) => record(number).id),
  );
  assert.equal(host.totals.dropped, 1);
  assert.deepEqual(host.events.find(({ kind }) => kind === 'damaged')?.kind, 'damaged');
});

test('pending tells how many records PostgreSQL lacks, in the middle of a replay as well', async () => {
  const host = new FakeHost();
  const ledger = host.start();
  await settled();
  host.database = 'down';
  for (let number = 1; number <= 10; number += 1) ledger.append(record(number));
  await ledger.flush();
  host.database = 'up-for-one-batch';
  await host.clock.advance(150);
  assert.equal(host.rows.size, 4);
  assert.equal(ledger.pending, 6);
  host.database = 'up';
  await host.clock.advance(5_000);
  assert.equal(ledger.pending, 0);
});

test('a file that the disk has failed in is replayed with the others', async () => {
  const host = new FakeHost();
  const ledger = host.start();
  await settled();
  host.database = 'down';
  ledger.append(record(1));
  await ledger.flush();
  host.isDiskFull = true;
  ledger.append(record(2));
  await assert.rejects(ledger.flush());
  assert.equal(ledger.pending, 2);
  host.isDiskFull = false;
  host.database = 'up';
  await host.clock.advance(5_000);
  assert.equal(host.rows.size, 2);
});

test('files are taken over without overwriting those of a former ledger of this process', async () => {
  const host = new FakeHost();
  host.database = 'down';
  const owner = { name: 'same', isAlive: (name: string) => name === 'same' };
  for (const [number, name] of ['dead', 'same'].entries()) {
    const ledger = host.start({ owner: { name, isAlive: () => true } });
    ledger.append(record(number));
    await ledger.close();
  }
  assert.deepEqual([...host.disk.keys()], ['spill-dead-1.ndjson', 'spill-same-1.ndjson']);
  host.database = 'up';
  const last = host.start({ owner });
  await settled();
  assert.equal(host.rows.size, 2);
  assert.equal(last.pending, 0);
});

test('beyond the disk budget records are dropped and counted', async () => {
  const host = new FakeHost();
  host.database = 'down';
  const ledger = host.start({ maxSpillBytes: 1_000 });
  for (let number = 1; number <= 20; number += 1) ledger.append(record(number));
  await ledger.flush();
  const diskBytes = [...host.disk.values()].reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  assert.ok(diskBytes <= 1_000);
  assert.ok(host.totals.spilled > 0);
  assert.equal(host.totals.spilled + host.totals.dropped, 20);
  assert.equal(ledger.pending, host.totals.spilled);
});

test('without PostgreSQL and with a full disk, memory holds a bounded number of records and the rest are counted', async () => {
  const host = new FakeHost();
  const ledger = host.start({ maxPending: 10 });
  await settled();
  host.database = 'down';
  host.isDiskFull = true;
  for (let number = 1; number <= 12; number += 1) ledger.append(record(number));
  await assert.rejects(ledger.flush(), (error) => error instanceof StoreError && /no space left/.test(error.message));
  assert.equal(ledger.pending, 10);
  assert.equal(host.totals.dropped, 2);
  await host.clock.advance(60_000);
  assert.equal(host.events.filter(({ kind }) => kind === 'disk-failed').length, 1, 'said once');
  host.database = 'up';
  await host.clock.advance(5_000);
  assert.equal(host.rows.size, 10);
  assert.equal(ledger.pending, 0);
});

test('an idle ledger that saw an outage with nothing to keep goes on without a tight loop', async () => {
  const host = new FakeHost();
  const ledger = host.start({ maxSpillBytes: 0 });
  await settled();
  host.database = 'down';
  ledger.append(record(1));
  await host.clock.advance(60_000);
  assert.equal(host.totals.dropped, 1);
  host.database = 'up';
  ledger.append(record(2));
  await host.clock.advance(5_100);
  assert.equal(host.rows.size, 1);
});
