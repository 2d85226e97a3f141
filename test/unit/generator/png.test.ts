import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32, inflateSync } from 'node:zlib';
import { chunk, toPng } from '../../../src/generator/png.ts';
import { rasterOfPng } from '../../support/raster.ts';

// Two rows: X.X and .X. in the middle of a blank margin of one.
const drawing = {
  width: 5,
  height: 4,
  bands: [
    { y: 1, height: 1, runs: [1, 1, 3, 1] },
    { y: 2, height: 1, runs: [2, 1] },
  ],
  labels: [],
};

test('chunk writes length, type, data and the CRC of type and data', () => {
  assert.equal(chunk('IEND', Buffer.alloc(0)).toString('hex'), '0000000049454e44ae426082');
  const made = chunk('tEXt', Buffer.from('ab'));
  assert.equal(made.readUInt32BE(10), crc32('tEXtab'));
});

test('toPng writes one-bit grey, light as ones, a repeated row as zeros under the filter Up', () => {
  const png = toPng(drawing, 2);
  assert.equal(png.subarray(0, 8).toString('hex'), '89504e470d0a1a0a');
  assert.equal(png.subarray(12, 29).toString('hex'), '494844520000000a000000080100000000');
  const lines = inflateSync(png.subarray(41, 41 + png.readUInt32BE(33)));
  const rows = lines.toString('hex').match(/.{6}/g);
  assert.deepEqual(rows, ['00ffff', '020000', '00ccff', '020000', '00f3ff', '020000', '00ffff', '020000']);
});

test('toPng draws the same picture at every scale', () => {
  for (const scale of [1, 3, 7, 8, 13]) {
    const { width, height, grey } = rasterOfPng(toPng(drawing, scale));
    assert.deepEqual([width, height], [5 * scale, 4 * scale]);
    const middles = Array.from({ length: 4 }, (_, y) =>
      Array.from({ length: 5 }, (__, x) =>
        grey[(y * scale + (scale >> 1)) * width + x * scale + (scale >> 1)] === 0 ? 'X' : '.',
      ).join(''),
    );
    assert.deepEqual(middles, ['.....', '.X.X.', '..X..', '.....']);
    assert.equal(grey.filter((value) => value === 0).length, 3 * scale * scale);
  }
});

test('toPng draws letters as dots, beside the bars that reach down to them', () => {
  const labels = [{ text: '1', x: 2, y: 1, advance: 6 }];
  const bands = [{ y: 0, height: 3, runs: [0, 1] }];
  const { grey, width } = rasterOfPng(toPng({ width: 7, height: 8, bands, labels }, 1));
  const rows = Array.from({ length: 8 }, (_, y) =>
    Array.from(grey.subarray(y * width, (y + 1) * width), (value) => (value === 0 ? 'X' : '.')).join(''),
  );
  assert.deepEqual(rows, ['X......', 'X...X..', 'X..XX..', '....X..', '....X..', '....X..', '....X..', '...XXX.']);
});
