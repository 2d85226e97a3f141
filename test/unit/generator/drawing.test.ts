import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseBarcodeRequest } from '../../../src/barcode/request.ts';
import { type Drawing, layOut } from '../../../src/generator/drawing.ts';
import type { Modules } from '../../../src/generator/encode.ts';

const ean13: Modules = { data: new Uint8Array(95 * 55).fill(1), width: 95, height: 55, dark: 1 };

test('layOut keeps the margin of EAN-13 and puts each digit below its bars', () => {
  const { width, height, labels, bands } = drawingOf({ symbology: 'ean13', text: '3258561130200' }, ean13);
  assert.deepEqual([width, height], [11 + 95 + 11, 2 + 50 + 1 + 7 + 2]);
  assert.deepEqual(bands, [{ y: 2, height: 55, runs: [11, 95] }]);
  assert.deepEqual(labels, [
    { text: '3', x: 3, y: 53, advance: 7 },
    { text: '258561', x: 15, y: 53, advance: 7 },
    { text: '130200', x: 62, y: 53, advance: 7 },
  ]);
});

test('layOut widens a margin that is too small for the digit beside the bars', () => {
  const { width, labels } = drawingOf({ symbology: 'ean13', text: '3258561130200', quietZone: 0 }, ean13);
  assert.equal(width, 9 + 95);
  assert.equal(labels[0]?.x, 1);
});

test('layOut leaves out the text where it is not wanted', () => {
  const request = { symbology: 'ean13', text: '3258561130200', humanReadable: false, quietZone: 1 };
  const { width, height, labels } = drawingOf(request, ean13);
  assert.deepEqual([width, height, labels], [97, 57, []]);
});

test('layOut widens the image where the text is longer than the bars', () => {
  const bars: Modules = { data: Uint8Array.of(0, 1, 0), width: 3, height: 1, dark: 0 };
  const { width, labels, bands } = drawingOf({ symbology: 'code128', text: 'ABCD', quietZone: 0 }, bars);
  assert.deepEqual(bands, [{ y: 0, height: 1, runs: [11, 1, 13, 1] }]);
  assert.deepEqual(labels, [{ text: 'ABCD', x: 1, y: 2, advance: 6 }]);
  assert.equal(width, 25);
});

test('layOut merges equal rows, and puts the margin around all sides of a matrix', () => {
  const modules: Modules = { data: Uint8Array.of(1, 0, 1, 0, 0, 1, 0, 0), width: 2, height: 4, dark: 1 };
  const { bands, width, height } = drawingOf({ symbology: 'datamatrix', text: 'a', quietZone: 3 }, modules);
  assert.deepEqual([width, height], [8, 10]);
  assert.deepEqual(bands, [
    { y: 3, height: 2, runs: [3, 1] },
    { y: 5, height: 1, runs: [4, 1] },
  ]);
});

function drawingOf(input: object, modules: Modules): Drawing {
  const parsed = parseBarcodeRequest(input);
  assert.ok(parsed.ok);
  return layOut(parsed.request, modules);
}
