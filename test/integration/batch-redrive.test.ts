import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { canonicalBody, parseBarcodeRequest } from '../../src/barcode/request.ts';
import { batches } from '../../src/cli/batches.ts';
import { systemClock } from '../../src/core/clock.ts';
import { uuidv7 } from '../../src/core/ids.ts';
import type { ClaimedChunk } from '../../src/store/batches/chunk-queue.ts';
import type { ItemOutcome } from '../../src/store/batches/chunk-store.ts';
import { type BatchWork, openBatchWork } from '../../src/store/batches/open.ts';
import { queryOnce } from '../../src/store/embedded/postmaster.ts';
import { migrate } from '../../src/store/migrations.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { qrcodes } from '../support/batch-client.ts';
import { withPostgres } from '../support/postgres.ts';
import { eventually } from '../support/raw.ts';

const postgres = withPostgres();

const requests = (count: number): string[] =>
  qrcodes(count).map((request) => {
    const parsed = parseBarcodeRequest(request);
    assert.ok(parsed.ok);
    return canonicalBody(parsed.request);
  });

describe('items that were given up', { timeout: 120_000 }, () => {
  let url: string;
  let store: Store;
  let work: BatchWork;
  before(async () => {
    url = await postgres.database();
    await migrate(url);
    const shared = { url, poolMax: 4, poolTimeoutMs: 5000, clock: systemClock };
    store = openStore({ ...shared, applicationName: 'test' });
    work = openBatchWork({ ...shared, onError: () => {} });
    await work.queue.start();
    await work.webhooks.start();
  });
  after(async () => {
    await work.close();
    await store.close();
  });

  const run = async (...args: string[]) => {
    const written = { out: '', err: '' };
    const stdout = { write: (text: string) => (written.out += text) };
    const stderr = { write: (text: string) => (written.err += text) };
    const code = await batches(args, { stdout, stderr, env: { DATABASE_URL: url }, folder: '/' });
    return { ...written, code };
  };

  async function accept(count: number, webhook?: string): Promise<{ id: string; keyId: string }> {
    const keyId = (await store.keys.create('shop')).record.id;
    if (webhook !== undefined) await store.keys.setWebhookSecret(keyId, { overlapMs: 0 });
    const id = uuidv7(systemClock.wallNow());
    const items = (async function* () {
      yield requests(count);
    })();
    const accepted = await store.batches.accept({ id, keyId, createdAtMs: systemClock.wallNow(), webhook }, items);
    assert.equal(accepted.kind, 'accepted');
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

  /** Ends a chunk: items with a reason here fail. */
  async function end(chunk: ClaimedChunk, reasons: Readonly<Record<number, string>> = {}): Promise<number[]> {
    const pending = await work.chunks.items(chunk);
    const outcomes = pending.map(({ item }): ItemOutcome => {
      const reason = reasons[item];
      if (reason !== undefined) return { kind: 'failed', item, reason, detail: `why of ${item}` };
      const request = { symbology: 'qrcode', format: 'svg', text: `item ${item}` };
      return { kind: 'made', item, request, bytes: Buffer.from('<svg/>') };
    });
    await work.chunks.store(chunk, outcomes, 'done');
    return pending.map(({ item }) => item);
  }

  test('they are listed by batch and reason; those that cannot be encoded are not', async () => {
    const { id } = await accept(6);
    await end(await claim(), { 2: 'dead-letter', 3: 'upstream-failed', 4: 'upstream-failed', 5: 'unencodable' });
    const { out, code } = await run('dead-letters', '--json');
    assert.equal(code, 0);
    const found = (
      JSON.parse(out) as { batch: string; reason: string; items: number; first_item: number; detail: string }[]
    )
      .filter(({ batch }) => batch === id)
      .map(({ reason, items, first_item, detail }) => [reason, items, first_item, detail]);
    assert.deepEqual(found, [
      ['dead-letter', 1, 2, 'why of 2'],
      ['upstream-failed', 2, 3, 'why of 3'],
    ]);
    assert.match(
      (await run('dead-letters')).out,
      new RegExp(`^${id}  shop  dead-letter  1 item, the first is 2: why of 2$`, 'm'),
    );
    await work.redrive.redrive(id);
    await end(await claim());
    await end(await claim());
  });

  test('redrive works on them again, and on nothing else; each gets one result', async () => {
    const { id, keyId } = await accept(5);
    await end(await claim(), { 2: 'dead-letter', 4: 'internal-error', 5: 'invalid-request' });
    const before = await store.batches.get(keyId, id);
    assert.deepEqual([before?.status, before?.done, before?.failed], ['completed', 2, 3]);

    const { out, code } = await run('redrive', id);
    assert.deepEqual([out, code], [`${id}: 2 items are in the queue again.\n`, 0]);
    const open = await store.batches.get(keyId, id);
    assert.deepEqual([open?.status, open?.done, open?.failed, open?.finishedAtMs], ['running', 2, 1, undefined]);

    const worked = [await end(await claim()), await end(await claim())].flat();
    assert.deepEqual(worked.sort(), [2, 4]);
    const after = await store.batches.get(keyId, id);
    assert.deepEqual([after?.status, after?.done, after?.failed], ['completed', 4, 1]);
    assert.equal((await store.batches.results(id, 0, 10)).length, 5);
    assert.equal(
      (await run('redrive', id)).out,
      `${id} stays as it is, as no item of it was given up that may be taken up again.\n`,
    );
  });

  test('two operators at once take up each item once', async () => {
    const { id } = await accept(3);
    await end(await claim(), { 1: 'dead-letter', 3: 'dead-letter' });
    const results = await Promise.all([work.redrive.redrive(id), work.redrive.redrive(id)]);
    assert.deepEqual(results.map(({ kind }) => kind).sort(), ['nothing', 'redriven']);
    const jobs = await queryOnce(
      url,
      `SELECT count(*)::int AS n FROM pgboss.job WHERE data->>'batchId' = '${id}' AND state = 'created'`,
    );
    assert.equal(jobs[0]?.['n'], 2);
    await end(await claim());
    await end(await claim());
  });

  test('batches that were cancelled, of revoked keys, or that are not there stay as they are', async () => {
    const cancelled = await accept(400);
    const [first, second] = [await claim(), await claim()];
    await end(first, { 1: 'dead-letter' });
    await store.batches.cancel(cancelled.keyId, cancelled.id);
    await end(second);
    const revoked = await accept(1);
    await end(await claim(), { 1: 'dead-letter' });
    await store.keys.revoke(revoked.keyId);
    const missing = uuidv7(systemClock.wallNow());
    for (const [id, why] of [
      [cancelled.id, 'it was cancelled'],
      [revoked.id, 'its key is revoked'],
      [missing, 'there is no such batch'],
    ] as const) {
      const { out, code } = await run('redrive', id);
      assert.deepEqual([out, code], [`${id} stays as it is, as ${why}.\n`, 1]);
    }
    const { code } = await run('redrive', '--all');
    assert.equal(code, 0);
  });

  test('a batch that ends once more is announced once more, with another id', async () => {
    const { id, keyId } = await accept(2, 'https://example.com/');
    await end(await claim(), { 1: 'dead-letter' });
    await work.webhooks.feed();
    const first = await work.webhooks.claim();
    assert.equal(first?.batchId, id);
    await work.webhooks.end(first, { kind: 'delivered' });
    assert.equal((await store.batches.get(keyId, id))?.webhook?.state, 'delivered');
    await work.webhooks.feed();
    assert.equal(await work.webhooks.claim(), undefined);

    await work.redrive.redrive(id);
    assert.deepEqual((await store.batches.get(keyId, id))?.webhook, {
      state: 'waiting',
      attempts: 0,
      lastError: undefined,
    });
    await work.webhooks.feed();
    assert.equal(await work.webhooks.claim(), undefined, 'not before it has ended');
    await end(await claim());
    await work.webhooks.feed();
    const second = await work.webhooks.claim();
    assert.equal(second?.batchId, id);
    assert.notEqual(second.finishedAtMs, first.finishedAtMs);
    assert.equal(second.batch.failed, 0);
    await work.webhooks.end(second, { kind: 'given-up', why: 'gone' });
    assert.deepEqual((await store.batches.get(keyId, id))?.webhook, {
      state: 'failed',
      attempts: 1,
      lastError: 'gone',
    });
  });

  test('the last attempt is known to be the last, also if the process that makes it dies', async () => {
    const { id, keyId } = await accept(1, 'https://example.com/');
    await end(await claim());
    await work.webhooks.feed();
    const job = `name = 'batch-webhook' AND data->>'batchId' = '${id}'`;
    await queryOnce(url, `UPDATE pgboss.job SET retry_count = retry_limit WHERE ${job} RETURNING 1`);
    const last = await work.webhooks.claim();
    assert.equal(last?.retries, 20);
    const died = { state: 'failed', attempts: 1, lastError: 'its sender died' };
    assert.deepEqual((await store.batches.get(keyId, id))?.webhook, died);
    await work.webhooks.end(last, { kind: 'delivered' });
    const delivered = { state: 'delivered', attempts: 1, lastError: undefined };
    assert.deepEqual((await store.batches.get(keyId, id))?.webhook, delivered);
  });

  test('each key has one webhook under way at a time, so that a receiver that hangs holds up no other key', async () => {
    const ids = new Map<string, string>();
    const keyId = (await store.keys.create('many')).record.id;
    await store.keys.setWebhookSecret(keyId, { overlapMs: 0 });
    for (let count = 0; count < 3; count++) {
      const id = uuidv7(systemClock.wallNow());
      const items = (async function* () {
        yield requests(1);
      })();
      await store.batches.accept(
        { id, keyId, createdAtMs: systemClock.wallNow(), webhook: 'https://example.com/' },
        items,
      );
      await end(await claim());
    }
    const other = await accept(1, 'https://example.com/');
    await end(await claim());
    await work.webhooks.feed();
    const [one, two] = [await work.webhooks.claim(), await work.webhooks.claim()];
    assert.ok(one && two);
    assert.equal([one, two].filter(({ batchId }) => batchId === other.id).length, 1);
    assert.equal(await work.webhooks.claim(), undefined);
    for (let left: typeof one | undefined = one; left !== undefined; left = await work.webhooks.claim()) {
      ids.set(left.batchId, left.url);
      await work.webhooks.end(left, { kind: 'delivered' });
    }
    await work.webhooks.end(two, { kind: 'delivered' });
    assert.equal(ids.size, 3);
  });

  test('wrong usage is told', async () => {
    for (const args of [['redriv', 'x'], ['redrive'], ['redrive', 'x', '--all'], ['dead-letters', 'x']])
      await assert.rejects(run(...args), /rampart batches/);
  });

  test('the batches of a revoked key count as pending no more', async () => {
    const { keyId } = await accept(10);
    const before = await work.chunks.pending();
    assert.ok(before >= 10);
    await store.keys.revoke(keyId);
    assert.equal(await work.chunks.pending(), before - 10);
  });
});
