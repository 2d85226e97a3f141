import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { encodeLine } from '../../../src/store/ledger/record-line.ts';
import { SEGMENT_HEADER } from '../../../src/store/ledger/segment-format.ts';
import { append, close, FakeHost, POISON, range, record, takeOver } from './ledger-fakes.ts';

describe('a ledger with a write-ahead log', () => {
  test('has a record on the disk before its reply, in one write for a turn of the event loop', async () => {
    const host = new FakeHost();
    host.database = 'down';
    const ledger = host.start();
    assert.deepEqual(await append(host, ledger, ...range(0, 3)), ['kept', 'kept', 'kept']);
    assert.equal(host.disk.segments.length, 1);
    await takeOver(host);
    assert.deepEqual(
      [...host.rows.keys()],
      range(0, 3).map(({ id }) => id),
    );
    assert.equal(host.totals.replayed, 3);
  });

  test('with LEDGER_FSYNC_MS=0 the reply waits for the disk to have it', async () => {
    const host = new FakeHost();
    host.database = 'down';
    const ledger = host.start('wal', { fsyncMs: 0 });
    await append(host, ledger, record(1));
    host.crash();
    host.disk.losePower();
    await takeOver(host);
    assert.equal(host.rows.size, 1);
  });

  test('a loss of power costs what came after the last sync, and no more', async () => {
    const host = new FakeHost();
    host.database = 'down';
    const ledger = host.start();
    await append(host, ledger, record(1));
    await host.clock.advance(200);
    await append(host, ledger, record(2));
    host.crash();
    host.disk.losePower();
    await takeOver(host);
    assert.deepEqual([...host.rows.keys()], [record(1).id]);
    assert.equal(host.totals.damaged, 0);
  });

  test('records go to PostgreSQL in batches: after the flush time, or as soon as a batch is full', async () => {
    const host = new FakeHost();
    const ledger = host.start();
    await append(host, ledger, record(1));
    assert.deepEqual(host.batches, []);
    assert.equal(ledger.find(record(1).id)?.text, 'text 1');
    await host.clock.advance(50);
    assert.deepEqual(host.batches, [1]);
    assert.equal(ledger.find(record(1).id), undefined);
    await append(host, ledger, ...range(2, 6));
    assert.deepEqual(host.batches, [1, 4]);
  });

  test('batches grow while more wait than fit', async () => {
    const host = new FakeHost();
    host.database = 'down';
    const ledger = host.start('wal', { batchSize: 500 });
    await append(host, ledger, ...range(0, 1000));
    host.database = 'up';
    await host.clock.advance(5_000);
    assert.deepEqual(host.batches, [10, 20, 40, 80, 160, 320, 370]);
    assert.equal(ledger.pending, 0);
  });

  test('beyond its share of memory, records of an outage are on the disk only, and come in order', async () => {
    const host = new FakeHost();
    host.database = 'down';
    const ledger = host.start('wal', { maxInMemory: 5 });
    await append(host, ledger, ...range(0, 30));
    assert.equal(ledger.find(record(29).id), undefined);
    assert.equal(ledger.pending, 30);
    host.database = 'up';
    await host.clock.advance(5_000);
    assert.deepEqual(
      [...host.rows.keys()],
      range(0, 30).map(({ id }) => id),
    );
    assert.equal(ledger.pending, 0);
  });

  test('the position of a segment is on the disk before the segment is removed', async () => {
    const host = new FakeHost();
    const ledger = host.start();
    await append(host, ledger, ...range(0, 4));
    const [segment] = host.disk.segments;
    await close(host, ledger);
    const steps = host.disk.steps.filter((step) => !step.startsWith('sync'));
    assert.deepEqual(steps, [`write ${segment}.position`, `remove ${segment}`, `remove ${segment}.position`]);
    assert.deepEqual(host.disk.names, []);
  });

  test('a segment that was settled before the crash is not written again', async () => {
    const host = new FakeHost();
    const ledger = host.start();
    await append(host, ledger, ...range(0, 4));
    await host.clock.advance(2_000);
    host.crash();
    const batches = host.batches.length;
    host.start();
    await host.clock.advance(3_000);
    assert.equal(host.batches.length, batches);
    assert.deepEqual(host.disk.segments, [], 'nothing is left on the disk');
  });

  test('a client that left makes its record an aborted one, before the insert and after it', async () => {
    const host = new FakeHost();
    const ledger = host.start();
    await append(host, ledger, record(1), record(2));
    ledger.aborted(record(1).id);
    await host.clock.advance(100);
    ledger.aborted(record(2).id);
    await host.clock.advance(100);
    assert.deepEqual(
      [...host.rows.values()].map(({ status }) => status),
      ['aborted', 'aborted'],
    );
  });

  test('a record that was stored before its client left becomes aborted when a replay repeats it', async () => {
    const host = new FakeHost();
    const ledger = host.start();
    await append(host, ledger, ...range(0, 5));
    host.database = 'hanging';
    for (const id of [0, 4]) ledger.aborted(record(id).id);
    await host.clock.advance(100);
    await close(host, ledger);
    host.database = 'up-for-one-batch';
    host.start();
    await host.clock.advance(100);
    host.database = 'up';
    await host.clock.advance(10_000);
    const aborted = [...host.rows.values()].filter(({ status }) => status === 'aborted');
    assert.deepEqual(
      aborted.map(({ id }) => id),
      [record(0).id, record(4).id],
    );
  });

  test('one record that PostgreSQL rejects is set aside, and its batch is written', async () => {
    const host = new FakeHost();
    const ledger = host.start();
    await append(host, ledger, record(1), record(2, POISON), record(3));
    await host.clock.advance(100);
    assert.deepEqual([...host.rows.keys()], [record(1).id, record(3).id]);
    assert.deepEqual([host.totals.rejected, ledger.pending], [1, 0]);
    assert.match(host.disk.contentOf('rejected.ndjson').toString(), /"text":"poison"/);
  });

  test('when the disk has no room, PostgreSQL takes each record before its reply', async () => {
    const host = new FakeHost();
    const ledger = host.start();
    host.disk.isFull = true;
    assert.deepEqual(await append(host, ledger, record(1), record(2)), ['kept', 'kept']);
    assert.equal(host.rows.size, 2);
    host.database = 'down';
    assert.deepEqual(await append(host, ledger, record(3)), ['store-unavailable']);
    assert.equal(ledger.refusal()?.reason, 'store-unavailable');
    host.disk.isFull = false;
    await host.clock.advance(2_000);
    assert.equal(ledger.refusal(), undefined, 'it looks whether the disk works again');
    assert.deepEqual(await append(host, ledger, record(4)), ['kept']);
  });

  for (const whenFull of ['refuse', 'drop'] as const)
    test(`at LEDGER_MAX_BYTES it does what LEDGER_WHEN_FULL says, and counts it: ${whenFull}`, async () => {
      const host = new FakeHost();
      host.database = 'down';
      const ledger = host.start('wal', { maxBytes: 300, whenFull });
      const fates = [];
      for (const one of range(0, 6)) fates.push(...(await append(host, ledger, one)));
      const kept = whenFull === 'refuse' ? ['kept', 'ledger-full'] : ['kept'];
      assert.deepEqual([...new Set(fates)], kept);
      const { refused, dropped } = host.totals;
      const lost = whenFull === 'refuse' ? refused : dropped;
      assert.ok(lost > 0 && refused + dropped === lost);
      host.database = 'up';
      await host.clock.advance(5_000);
      assert.equal(host.rows.size, 6 - lost);
      assert.deepEqual(await append(host, ledger, record(9)), ['kept'], 'there is room again');
    });

  test('damage costs the records that it has hit, is counted, and stops nothing', async () => {
    const host = new FakeHost();
    host.database = 'down';
    const ledger = host.start();
    await append(host, ledger, ...range(0, 5));
    host.crash();
    const [name = ''] = host.disk.segments;
    const content = Buffer.from(host.disk.contentOf(name));
    const middle = content.indexOf('text 2');
    content[middle] = 0x58;
    host.disk.put(name, content.subarray(0, -3));
    host.database = 'up';
    host.start();
    await host.clock.advance(3_000);
    assert.deepEqual([...host.rows.keys()], [record(0).id, record(1).id, record(3).id]);
    assert.equal(host.totals.damaged, 2);
  });

  test('an empty segment, one of another version and a lone position are no obstacle', async () => {
    const host = new FakeHost();
    host.disk.put('segment-dead-1.log', '');
    host.disk.put('segment-dead-2.log', SEGMENT_HEADER);
    host.disk.put('segment-dead-3.log', 'RMPLDG99 whatever');
    host.disk.put('segment-dead-4.log.position', '8');
    host.start();
    await host.clock.advance(3_000);
    assert.deepEqual(host.disk.names, []);
    assert.equal(host.totals.damaged, 1);
  });

  test('files of the version before are read', async () => {
    const host = new FakeHost();
    host.disk.put('spill-dead-1.ndjson', `${encodeLine(record(1))}torn`);
    host.start();
    await host.clock.advance(3_000);
    assert.deepEqual([...host.rows.keys()], [record(1).id]);
    assert.equal(host.totals.damaged, 1);
  });

  test('what a live process writes is left alone', async () => {
    const host = new FakeHost();
    host.database = 'down';
    const isAlive = (name: string): boolean => name === 'me' || name === 'other';
    const ledger = host.start('wal', { owner: { name: 'me', isAlive } });
    await append(host, ledger, record(1));
    const [mine] = host.disk.segments;
    host.disk.put('segment-other-1.log', SEGMENT_HEADER);
    await host.clock.advance(10_000);
    assert.deepEqual(host.disk.segments, [mine, 'segment-other-1.log']);
  });

  test('a write that PostgreSQL does not answer is given up after two seconds, and tried again', async () => {
    const host = new FakeHost();
    host.database = 'hanging';
    const ledger = host.start();
    await append(host, ledger, record(1));
    await host.clock.advance(2_100);
    assert.match(JSON.stringify(host.events), /has not answered for 2000 ms/);
    host.database = 'up';
    await host.clock.advance(1_000);
    assert.equal(host.rows.size, 1);
  });

  test('close writes what it can, and leaves the rest on the disk', async () => {
    const host = new FakeHost();
    host.database = 'down';
    const first = host.start();
    await append(host, first, ...range(0, 3));
    await close(host, first);
    assert.deepEqual(await append(host, first, record(9)), ['store-unavailable']);
    host.database = 'up';
    host.start();
    await host.clock.advance(3_000);
    assert.equal(host.rows.size, 3);
  });
});

