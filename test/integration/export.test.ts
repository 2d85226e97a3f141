import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { describe, test } from 'node:test';
import type { ExportPage, ExportRequest } from '../../src/store/record-reads.ts';
import { StoreError } from '../../src/store/errors.ts';
import { otherTestKey, startTestGateway, testDependencies, testKey, type TestGateway } from '../support/gateway.ts';
import { closers } from '../support/proxying.ts';
import { eventually } from '../support/raw.ts';

type ReadPage = (request: ExportRequest, signal: AbortSignal) => Promise<ExportPage>;

/** A gateway whose store has the pages that a test makes. */
async function start(exportPage: ReadPage): Promise<TestGateway> {
  const { store } = await testDependencies();
  const rampart = await startTestGateway({ store: { ...store, barcodes: { ...store.barcodes, exportPage } } });
  closers.push(() => rampart.close());
  return rampart;
}

const path = '/v1/barcodes/export';
const exportOf = ({ url }: TestGateway, query = '', key = testKey): Promise<Response> =>
  fetch(`${url}${path}${query}`, { headers: { 'x-api-key': key } });
const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
const page = (number: number, bytes = 10): ExportPage => ({
  lines: `${JSON.stringify({ id: number, fill: 'x'.repeat(bytes) })}\n`,
  count: 1,
  last: String(number),
});
const noMore: ExportPage = { lines: '', count: 0, last: undefined };

/** A client that reads only when it is told to. */
async function slowReader({ port }: TestGateway): Promise<IncomingMessage> {
  const request = get({ port, path, headers: { 'x-api-key': testKey }, agent: false });
  const [reply] = (await once(request, 'response')) as [IncomingMessage];
  reply.on('error', () => {});
  reply.pause();
  return reply;
}

describe('export', () => {
  test('the pages follow each other until one is empty', async () => {
    const asked: ExportRequest[] = [];
    const rampart = await start(async (request) => {
      asked.push(request);
      return asked.length > 3 ? noMore : page(asked.length);
    });
    const reply = await exportOf(rampart, '?from=2026-11-27&symbology=ean13&images=true');
    assert.deepEqual([reply.status, reply.headers.get('content-type')], [200, 'application/x-ndjson']);
    const lines = (await reply.text()).trimEnd().split('\n');
    assert.deepEqual(
      lines.map((line) => (JSON.parse(line) as { id: number }).id),
      [1, 2, 3],
    );
    assert.deepEqual(
      asked.map(({ after }) => after),
      [undefined, '1', '2', '3'],
    );
    const { keyId, fromMs, toMs, symbology, withImages } = asked[0] as ExportRequest;
    assert.deepEqual(
      [keyId, fromMs, toMs, symbology, withImages],
      ['key-1', Date.UTC(2026, 10, 27), undefined, 'ean13', true],
    );
  });

  test('an export without records is empty, and a wrong query is refused', async () => {
    const rampart = await start(async () => noMore);
    const reply = await exportOf(rampart);
    assert.deepEqual([reply.status, await reply.text()], [200, '']);
    assert.equal((await exportOf(rampart, '?page_size=3')).status, 422);
    const head = await fetch(`${rampart.url}${path}`, { method: 'HEAD', headers: { 'x-api-key': testKey } });
    assert.deepEqual([head.status, await head.text()], [200, '']);
    assert.equal((await fetch(`${rampart.url}${path}`)).status, 401);
  });

  test('a client that does not read stops the reading of pages, and goes on when it reads', async () => {
    let reads = 0;
    const rampart = await start(async () => (++reads > 200 ? noMore : page(reads, 1024 * 1024)));
    const reply = await slowReader(rampart);
    await eventually('some pages are read', () => reads > 1);
    let before = 0;
    // The buffers of the system fill, and then no more is read.
    await eventually('reading stops', async () => {
      before = reads;
      await new Promise((resolve) => setTimeout(resolve, 200));
      return reads === before;
    });
    assert.ok(reads < 100, `${reads} pages read ahead of a client that reads nothing`);
    let bytes = 0;
    reply.on('data', (chunk: Buffer) => (bytes += chunk.length));
    reply.resume();
    await once(reply, 'end');
    assert.equal(reads, 201);
    assert.ok(bytes > 200 * 1024 * 1024);
  });

  test('a client that leaves aborts the page that is read, and gives its place back', async () => {
    const signals: AbortSignal[] = [];
    const rampart = await start(async ({ after }, signal) => {
      signals.push(signal);
      return after === undefined ? page(1, 100_000) : untilAborted(signal);
    });
    for (let round = 1; round <= 4; round++) {
      const reply = await slowReader(rampart);
      await eventually('the second page is read', () => signals.length === 2 * round);
      reply.destroy();
      await eventually('the page is aborted', () => signals.at(-1)?.aborted === true);
    }
  });

  test('a database that fails within an export cuts the reply, and before it is a 503', async () => {
    const down = new StoreError('unavailable', 'down', undefined, undefined);
    let reads = 0;
    const rampart = await start(async () => {
      if (++reads !== 1) throw down;
      return page(1);
    });
    await assert.rejects(
      exportOf(rampart).then((cut) => cut.text()),
      'the client sees that this is not all',
    );
    const reply = await exportOf(rampart);
    assert.deepEqual([reply.status, ((await reply.json()) as { reason: string }).reason], [503, 'store-unavailable']);
  });

  test('exports are bounded by key and by worker, and end', async () => {
    const ends: (() => void)[] = [];
    const rampart = await start(() => new Promise((resolve) => ends.push(() => resolve(noMore))));
    const open = [exportOf(rampart), exportOf(rampart)];
    const busy = async (): Promise<number> => {
      const text = /rampart_exports (\d)/.exec(rampart.metrics())?.[1];
      return Number(text);
    };
    await eventually('two are under way', async () => (await busy()) === 2);
    const refused = await exportOf(rampart);
    assert.deepEqual([refused.status, refused.headers.get('retry-after')], [503, '5']);
    const other = exportOf(rampart, '', otherTestKey);
    await eventually('another key has places', async () => (await busy()) === 3);
    const ending = setInterval(() => ends.splice(0).forEach((end) => end()), 5);
    assert.deepEqual(
      (await Promise.all([...open, other])).map(({ status }) => status),
      [200, 200, 200],
    );
    clearInterval(ending);
    await eventually('all places are free', async () => (await busy()) === 0);
  });
});
