import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import {
  decodeShared,
  encodeShared,
  type SharedReply,
  type SharedVariants,
} from '../../../../src/gateway/cache/shared-value.ts';

/** As JSON makes them. */
const record = <Model>(model: { [Name in keyof Model]: fc.Arbitrary<Model[Name]> }): fc.Arbitrary<Model> =>
  fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<Model>;
const text = fc.string({ unit: 'binary', maxLength: 40 });
const amount = fc.nat(1_000_000);
const common = {
  key: text,
  fetchedAt: record({ stream: text, number: amount }),
  vary: fc.array(text, { maxLength: 3 }),
};
const reply: fc.Arbitrary<SharedReply> = record({
  ...common,
  kind: fc.constant('reply' as const),
  writtenAt: amount,
  lifeMs: amount,
  status: fc.integer({ min: 200, max: 599 }),
  headers: fc.array(fc.tuple(text, text), { maxLength: 5 }).map((pairs) => pairs.flat()),
  lifetime: record({
    ageMs: amount,
    freshMs: amount,
    staleWhileRevalidateMs: amount,
    staleIfErrorMs: amount,
    mustRevalidate: fc.boolean(),
  }),
  body: fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
});
const variants: fc.Arbitrary<SharedVariants> = record({ ...common, kind: fc.constant('variants' as const) });

describe('values of the shared cache', () => {
  test('are read as they were written', () => {
    fc.assert(
      fc.property(fc.oneof(reply, variants), (value) => {
        assert.deepEqual(decodeShared(encodeShared(value)), value);
      }),
    );
    const [sample] = fc.sample(reply, 1) as [SharedReply];
    const body = Buffer.alloc(20_000, 7);
    assert.deepEqual(decodeShared(encodeShared({ ...sample, body })), { ...sample, body }, 'a large body is bytes');
  });

  test('count as nothing when one byte differs, some are missing, or more follow', () => {
    fc.assert(
      fc.property(fc.oneof(reply, variants), fc.nat(), fc.integer({ min: 1, max: 255 }), (value, at, change) => {
        const bytes = encodeShared(value);
        const place = at % bytes.length;
        const damaged = Buffer.from(bytes);
        damaged[place] = (damaged[place] as number) ^ change;
        assert.equal(decodeShared(damaged), undefined);
        assert.equal(decodeShared(bytes.subarray(0, place)), undefined);
        assert.equal(decodeShared(Buffer.concat([bytes, Buffer.of(change)])), undefined);
      }),
    );
  });

  test('of others count as nothing, whatever they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) =>
        assert.equal(decodeShared(Buffer.from(bytes)), undefined),
      ),
    );
    const heads = [
      '',
      'null',
      '{}',
      '{"key":1}',
      '{"key":"k","stream":"s","number":1}',
      '{"key":"k","stream":"s","number":1,"variants":{}}',
    ];
    for (const head of heads) assert.equal(decodeShared(sealed(head)), undefined, head);
    assert.ok(decodeShared(sealed('{"key":"k","stream":"s","number":1,"variants":["a"]}')));
  });
});

/** A value whose lengths and checksum are right. */
function sealed(head: string): Buffer {
  const bytes = Buffer.alloc(16 + head.length);
  encodeShared({ kind: 'variants', key: '', fetchedAt: { stream: '', number: 0 }, vary: [] }).copy(bytes, 0, 0, 4);
  bytes.writeUInt32BE(head.length, 4);
  bytes.write(head, 16);
  bytes.writeUInt32BE(crc32(bytes.subarray(16)), 12);
  return bytes;
}