describe('a ledger with LEDGER_DURABILITY=sync', () => {
  test('keeps a record when PostgreSQL has it, together with those that came meanwhile', async () => {
    const host = new FakeHost();
    const ledger = host.start('sync', { batchSize: 100 });
    assert.deepEqual(await append(host, ledger, ...range(0, 6)), Array(6).fill('kept'));
    assert.deepEqual(host.batches, [6]);
    assert.deepEqual(host.disk.names, []);
  });

  test('refuses each record that PostgreSQL has not taken, at once while it is unavailable', async () => {
    const host = new FakeHost();
    const ledger = host.start('sync');
    host.database = 'down';
    assert.deepEqual(await append(host, ledger, record(1), record(2)), ['store-unavailable', 'store-unavailable']);
    assert.equal(ledger.refusal()?.reason, 'store-unavailable');
    assert.deepEqual(await append(host, ledger, record(3)), ['store-unavailable']);
    host.database = 'up';
    await host.clock.advance(10_000);
    assert.equal(host.rows.size, 0);
    assert.deepEqual(await append(host, ledger, record(4)), ['kept']);
  });

  test('marks a record whose request was refused because PostgreSQL did not answer, if it was stored all the same', async () => {
    const host = new FakeHost();
    const ledger = host.start('sync');
    host.database = 'lost-ack';
    const refused = ledger.append(record(1));
    await host.clock.advance(3_000);
    assert.equal((await refused)?.reason, 'store-unavailable');
    assert.equal(host.rows.get(record(1).id)?.status, 'delivered');
    host.database = 'up';
    await host.clock.advance(10_000);
    assert.equal(host.rows.get(record(1).id)?.status, 'aborted');
    assert.equal(ledger.pending, 0);
    assert.deepEqual(await append(host, ledger, record(2)), ['kept']);
    assert.equal(host.rows.get(record(2).id)?.status, 'delivered');
  });

  test('a record that PostgreSQL rejects is refused alone', async () => {
    const host = new FakeHost();
    const ledger = host.start('sync', { batchSize: 100 });
    const fates = await append(host, ledger, record(1), record(2, POISON), record(3));
    assert.deepEqual(fates, ['kept', 'store-unavailable', 'kept']);
  });
});

