import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatNamed, symbologyNamed } from '../../../src/barcode/names.ts';
import { parseBarcodeRequest } from '../../../src/barcode/request.ts';
import { symbologyNames } from '../../../src/barcode/symbologies.ts';

test('symbologyNamed finds each symbology by its name in any case, with or without separators', () => {
  for (const name of symbologyNames) {
    assert.equal(symbologyNamed(name), name);
    assert.equal(symbologyNamed(name.toUpperCase()), name);
  }
  for (const [given, name] of [
    ['EAN-13', 'ean13'],
    ['ean_8', 'ean8'],
    ['QR', 'qrcode'],
    ['QR Code', 'qrcode'],
    ['Data Matrix', 'datamatrix'],
    ['UPC-A', 'upca'],
    ['UPC', 'upca'],
    ['GS1-128', 'gs1128'],
    ['EAN-128', 'gs1128'],
    ['Interleaved 2 of 5', 'itf'],
    ['GS1 DataBar Expanded', 'databarexpanded'],
  ] as const)
    assert.equal(symbologyNamed(given), name, given);
});

test('symbologyNamed leaves what it does not know as it is', () => {
  for (const given of ['foo', '', 'constructor', '__proto__', 7, null, undefined])
    assert.equal(symbologyNamed(given), given);
});

test('formatNamed takes any case and media types', () => {
  assert.deepEqual(['PNG', 'image/svg+xml', 'application/PDF', 'gif', 3].map(formatNamed), [
    'png',
    'svg',
    'pdf',
    'gif',
    3,
  ]);
});

test('parseBarcodeRequest takes other names, and names a wrong one as it was given', () => {
  const parsed = parseBarcodeRequest({ symbology: 'EAN-13', text: '325856113020', format: 'PNG' });
  assert.ok(parsed.ok);
  assert.deepEqual([parsed.request.symbology, parsed.request.format], ['ean13', 'png']);
  const refused = parseBarcodeRequest({ symbology: 'Foo', text: 'a' });
  assert.ok(!refused.ok);
  assert.deepEqual(
    refused.problems.map(({ field, rule }) => [field, rule]),
    [['symbology', 'one-of']],
  );
});
