import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import {
  type BatchBody,
  batchItems,
  InvalidItems,
  MOST_ITEMS,
  UnreadableBatch,
} from '../../../../src/gateway/batches/batch-items.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const good = '{"symbology":"ean13","text":"4006381333931"}';
const bad = '{"symbology":"ean13","text":"4006381333932"}';

async function read(content: Buffer | string, more: Partial<BatchBody> = {}): Promise<string[]> {
  const body = { form: 'lines', isPacked: false, content: Buffer.from(content), ...more } as const;
  const requests: string[] = [];
  for await (const part of batchItems(body, new ManualClock())) requests.push(...part);
  return requests;
}

/** The problems of a batch, as item and rule. */
async function problems(content: string, more: Partial<BatchBody> = {}): Promise<[number, string][]> {
  const error: unknown = await read(content, more).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof InvalidItems, String(error));
  return error.problems.map(({ item, rule }) => [item, rule]);
}

describe('batchItems', () => {
  test('an item becomes its canonical request, whether the body is lines or an array', async () => {
    const canonical =
      '{"symbology":"ean13","text":"4006381333931","format":"svg","scale":2,"quietZone":11,"humanReadable":true}';
    assert.deepEqual(await read(`${good}\r\n${good}\n`), [canonical, canonical]);
    assert.deepEqual(await read(`[${good}, ${good}]`, { form: 'array' }), [canonical, canonical]);
    assert.deepEqual(await read(`\ufeff${good}`), [canonical]);
  });

  test('gzip is unpacked, also as a stream that comes in small parts', async () => {
    const packed = gzipSync(`${good}\n`.repeat(500));
    assert.equal((await read(packed, { isPacked: true })).length, 500);
    const content = Readable.from(Array.from(packed, (byte) => Buffer.from([byte])));
    assert.equal((await read('', { isPacked: true, content })).length, 500);
  });

  test('bad items are reported by number, and nothing is yielded after the first one', async () => {
    const text = [good, bad, '', 'x', '7', `{"symbology":"ean13"}`, good].join('\n');
    assert.deepEqual(await problems(text), [
      [2, 'check-digit'],
      [3, 'json'],
      [4, 'json'],
      [5, 'type'],
      [6, 'required'],
    ]);
    assert.deepEqual(await problems(`[${good},${bad},]`, { form: 'array' }), [
      [2, 'check-digit'],
      [3, 'json'],
    ]);
  });

  test('an item that is too long or no UTF-8 is reported, and those after it are read', async () => {
    const long = `{"symbology":"qrcode","text":"${'x'.repeat(70_000)}"}`;
    assert.deepEqual(await problems(`${long}\n${bad}`), [
      [1, 'length'],
      [2, 'check-digit'],
    ]);
    const content = Buffer.concat([Buffer.from([0x22, 0xff, 0x22, 0x0a]), Buffer.from(bad)]);
    assert.deepEqual(await problems('', { content }), [
      [1, 'encoding'],
      [2, 'check-digit'],
    ]);
  });

  test('a hundred problems are enough', async () => {
    assert.equal((await problems(`${bad}\n`.repeat(5000))).length, 100);
  });

  for (const [name, content, more] of [
    ['no items', '', {}],
    ['an empty array', '[]', { form: 'array' }],
    ['an object in place of the array', good, { form: 'array' }],
    ['an array without its end', `[${good}`, { form: 'array' }],
    ['no gzip', good, { isPacked: true }],
    ['more than a hundred thousand', `${good}\n`.repeat(MOST_ITEMS + 1), {}],
  ] as const)
    test(`refused: ${name}`, async () => {
      await assert.rejects(read(content, more), UnreadableBatch);
    });

  test('refused: gzip that ends too soon, and gzip that unpacks to more than the limit', async () => {
    const packed = gzipSync(good);
    await assert.rejects(read(packed.subarray(0, packed.length - 4), { isPacked: true }), UnreadableBatch);
    const bomb = gzipSync(Buffer.alloc(300 * 1024 * 1024, ' '));
    await assert.rejects(read(bomb, { isPacked: true }), /unpacked body has more/);
  });
});
