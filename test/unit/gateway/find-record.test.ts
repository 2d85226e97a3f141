import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { uuidv7 } from '../../../src/core/ids.ts';
import { fromWireRecord, RecordPeers } from '../../../src/gateway/record-peers.ts';
import { findRecord } from '../../../src/gateway/routes/find-record.ts';
import { Refusal } from '../../../src/gateway/refusal.ts';
import type { RecordAnswer, RecordAsk } from '../../../src/protocol/record-ask.ts';
import { StoreError } from '../../../src/store/errors.ts';
import type { BarcodeRecord } from '../../../src/store/records.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { openMemoryGateway, replyOf } from '../../support/memory-gateway.ts';
import { testDependencies } from '../../support/gateway.ts';

const clock = new ManualClock();
const MINE = 7;
const idBy = (maker: number, ms = clock.wallNow()): string => uuidv7(ms, maker);
const recordOf = (id: string): BarcodeRecord => ({
  id,
  keyId: 'key-1',
  symbology: 'qrcode',
  format: 'png',
  text: 'lone \ud800 half',
  bytes: Buffer.from([0, 255]),
  status: 'delivered',
  requestId: 'r',
  createdAtMs: 1,
});
const down = new StoreError('unavailable', 'down', undefined, undefined);

describe('RecordPeers', () => {
  test('answers with the record of the right key, and says when it may be on the disk', () => {
    const record = recordOf(idBy(MINE));
    const ledger = { find: (id: string) => (id === record.id ? record : undefined), isBehind: false };
    const peers = new RecordPeers({ clock, ledger });
    const ask: RecordAsk = { number: 1, id: record.id, keyId: 'key-1', withImage: true };
    const answer = peers.answerTo(ask);
    assert.ok(answer.kind === 'found');
    const wire = JSON.parse(JSON.stringify(answer.record)) as typeof answer.record;
    assert.deepEqual(fromWireRecord(wire), record);
    const bare = peers.answerTo({ ...ask, withImage: false });
    assert.ok(bare.kind === 'found' && bare.record.image === undefined);
    assert.deepEqual(peers.answerTo({ ...ask, keyId: 'key-2' }), { kind: 'absent' });
    ledger.isBehind = true;
    assert.deepEqual(peers.answerTo({ ...ask, id: idBy(MINE) }), { kind: 'behind' });
    assert.deepEqual(peers.answerTo({ ...ask, keyId: 'key-2' }), { kind: 'absent' });
  });

  test('waits for an answer, but not for long, and not without control', async () => {
    const sent: RecordAsk[] = [];
    const ledger = { find: () => undefined, isBehind: false };
    const peers = new RecordPeers({ clock, ledger, send: (ask) => sent.push(ask) > 0 });
    const search = { id: idBy(1), keyId: 'k', withImage: false };
    const answered = peers.ask(search);
    peers.answered(sent[0]?.number ?? 0, { kind: 'absent' });
    assert.deepEqual(await answered, { kind: 'absent' });
    const late = peers.ask(search);
    clock.advance(250);
    assert.deepEqual(await late, { kind: 'unknown' });
    const lost = peers.ask(search);
    peers.lost();
    assert.deepEqual(await lost, { kind: 'unknown' });
    assert.deepEqual(await new RecordPeers({ clock, ledger }).ask(search), { kind: 'unknown' });
    assert.deepEqual(await new RecordPeers({ clock, ledger, send: () => false }).ask(search), { kind: 'unknown' });
  });
});

