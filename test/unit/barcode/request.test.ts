import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { z } from 'zod';
import { barcodeRequestSchema } from '../../../src/barcode/request-schema.ts';
import { canonicalBody, fromQuery, parseBarcodeRequest } from '../../../src/barcode/request.ts';
import { symbologyNames } from '../../../src/barcode/symbologies.ts';

test('parseBarcodeRequest fills in what the symbology asks for', () => {
  assert.deepEqual(parseBarcodeRequest({ symbology: 'qrcode', text: 'a' }), {
    ok: true,
    request: {
      symbology: 'qrcode',
      text: 'a',
      format: 'svg',
      scale: 4,
      quietZone: 4,
      humanReadable: false,
      ecLevel: 'M',
    },
  });
  assert.deepEqual(parseBarcodeRequest({ symbology: 'ean13', text: '325856113020', format: 'png' }), {
    ok: true,
    request: {
      symbology: 'ean13',
      text: '3258561130200',
      format: 'png',
      scale: 2,
      quietZone: 11,
      humanReadable: true,
    },
  });
});

const refused: readonly (readonly [input: unknown, problems: readonly (readonly [field: string, rule: string])[]])[] = [
  [null, [['', 'type']]],
  [[], [['', 'type']]],
  ['qrcode', [['', 'type']]],
  [
    {},
    [
      ['symbology', 'required'],
      ['text', 'required'],
    ],
  ],
  [{ symbology: 'foo', text: 'a' }, [['symbology', 'one-of']]],
  [{ symbology: 'qrcode', text: 7 }, [['text', 'type']]],
  [{ symbology: 'qrcode', text: '' }, [['text', 'length']]],
  [{ symbology: 'qrcode', text: 'a', size: 7 }, [['size', 'unknown-field']]],
  [{ symbology: 'qrcode', text: 'a', scale: 0 }, [['scale', 'range']]],
  [{ symbology: 'qrcode', text: 'a', scale: 33 }, [['scale', 'range']]],
  [{ symbology: 'qrcode', text: 'a', scale: 1.5 }, [['scale', 'type']]],
  [{ symbology: 'qrcode', text: 'a', quietZone: 41 }, [['quietZone', 'range']]],
  [{ symbology: 'qrcode', text: 'a', format: 'gif' }, [['format', 'one-of']]],
  [{ symbology: 'qrcode', text: 'a', humanReadable: true }, [['humanReadable', 'unsupported']]],
  [{ symbology: 'microqrcode', text: 'a', ecLevel: 'H' }, [['ecLevel', 'unsupported']]],
  [{ symbology: 'aztec', text: 'a', ecLevel: 'L' }, [['ecLevel', 'unsupported']]],
  [
    { symbology: 'ean13', text: '3258561130201', ecLevel: 'L' },
    [
      ['text', 'check-digit'],
      ['ecLevel', 'unsupported'],
    ],
  ],
];

for (const [input, problems] of refused) {
  test(`parseBarcodeRequest refuses ${JSON.stringify(input)}`, () => {
    const parsed = parseBarcodeRequest(input);
    assert.ok(!parsed.ok);
    assert.deepEqual(
      parsed.problems.map(({ field, rule }) => [field, rule]),
      problems,
    );
    assert.ok(parsed.problems.every(({ detail }) => detail.length > 0));
  });
}

test('canonicalBody is the same for equal requests, however they were written', () => {
  const short = parseBarcodeRequest({ text: 'a', symbology: 'qrcode' });
  const long = parseBarcodeRequest({
    ecLevel: 'M',
    scale: 4,
    quietZone: 4,
    format: 'svg',
    symbology: 'qrcode',
    text: 'a',
  });
  assert.ok(short.ok && long.ok);
  const body =
    '{"symbology":"qrcode","text":"a","format":"svg","scale":4,"quietZone":4,"humanReadable":false,"ecLevel":"M"}';
  assert.equal(canonicalBody(short.request), body);
  assert.equal(canonicalBody(long.request), body);
  const { symbology, ...rest } = long.request;
  assert.equal(canonicalBody({ ...rest, symbology }), body);
});

test('canonicalBody of any accepted request is accepted, and is its own canonical body', () => {
  fc.assert(
    fc.property(anyRequest(), (input) => {
      const parsed = parseBarcodeRequest(input);
      if (!parsed.ok) return;
      const body = canonicalBody(parsed.request);
      const again = parseBarcodeRequest(JSON.parse(body));
      assert.ok(again.ok);
      assert.equal(canonicalBody(again.request), body);
    }),
  );
});

test('parseBarcodeRequest never throws, and names field and rule of what it refuses', () => {
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), anyRequest(), fc.anything()), (input) => {
      const parsed = parseBarcodeRequest(input);
      if (parsed.ok) assert.ok(barcodeRequestSchema.safeParse(input).success);
      else assert.ok(parsed.problems.length > 0 && parsed.problems.every(({ rule }) => rule !== ''));
    }),
  );
});

test('fromQuery reads numbers and booleans', () => {
  const parsed = fromQuery(
    'code128',
    new URLSearchParams('text=a%26b&format=png&scale=3&quietZone=0&humanReadable=false'),
  );
  assert.deepEqual(parsed, {
    ok: true,
    request: { symbology: 'code128', text: 'a&b', format: 'png', scale: 3, quietZone: 0, humanReadable: false },
  });
});

const queries = [
  ['text=a&text=b', 'text', 'repeated'],
  ['text=a&symbology=ean13', 'symbology', 'repeated'],
  ['text=a&scale=4x', 'scale', 'type'],
  ['text=a&scale=', 'scale', 'type'],
  ['text=a&humanReadable=yes', 'humanReadable', 'type'],
  ['text=a&__proto__=1', '__proto__', 'unknown-field'],
  ['format=png', 'text', 'required'],
] as const;

for (const [query, field, rule] of queries) {
  test(`fromQuery refuses ${query}`, () => {
    const parsed = fromQuery('qrcode', new URLSearchParams(query));
    assert.ok(!parsed.ok);
    assert.deepEqual([parsed.problems[0]?.field, parsed.problems[0]?.rule], [field, rule]);
  });
}

test('the schema can be put into an OpenAPI document', () => {
  const { properties, required, additionalProperties } = z.toJSONSchema(barcodeRequestSchema);
  assert.deepEqual(Object.keys(properties ?? {}), Object.keys(barcodeRequestSchema.shape));
  assert.deepEqual(required, ['symbology']);
  assert.equal(additionalProperties, false);
});

function anyRequest(): fc.Arbitrary<object> {
  return fc.record(
    {
      symbology: fc.constantFrom(...symbologyNames),
      text: fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'0123456789') })),
      format: fc.constantFrom('svg', 'png', 'gif'),
      scale: fc.integer({ min: -1, max: 40 }),
      quietZone: fc.integer({ min: -1, max: 50 }),
      humanReadable: fc.boolean(),
      ecLevel: fc.constantFrom('L', 'M', 'Q', 'H'),
    },
    { requiredKeys: ['symbology', 'text'] },
  );
}
