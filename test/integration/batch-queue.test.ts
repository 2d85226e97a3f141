import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { canonicalBody, parseBarcodeRequest } from '../../src/barcode/request.ts';
import { systemClock } from '../../src/core/clock.ts';
import { batchItemId, uuidv7 } from '../../src/core/ids.ts';
import type { ClaimedChunk, DeadChunk } from '../../src/store/batches/chunk-queue.ts';
import type { ItemOutcome } from '../../src/store/batches/chunk-store.ts';
import { type BatchWork, openBatchWork } from '../../src/store/batches/open.ts';
import { queryOnce } from '../../src/store/embedded/postmaster.ts';
import { migrate } from '../../src/store/migrations.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { withPostgres } from '../support/postgres.ts';
import { qrcodes } from '../support/batch-client.ts';
import { eventually } from '../support/raw.ts';

const postgres = withPostgres();

/** The canonical requests of so many items. */
const requests = (count: number): string[] =>
  qrcodes(count).map((request) => {
    const parsed = parseBarcodeRequest(request);
    assert.ok(parsed.ok);
    return canonicalBody(parsed.request);
  });

const made = (chunk: ClaimedChunk): ItemOutcome[] =>
  Array.from({ length: chunk.count }, (_, index) => ({
    kind: 'made',
    item: chunk.first + index,
    request: { symbology: 'qrcode', format: 'svg', text: `item ${chunk.first + index}` },
    bytes: Buffer.from('<svg/>'),
  }));

