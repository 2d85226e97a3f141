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
const token = fc.string({ unit: fc.constantFrom(...'abz09-_!'), minLength: 1, maxLength: 20 });
const line = fc.string({
  unit: fc
    .oneof(fc.constant(9), fc.integer({ min: 0x20, max: 0x7e }), fc.integer({ min: 0x80, max: 0xff }))
    .map((code) => String.fromCharCode(code)),
});
const common = {
  key: text,
  fetchedAt: record({ stream: text, number: amount }),
  vary: fc.uniqueArray(token, { maxLength: 3 }).map((names) => names.toSorted()),
};
const reply: fc.Arbitrary<SharedReply> = record({
  ...common,
  kind: fc.constant('reply' as const),
  writtenAt: amount,
  lifeMs: amount,
  status: fc.constantFrom(200, 203, 301, 302, 404),
  headers: fc.array(fc.tuple(token, line), { maxLength: 5 }).map((pairs) => pairs.flat()),
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

  test('with lists that no host writes count as nothing', () => {
    const most = Array.from({ length: 32 }, (_, index) => `a${10 + index}`);
    const unusual = [[['a']], 'a', { length: 2, 0: 'a', 1: 'b' }, [1, 2], [null, null]];
    const lists = [[...most, 'b'], Array.from({ length: 20_000 }, () => 'a'), ['a'.repeat(2049)], ...unusual];
    const decoded = (field: object): boolean =>
      decodeShared(sealed(JSON.stringify({ key: 'k', stream: 's', number: 1, ...field }))) !== undefined;
    const [sound] = fc.sample(reply, 1) as [SharedReply];
    const isReply = (change: object): boolean => decodeShared(encodeShared({ ...sound, ...change })) !== undefined;
    for (const list of lists) {
      assert.equal(decoded({ variants: list }), false, JSON.stringify(list).slice(0, 80));
      if (Array.isArray(list)) assert.equal(isReply({ vary: list }), false);
    }
    for (const headers of unusual) if (Array.isArray(headers)) assert.equal(isReply({ headers }), false);
    assert.equal(decoded({ variants: most }), true);
    const nested = `${'['.repeat(50_000)}${']'.repeat(50_000)}`;
    assert.equal(decodeShared(sealed(`{"key":"k","stream":"s","number":1,"variants":${nested}}`)), undefined);
  });

  test('count as nothing where no client could get them', () => {
    const [sound] = fc.sample(reply, 1) as [SharedReply];
    const changes: Partial<SharedReply>[] = [
      { headers: ['a', 'b\r\nc: d'] },
      { headers: ['a', '\0'] },
      { headers: ['a', '\u0100'] },
      { headers: ['', 'b'] },
      { headers: ['a b', 'c'] },
      { headers: ['A', 'b'] },
      { headers: [':a', 'b'] },
      { headers: ['a'] },
      { headers: ['a', 'b'.repeat(128 * 1024)] },
      { vary: ['cookie'] },
      { vary: ['b', 'a'] },
      { status: 204, body: 'x' },
      ...[100, 206, 304, 500, 999].map((status) => ({ status })),
      { writtenAt: 1e300 },
      { lifeMs: -1 },
      { lifetime: { ...sound.lifetime, freshMs: 1e300 } },
    ];
    for (const change of changes)
      assert.equal(decodeShared(encodeShared({ ...sound, ...change })), undefined, JSON.stringify(change).slice(0, 80));
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