/** A worker whose peer answers so. */
async function worker(answer: RecordAnswer, own: { record?: BarcodeRecord; isBehind?: boolean } = {}) {
  const asks: string[] = [];
  const { ledger: base } = await testDependencies();
  const ledger = { ...base, find: () => own.record, isBehind: own.isBehind === true, pending: 0 };
  const gateway = await openMemoryGateway(async () => replyOf(200, {}));
  const peers = new RecordPeers({
    clock: gateway.clock,
    ledger,
    maker: MINE,
    send: ({ number, id }) => {
      asks.push(id);
      queueMicrotask(() => peers.answered(number, answer));
      return true;
    },
  });
  const context = { ...gateway.context, ledger, recordPeers: peers };
  const looks: string[] = [];
  const find = (id: string, ...results: (BarcodeRecord | Error | undefined)[]) =>
    findRecord(context, {
      id,
      keyId: 'key-1',
      withImage: true,
      look: async () => {
        looks.push(id);
        const result = results.shift();
        if (result instanceof Error) throw result;
        return result;
      },
    });
  return { find, asks, looks, clock: gateway.clock };
}

const reasonOf = (found: unknown): string => (found instanceof Refusal ? found.reason : 'found');

describe('findRecord', () => {
  test('asks the maker once after a miss, and PostgreSQL once more if the maker lacks it', async () => {
    const { find, asks, looks, clock: now } = await worker({ kind: 'absent' });
    const id = idBy(1, now.wallNow());
    assert.equal(reasonOf(await find(id, undefined, recordOf(id))), 'found');
    assert.deepEqual([asks.length, looks.length], [1, 2]);
    assert.equal(reasonOf(await find(id)), 'not-found');
    assert.deepEqual([asks.length, looks.length], [2, 4]);
  });

  test('takes the record of the maker, even while PostgreSQL is away', async () => {
    const id = idBy(1);
    const { find } = await worker({ kind: 'found', record: { ...recordOf(id), image: 'AP8=' } });
    assert.deepEqual(await find(id), recordOf(id));
    assert.deepEqual(await find(id, down), recordOf(id));
  });

  test('is a 503, not a 404, while the record may be on its way or PostgreSQL is away', async () => {
    const { find, clock: now } = await worker({ kind: 'behind' });
    assert.equal(reasonOf(await find(idBy(1, now.wallNow()))), 'store-unavailable');
    const mine = await worker({ kind: 'unknown' }, { isBehind: true });
    assert.equal(reasonOf(await mine.find(idBy(MINE, now.wallNow()))), 'store-unavailable');
    const away = await worker({ kind: 'absent' });
    await assert.rejects(away.find(idBy(1, now.wallNow()), down), down);
  });

  test('asks nobody about its own ids, about ids from the future and about what is no id of ours', async () => {
    const { find, asks, looks, clock: now } = await worker({ kind: 'absent' });
    assert.equal(reasonOf(await find(idBy(MINE, now.wallNow()))), 'not-found');
    assert.deepEqual([asks.length, looks.length], [0, 1]);
    for (const id of [idBy(1, now.wallNow() + 60_001), 'x', '00000000-0000-4000-8000-000000000000'])
      assert.equal(reasonOf(await find(id)), 'not-found');
    assert.deepEqual([asks.length, looks.length], [0, 1]);
    assert.equal(reasonOf(await find(idBy(1, now.wallNow() + 59_000))), 'not-found');
    assert.equal(looks.length, 3);
  });

  test("finds its own record in memory, for the record's key only", async () => {
    const record = recordOf(idBy(MINE));
    const { find, looks } = await worker({ kind: 'absent' }, { record });
    assert.equal(await find(record.id), record);
    const { find: ofOther } = await worker({ kind: 'absent' }, { record: { ...record, keyId: 'key-2' } });
    assert.equal(reasonOf(await ofOther(record.id)), 'not-found');
    assert.equal(looks.length, 0);
  });

  test('looks again for a young record whose maker is not here, and not for an old one', async () => {
    const { find, looks, clock: now } = await worker({ kind: 'unknown' });
    const id = idBy(1, now.wallNow());
    const found = find(id, undefined, undefined, recordOf(id));
    for (let wait = 0; wait < 10; wait++) {
      await new Promise(setImmediate);
      now.advance(100);
    }
    assert.equal(reasonOf(await found), 'found');
    assert.equal(looks.length, 3);
    assert.equal(reasonOf(await find(idBy(1, now.wallNow() - 60_000))), 'not-found');
    assert.equal(looks.length, 4);
  });
});
