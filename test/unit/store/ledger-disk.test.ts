import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { append, close, FakeHost, range, record, takeOver } from './ledger-fakes.ts';

describe('a write-ahead log on a disk with faults', () => {
  test('a full disk is full no longer once PostgreSQL has taken the records, and leaves no files behind', async () => {
    const host = new FakeHost();
    host.database = 'down';
    const ledger = host.start();
    await append(host, ledger, ...range(0, 3));
    host.disk.isFull = true;
    for (const one of range(3, 6)) await append(host, ledger, one);
    host.database = 'up';
    await host.clock.advance(10_000);
    assert.equal(host.disk.segments.length <= 1, true, host.disk.names.join(' '));
    await close(host, ledger);
    assert.deepEqual(host.disk.names, []);
  });

  test('a worker whose settled segment fills the host makes room without a further record', async () => {
    const host = new FakeHost();
    const ledger = host.start('wal', { maxBytes: 2_000 });
    await append(host, ledger, ...range(0, 4));
    host.disk.put('of-another-worker', Buffer.alloc(1_500));
    await host.clock.advance(2_100);
    assert.equal(ledger.refusal(), undefined);
  });

  for (const [database, fate] of [
    ['up', 'kept'],
    ['down', 'store-unavailable'],
  ] as const)
    test(`with LEDGER_FSYNC_MS=0, a sync that fails leaves the record to PostgreSQL: ${database}`, async () => {
      const host = new FakeHost();
      const ledger = host.start('wal', { fsyncMs: 0 });
      host.disk.isSyncFailing = true;
      host.database = database;
      const fates = await append(host, ledger, record(1));
      await host.clock.advance(2_100);
      assert.deepEqual(fates, [fate]);
      assert.equal(
        host.events.some(({ kind }) => kind === 'disk-failed'),
        true,
      );
      host.disk.isSyncFailing = false;
      host.database = 'up';
      await host.clock.advance(10_000);
      assert.deepEqual(await append(host, ledger, record(2)), ['kept']);
    });

  test('a sync that fails is tried again, without a further record', async () => {
    const host = new FakeHost();
    host.database = 'down';
    const ledger = host.start();
    host.disk.isSyncFailing = true;
    await append(host, ledger, record(1));
    await host.clock.advance(300);
    host.disk.isSyncFailing = false;
    await host.clock.advance(300);
    host.crash();
    host.disk.losePower();
    await takeOver(host);
    assert.equal(host.rows.size, 1);
  });

  test('damage in what is on the disk only is counted, and its segment is removed', async () => {
    const host = new FakeHost();
    host.database = 'down';
    const ledger = host.start('wal', { maxInMemory: 2 });
    await append(host, ledger, ...range(0, 6));
    const [name = ''] = host.disk.segments;
    const content = host.disk.contentOf(name);
    content[content.indexOf('text 4')] = 0x58;
    host.database = 'up';
    await host.clock.advance(10_000);
    assert.deepEqual([host.rows.size, host.totals.damaged, ledger.pending], [5, 1, 0]);
    await close(host, ledger);
    assert.deepEqual(host.disk.names, []);
  });

  test('a segment that cannot be removed is written once by a process', async () => {
    const host = new FakeHost();
    host.database = 'down';
    await append(host, host.start(), ...range(0, 3));
    host.crash();
    host.database = 'up';
    host.disk.isRemovalFailing = true;
    host.start();
    await host.clock.advance(20_000);
    assert.equal(host.totals.replayed, 3);
  });

  test('orphans are written in batches that grow', async () => {
    const host = new FakeHost();
    host.database = 'down';
    await append(host, host.start('wal', { batchSize: 500 }), ...range(0, 300));
    await takeOver(host, { batchSize: 500 });
    assert.deepEqual(host.batches, [10, 20, 40, 80, 150]);
  });
});
