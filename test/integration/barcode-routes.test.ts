import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { LedgerRefusal } from '../../src/store/ledger.ts';
import { startTestGateway, testKey, type TestGateway, type TestGatewayOptions } from '../support/gateway.ts';
import { closers, startBackend } from '../support/proxying.ts';
import { eventually } from '../support/raw.ts';

/** A gateway before a generator that answers as it is told. */
async function start(
  answer: () => [status: number, type: string, body: string],
  more: TestGatewayOptions = {},
): Promise<TestGateway> {
  const { origin } = await startBackend((req, res) => {
    req.resume();
    const [status, type, body] = answer();
    res.writeHead(status, { 'content-type': type }).end(body);
  });
  const rampart = await startTestGateway({
    generators: [origin],
    env: { GENERATOR_INSTANCES: '1', ...more.env },
    ...more,
  });
  closers.push(() => rampart.close());
  return rampart;
}

const image = (): [number, string, string] => [200, 'image/svg+xml', '<svg/>'];
const create = (
  rampart: TestGateway,
  body: string | Uint8Array<ArrayBuffer> = '{"symbology":"qrcode","text":"x"}',
): Promise<Response> =>
  fetch(`${rampart.url}/v1/barcodes`, {
    method: 'POST',
    body,
    headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' },
  });
const reasonOf = async (reply: Response): Promise<string> => ((await reply.json()) as { reason: string }).reason;

describe('barcode routes', () => {
  test('a key beyond its rate gets 429 with when to come back', async () => {
    const rampart = await start(image, { keyLimit: { requestsPerSecond: 0.1, burst: 2 } });
    assert.deepEqual([(await create(rampart)).status, (await create(rampart)).status], [201, 201]);
    const refused = await create(rampart);
    assert.equal(refused.status, 429);
    assert.equal(refused.headers.get('ratelimit-policy'), '"key";q=2;w=20');
    assert.match(refused.headers.get('ratelimit') ?? '', /^"key";r=0;t=(9|10)$/);
    assert.match(refused.headers.get('retry-after') ?? '', /^(9|10)$/);
    assert.equal(await reasonOf(refused), 'rate-limited');
    assert.match(rampart.metrics(), /rampart_rejections_total\{endpoint="createBarcode",reason="rate-limited"\} 1\n/);
  });

  test('answers of the generator become replies of the contract', async () => {
    let answer = image();
    // Off: an image that is in the cache would be the answer, whatever becomes of the generator.
    const rampart = await start(() => answer, { env: { CACHE_TTL_SECONDS: '0' } });
    const created = await create(rampart);
    assert.deepEqual([created.status, created.headers.get('cache-status')], [201, 'Rampart; fwd=bypass']);
    answer = [422, 'application/problem+json', '{"detail":"no","errors":[{"field":"text","rule":"charset"}]}'];
    const unencodable = await create(rampart);
    assert.deepEqual([unencodable.status, await reasonOf(unencodable)], [422, 'unencodable']);
    answer = [503, 'application/problem+json', '{}'];
    const full = await create(rampart);
    assert.deepEqual([full.status, await reasonOf(full), full.headers.get('retry-after')], [503, 'overloaded', '1']);
    answer = [500, 'text/plain', 'at secret.js:1'];
    const failed = await create(rampart);
    const text = await failed.text();
    assert.equal(failed.status, 502);
    assert.ok(!text.includes('secret'), text);
  });

  test('a record is kept for what was delivered, and for nothing that was refused', async () => {
    const rampart = await start(image);
    const reply = await create(rampart);
    await reply.text();
    await eventually('it is recorded', () => rampart.recorded.length === 1);
    const [record] = rampart.recorded;
    assert.deepEqual(
      [`/v1/barcodes/${record?.id}`, record?.keyId, record?.text, record?.status, record?.requestId],
      [reply.headers.get('location'), 'key-1', 'x', 'delivered', reply.headers.get('x-request-id')],
    );
    assert.equal((await create(rampart, '{"symbology":"ean13","text":"1"}')).status, 422);
    assert.equal(rampart.recorded.length, 1);
  });

  for (const reason of ['store-unavailable', 'ledger-full'] as const) {
    test(`a record that is not kept is a 503 with its reason, never a 201: ${reason}`, async () => {
      const refusals: LedgerRefusal[] = [];
      const rampart = await start(image, { notKept: () => refusals[0] });
      assert.equal((await create(rampart)).status, 201);
      refusals.push({ reason, detail: 'there is no room' });
      const refused = await create(rampart);
      assert.deepEqual(
        [refused.status, await reasonOf(refused), refused.headers.get('retry-after')],
        [503, reason, '1'],
      );
      assert.equal(rampart.recorded.length, 1);
    });
  }

  test('bytes that are no UTF-8 are refused, in the body and in the query', async () => {
    const rampart = await start(image);
    const body = Buffer.concat([
      Buffer.from('{"symbology":"qrcode","text":"'),
      Buffer.from([0xff, 0xfe]),
      Buffer.from('"}'),
    ]);
    assert.equal((await create(rampart, body)).status, 400);
    const headers = { authorization: `Bearer ${testKey}` };
    assert.equal((await fetch(`${rampart.url}/v1/render/qrcode?text=%ff`, { headers })).status, 400);
    assert.equal((await fetch(`${rampart.url}/v1/render/qrcode?text=%C3%A9`, { headers })).status, 200);
  });
});