describe('the queue of batches', { timeout: 120_000 }, () => {
  let url: string;
  let store: Store;
  let work: BatchWork;
  before(async () => {
    url = await postgres.database();
    await migrate(url);
    store = openStore({ url, poolMax: 4, poolTimeoutMs: 5000, applicationName: 'test', clock: systemClock });
    work = openBatchWork({
      url,
      directUrl: url,
      poolMax: 4,
      poolTimeoutMs: 5000,
      clock: systemClock,
      onError: () => {},
    });
    await work.queue.start();
  });
  after(async () => {
    await work.close();
    await store.close();
  });

  async function accept(count: number, keyName = 'key'): Promise<{ id: string; keyId: string }> {
    const keyId = (await store.keys.create(keyName)).record.id;
    const id = uuidv7(systemClock.wallNow());
    const items = (async function* () {
      yield requests(count);
    })();
    const accepted = await store.batches.accept({ id, keyId, createdAtMs: systemClock.wallNow() }, items);
    assert.deepEqual(accepted, { kind: 'accepted', total: count });
    return { id, keyId };
  }

  async function claim(): Promise<ClaimedChunk> {
    let chunk: ClaimedChunk | undefined;
    await eventually('there is a chunk', async () => {
      await work.chunks.feed(1);
      chunk = await work.queue.claim();
      return chunk !== undefined;
    });
    return chunk as ClaimedChunk;
  }

  async function claimDead(): Promise<DeadChunk> {
    let chunk: DeadChunk | undefined;
    await eventually('there is a dead chunk', async () => (chunk = await work.queue.claimDead()) !== undefined);
    return chunk as DeadChunk;
  }

  test('those who run the host see the batches of all keys, those that have not ended first, and can cancel one', async () => {
    const first = await accept(3, 'shop');
    const second = await accept(2, 'nightly import');
    const cancelled = await store.batchOverview.stop(second.id);
    assert.deepEqual(
      [cancelled?.isChanged, cancelled?.batch.status, cancelled?.batch.keyName, cancelled?.batch.keyId],
      [true, 'cancelled', 'nightly import', second.keyId],
    );
    const third = await accept(1, 'shop');
    const shown = await store.batchOverview.newest();
    assert.deepEqual(
      shown.map(({ id, keyName, status }) => [id, keyName, status]),
      [
        [third.id, 'shop', 'running'],
        [first.id, 'shop', 'running'],
        [second.id, 'nightly import', 'cancelled'],
      ],
    );
    assert.match(shown[0]?.keyPrefix ?? '', /^rk_/);
    assert.deepEqual(await store.batchOverview.stop(second.id), { ...cancelled, isChanged: false }, 'it has ended');
    for (const id of ['nonsense', uuidv7(systemClock.wallNow())])
      assert.equal(await store.batchOverview.stop(id), undefined);
    for (const { id } of [first, third]) await store.batchOverview.stop(id);
  });

  test('a worker that was taken for dead can neither store results nor end the chunk of its successor', async () => {
    const { id, keyId } = await accept(3);
    const zombie = await claim();
    await work.queue.fail(zombie, 'its worker died');
    const successor = await claim();
    assert.deepEqual([successor.jobId, successor.attempt], [zombie.jobId, zombie.attempt + 1]);

    assert.equal(await work.chunks.store(zombie, made(zombie), 'done'), undefined);
    assert.deepEqual(await work.chunks.items(successor), await work.chunks.items(zombie));
    assert.equal((await work.chunks.items(successor)).length, 3);

    assert.deepEqual(await work.chunks.store(successor, made(successor), 'done'), { made: 3, failed: 0 });
    const batch = await store.batches.get(keyId, id);
    assert.deepEqual([batch?.status, batch?.done, batch?.failed], ['completed', 3, 0]);
    assert.equal((await store.barcodes.get(keyId, batchItemId(id, 2)))?.text, 'item 2');
  });

  test('an outcome that is stored twice counts once', async () => {
    const { id, keyId } = await accept(4);
    const chunk = await claim();
    assert.deepEqual(await work.chunks.store(chunk, made(chunk).slice(0, 3), 'more'), { made: 3, failed: 0 });
    assert.deepEqual(await work.chunks.store(chunk, made(chunk), 'done'), { made: 1, failed: 0 });
    const batch = await store.batches.get(keyId, id);
    assert.deepEqual([batch?.status, batch?.done], ['completed', 4]);
  });

  test('a chunk that ends its workers is halved until the one item stands alone, which becomes a dead letter', async () => {
    const { id, keyId } = await accept(4);
    const poison = 3;
    await eventually(
      'the batch has ended',
      async () => {
        await work.chunks.feed(1);
        const dead = await work.queue.claimDead();
        if (dead !== undefined) await work.chunks.split(dead, dead.why);
        const chunk = await work.queue.claim();
        if (chunk !== undefined) {
          const hasPoison = chunk.first <= poison && poison < chunk.first + chunk.count;
          if (hasPoison) await work.queue.fail(chunk, 'out of memory');
          else await work.chunks.store(chunk, made(chunk), 'done');
        }
        return (await store.batches.get(keyId, id))?.status === 'completed';
      },
      60_000,
    );
    const batch = await store.batches.get(keyId, id);
    assert.deepEqual([batch?.done, batch?.failed], [3, 1]);
    const failed = (await store.batches.results(id, 0, 10)).filter(({ reason }) => reason !== undefined);
    assert.deepEqual(
      failed.map(({ item, reason, detail }) => [item, reason, detail]),
      [[poison, 'dead-letter', 'out of memory']],
    );
  });

  test('a zombie of a dead chunk splits nothing', async () => {
    await accept(2);
    for (let attempt = 0; attempt < 3; attempt++) await work.queue.fail(await claim(), 'died');
    const dead = await claimDead();
    assert.deepEqual(await work.chunks.split(dead, dead.why), { made: 0, failed: 0 });
    assert.equal(await work.chunks.split(dead, dead.why), undefined);
    for (let half = 0; half < 2; half++) {
      const chunk = await claim();
      assert.equal(chunk.count, 1);
      await work.chunks.store(chunk, made(chunk), 'done');
    }
  });

  test('keys take turns, whatever the size and the number of their batches', async () => {
    const first = await accept(1000, 'first');
    await accept(1000, 'first again');
    const second = await accept(500, 'second');
    const order: string[] = [];
    for (let index = 0; index < 6; index++) {
      const chunk = await claim();
      order.push(chunk.keyId);
      await work.chunks.store(chunk, made(chunk), 'done');
    }
    assert.equal(order.filter((keyId) => keyId === first.keyId).length, 2);
    assert.equal(order.filter((keyId) => keyId === second.keyId).length, 2);
    for (let index = 0; index < 4; index++) {
      const chunk = await claim();
      await work.chunks.store(chunk, made(chunk), 'done');
    }
  });

  test('few chunks are in the queue, however large the batches', async () => {
    const { keyId, id } = await accept(5000);
    await work.chunks.feed(2);
    const queued = await queryOnce(
      url,
      `SELECT count(*)::int AS n FROM pgboss.job WHERE name = 'batch-chunk' AND state = 'created'`,
    );
    assert.equal(queued[0]?.['n'], 4);
    assert.equal((await store.batches.cancel(keyId, id))?.status, 'cancelled');
    for (let index = 0; index < 4; index++) {
      const chunk = await claim();
      assert.deepEqual(await work.chunks.items(chunk), [], 'nothing of a cancelled batch is begun');
      await work.chunks.store(chunk, [], 'done');
    }
    await work.chunks.feed(2);
    assert.equal(await work.queue.claim(), undefined);
  });

  test('the batches of a revoked key stand still', async () => {
    const { keyId } = await accept(10);
    await store.keys.revoke(keyId);
    await work.chunks.feed(2);
    assert.equal(await work.queue.claim(), undefined);
  });

  test('a batch that ended long ago is removed with its results, and its barcodes stay', async () => {
    const { id, keyId } = await accept(3, 'old');
    const chunk = await claim();
    await work.chunks.store(chunk, made(chunk), 'done');
    while (await work.chunks.removeOld(30));
    assert.equal((await store.batches.results(id, 0, 10)).length, 3);
    await queryOnce(url, `UPDATE batches SET finished_at = now() - interval '31 days' WHERE id = '${id}' RETURNING 1`);
    assert.equal(await work.chunks.removeOld(30), true);
    assert.equal(await work.chunks.removeOld(30), false);
    assert.equal(await store.batches.get(keyId, id), undefined);
    const left = await queryOnce(url, `SELECT count(*)::int AS n FROM batch_items WHERE batch_id = '${id}'`);
    assert.equal(left[0]?.['n'], 0);
    assert.equal((await store.barcodes.get(keyId, batchItemId(id, 2)))?.text, 'item 2');
  });

  test('a batch whose items cannot all be read leaves nothing', async () => {
    const keyId = (await store.keys.create('broken')).record.id;
    const id = uuidv7(systemClock.wallNow());
    const items = (async function* () {
      yield requests(10);
      throw new Error('item 11 is bad');
    })();
    await assert.rejects(
      store.batches.accept({ id, keyId, createdAtMs: systemClock.wallNow() }, items),
      /item 11 is bad/,
    );
    assert.equal(await store.batches.get(keyId, id), undefined);
    const rows = await queryOnce(url, `SELECT count(*)::int AS n FROM batch_items WHERE batch_id = '${id}'`);
    assert.equal(rows[0]?.['n'], 0);
  });
});