describe('a ledger with LEDGER_DURABILITY=memory', () => {
  test('loses what is in memory with its process, and refuses what does not fit', async () => {
    const host = new FakeHost();
    host.database = 'down';
    const ledger = host.start('memory', { maxInMemory: 3 });
    assert.deepEqual(await append(host, ledger, ...range(0, 4)), ['kept', 'kept', 'kept', 'ledger-full']);
    assert.deepEqual(host.disk.names, []);
    await close(host, ledger);
    assert.equal(host.totals.dropped, 3);
  });

  test('with LEDGER_WHEN_FULL=drop it goes on, and counts what it has not kept', async () => {
    const host = new FakeHost();
    host.database = 'down';
    const ledger = host.start('memory', { maxInMemory: 3, whenFull: 'drop' });
    assert.deepEqual(await append(host, ledger, ...range(0, 5)), Array(5).fill('kept'));
    assert.equal(host.totals.dropped, 2);
  });

  test('close does not wait for what a write-ahead log has left', async () => {
    const host = new FakeHost();
    host.database = 'down';
    await append(host, host.start('wal'), ...range(0, 40));
    host.crash();
    const ledger = host.start('memory');
    await host.clock.advance(0);
    const closed = ledger.close();
    host.database = 'up';
    await host.clock.advance(10_000);
    await closed;
    assert.ok(host.rows.size < 40, `${host.rows.size} rows`);
  });

  test('writes batches, and what a write-ahead log has left', async () => {
    const host = new FakeHost();
    host.database = 'down';
    await append(host, host.start('wal'), record(1));
    host.crash();
    host.database = 'up';
    const ledger = host.start('memory');
    await append(host, ledger, record(2));
    await host.clock.advance(3_000);
    assert.deepEqual([...host.rows.keys()].toSorted(), [record(1).id, record(2).id]);
  });
});
