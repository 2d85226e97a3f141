import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { ZipReader } from '../../src/core/zip-reader.ts';
import { batchItemId } from '../../src/core/ids.ts';
import { findEmbeddedPostgres } from '../../src/store/embedded/embedded-postgres.ts';
import { queryOnce } from '../../src/store/embedded/postmaster.ts';
import { BatchClient, type BatchState, qrcodes } from '../support/batch-client.ts';
import { decodeAll } from '../support/decode.ts';
import { eventually } from '../support/raw.ts';
import { type Stack, startStack } from '../support/stack.ts';

interface Problem {
  readonly reason: string;
  readonly detail: string;
  readonly errors?: readonly { readonly item: number; readonly rule: string }[];
}

describe('batches', () => {
  let stack: Stack;
  let client: BatchClient;
  before(async () => {
    stack = await startStack();
    client = new BatchClient(stack);
  });
  after(async () => assert.equal(await stack.stop(), 0));

  const sql = async (text: string) =>
    queryOnce((await findEmbeddedPostgres(stack.dataDir))?.url ?? '', text) as Promise<Record<string, unknown>[]>;

  async function refused(reply: Response, status: number): Promise<Problem> {
    const text = await reply.text();
    assert.equal(reply.status, status, text);
    return JSON.parse(text) as Problem;
  }

  test('a list is accepted with 202, made in the background, and each item is a record of its own', async () => {
    const reply = await client.post(
      qrcodes(600)
        .map((request) => JSON.stringify(request))
        .join('\n'),
    );
    assert.equal(reply.status, 202);
    const accepted = (await reply.json()) as BatchState;
    assert.equal(reply.headers.get('location'), `/v1/batches/${accepted.id}`);
    assert.deepEqual([accepted.status, accepted.total, accepted.pending], ['queued', 600, 600]);

    const ended = await client.whenEnded(accepted.id);
    assert.deepEqual([ended.status, ended.done, ended.failed, ended.pending], ['completed', 600, 0, 0]);

    const results = await client.results(accepted.id);
    assert.deepEqual(
      results.map(({ item, text }) => [item, text]),
      qrcodes(600).map(({ text }, index) => [index + 1, text]),
    );
    const tenth = results[9];
    assert.equal(tenth?.id, batchItemId(accepted.id, 10));
    const record = await client.fetch(`/v1/barcodes/${tenth?.id}`);
    assert.equal(((await record.json()) as { text: string }).text, 'item 10');
    const image = await client.fetch(tenth?.image ?? '');
    assert.equal(image.headers.get('content-type'), 'image/svg+xml');
    assert.match(await image.text(), /^<svg/);
  });

  test('a JSON array, and gzip, are taken as well; PNG images decode', async () => {
    // zxing-wasm reads Data Matrix, so that nothing needs to be installed.
    const requests = qrcodes(3).map(({ text }) => ({ symbology: 'datamatrix', text, format: 'png' }));
    const packed = new Uint8Array(gzipSync(JSON.stringify(requests)));
    const reply = await client.post(packed, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
    assert.equal(reply.status, 202);
    const { id } = (await reply.json()) as BatchState;
    assert.equal((await client.whenEnded(id)).done, 3);
    const texts = [];
    const images = [];
    for (const { image, text } of await client.results(id)) {
      texts.push(text);
      const bytes = Buffer.from(await (await client.fetch(image ?? '')).arrayBuffer());
      images.push({ symbology: 'datamatrix', image: bytes } as const);
    }
    assert.deepEqual(await decodeAll(images), texts);
  });

  test('the images come as an archive, too, in the order of the items and without those that failed', async () => {
    const items = [...qrcodes(120, 'zip'), { symbology: 'microqrcode', text: 'x'.repeat(35) }];
    const id = await client.create(items);
    await client.whenEnded(id);
    const reply = await client.fetch(`/v1/batches/${id}/results`, { headers: { accept: 'application/zip' } });
    assert.equal(reply.headers.get('content-type'), 'application/zip');
    const zip = new ZipReader(Buffer.from(await reply.arrayBuffer()));
    assert.deepEqual(
      zip.names,
      qrcodes(120).map((_, index) => `${String(index + 1).padStart(3, '0')}.svg`),
    );
    const image = await client.fetch(`/v1/barcodes/${batchItemId(id, 77)}/image`);
    assert.equal(zip.read('077.svg', 1_000_000)?.toString(), await image.text());
    const other = await client.fetch(`/v1/batches/${id}/results`, { headers: { accept: 'text/html' } });
    assert.equal(other.status, 406);
  });

  test('bad items are reported by number, and nothing is accepted', async () => {
    const count = async () => (await sql('SELECT count(*)::int AS n FROM batch_items'))[0]?.['n'];
    const before = await count();
    const lines = [...qrcodes(500), { symbology: 'ean13', text: '1' }, 7].map((item) => JSON.stringify(item));
    const problem = await refused(await client.post([...lines, 'x'].join('\n')), 422);
    assert.equal(problem.reason, 'invalid-request');
    assert.match(problem.detail, /nothing was accepted.*item 501/);
    assert.deepEqual(
      problem.errors?.map(({ item }) => item),
      [501, 502, 503],
    );
    assert.equal(await count(), before);
  });

  for (const [name, body, headers, status] of [
    ['no items', '', {}, 422],
    ['an object', '{}', { 'content-type': 'application/json' }, 400],
    ['no list', 'a,b', { 'content-type': 'text/csv' }, 415],
    ['another coding', 'x', { 'content-encoding': 'br' }, 415],
    ['no gzip', 'x', { 'content-encoding': 'gzip' }, 400],
  ] as const)
    test(`refused: ${name}`, async () => {
      assert.equal((await client.post(body, headers)).status, status);
    });

  test('an item that cannot be encoded fails alone, with its reason', async () => {
    const id = await client.create([
      { symbology: 'qrcode', text: 'good' },
      // Short enough in characters, and too long in the bits that they need.
      { symbology: 'microqrcode', text: 'x'.repeat(35) },
      { symbology: 'qrcode', text: 'good, too' },
    ]);
    const ended = await client.whenEnded(id);
    assert.deepEqual([ended.status, ended.done, ended.failed], ['completed', 2, 1]);
    const results = await client.results(id);
    assert.deepEqual(
      results.map(({ status, reason }) => [status, reason]),
      [
        ['done', undefined],
        ['failed', 'unencodable'],
        ['done', undefined],
      ],
    );
  });

  test('the same Idempotency-Key and items make one batch, at the same time and later; other items are refused', async () => {
    const items = qrcodes(40, 'idempotent');
    const text = items.map((item) => JSON.stringify(item)).join('\n');
    const headers = { 'idempotency-key': 'batch-1' };
    const replies = await Promise.all(Array.from({ length: 20 }, () => client.post(text, headers)));
    const made = replies.filter(({ status }) => status === 202);
    const bodies = new Set(await Promise.all(made.map((reply) => reply.text())));
    assert.equal(bodies.size, 1, 'one reply, word for word');
    for (const reply of replies.filter(({ status }) => status !== 202))
      assert.ok(['in-progress', 'overloaded'].includes(((await reply.json()) as Problem).reason));
    const [body = ''] = bodies;
    const { id } = JSON.parse(body) as BatchState;
    await client.whenEnded(id);

    const array = JSON.stringify(items.map(({ symbology, text }) => ({ text, symbology })));
    const later = await client.post(array, { ...headers, 'content-type': 'application/json' });
    assert.deepEqual([later.status, await later.text()], [202, body]);
    assert.equal(later.headers.get('location'), `/v1/batches/${id}`);
    assert.equal((await refused(await client.post(`${text}\n${text}`, headers), 422)).reason, 'idempotency-key-reused');
    assert.equal((await client.post(text, { 'idempotency-key': '' })).status, 400);
    assert.equal(
      (await sql(`SELECT count(*)::int AS n FROM batch_items WHERE request LIKE '%"idempotent 7"%'`))[0]?.['n'],
      1,
    );
  });

  test('another key sees nothing of it', async () => {
    const id = await client.create(qrcodes(1));
    const { stdout } = await stack.run('keys', 'create', '--name', 'another', '--json');
    const other = new BatchClient({ url: stack.url, key: (JSON.parse(stdout) as { key: string }).key });
    for (const path of [`/v1/batches/${id}`, `/v1/batches/${id}/results`])
      assert.equal((await other.fetch(path)).status, 404);
    assert.equal((await other.fetch(`/v1/batches/${id}/cancel`, { method: 'POST' })).status, 404);
    const list = (await (await other.fetch('/v1/batches')).json()) as { batches: unknown[] };
    assert.deepEqual(list.batches, []);
  });

  test('the list shows the newest first, page by page', async () => {
    const ids = [await client.create(qrcodes(1)), await client.create(qrcodes(1)), await client.create(qrcodes(1))];
    const found: string[] = [];
    let cursor = '';
    while (found.length < 3) {
      const reply = await client.fetch(`/v1/batches?page_size=2${cursor}`);
      const page = (await reply.json()) as { batches: BatchState[]; next_cursor: string };
      found.push(...page.batches.map(({ id }) => id));
      cursor = `&cursor=${page.next_cursor}`;
    }
    assert.deepEqual(found.slice(0, 3), ids.toReversed());
    assert.equal((await client.fetch('/v1/batches?cursor=nonsense')).status, 400);
    assert.equal((await client.fetch('/v1/batches?page_size=0')).status, 422);
  });

  test('a cancelled batch begins no further item, and keeps what it has', async () => {
    const id = await client.create(qrcodes(20_000));
    await eventually('some are done', async () => (await client.state(id)).done > 0);
    const reply = await client.fetch(`/v1/batches/${id}/cancel`, { method: 'POST' });
    assert.equal(reply.status, 202);
    assert.equal(((await reply.json()) as BatchState).status, 'cancelled');
    // What was under way when it was cancelled still counts.
    let last = -1;
    await eventually('nothing is added', async () => {
      const isIdle = (await sql(`SELECT count(*)::int AS n FROM pgboss.job WHERE state = 'active'`))[0]?.['n'] === 0;
      const { done } = await client.state(id);
      const isStill = done === last;
      last = done;
      return isIdle && isStill;
    });
    assert.ok(last < 20_000);
    assert.equal((await client.results(id)).length, last);
    const again = await client.fetch(`/v1/batches/${id}/cancel`, { method: 'POST' });
    assert.equal(((await again.json()) as BatchState).status, 'cancelled');
  });

  test('its metrics are in those of the host', async () => {
    await eventually('they are there', async () => {
      const metrics = await stack.metrics();
      const done = Number(/rampart_batch_items_total\{result="done"\} (\d+)/.exec(metrics)?.[1]);
      return done > 600 && /rampart_batch_pending \d+/.test(metrics) && metrics.includes('rampart_batch_chunk_seconds');
    });
  });
});
