import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseBarcodeRequest } from '../../../src/barcode/request.ts';
import { type Drawing, drawingOf, layOut, stretched } from '../../../src/generator/drawing.ts';
import type { Modules } from '../../../src/generator/encode.ts';
import { paintedBands } from '../../../src/generator/letters.ts';
import { scaleOf, turnMatrix } from '../../../src/generator/appearance.ts';
import { toEps } from '../../../src/generator/eps.ts';
import { toPng } from '../../../src/generator/png.ts';
import { toSvg } from '../../../src/generator/svg.ts';
import { turnedDrawing } from '../../../src/generator/turn.ts';

function drawn(input: object, modules: Modules): Drawing {
  const parsed = parseBarcodeRequest(input);
  assert.ok(parsed.ok, JSON.stringify(parsed));
  return layOut(parsed.request, modules);
}

const appearance = { color: '#000000', background: '#ffffff', rotate: 0, dpi: undefined } as const;

test('layOut frames an ITF-14, quiet zone and all, and leaves the frame out if it is not wanted', () => {
  const bars: Modules = { data: Uint8Array.of(1, 0, 1), width: 3, height: 1, dark: 1 };
  const input = { symbology: 'itf14', text: '09501101530003', humanReadable: false, quietZone: 2 };
  assert.deepEqual(drawn(input, bars), {
    width: 4 + 2 + 3 + 2 + 4,
    height: 2 + 4 + 1 + 4 + 2,
    bands: [
      { y: 2, height: 4, runs: [0, 15] },
      { y: 6, height: 1, runs: [0, 4, 6, 1, 8, 1, 11, 4] },
      { y: 7, height: 4, runs: [0, 15] },
    ],
    labels: [],
  });
  assert.deepEqual(drawn({ ...input, bearerBars: false }, bars).bands, [{ y: 2, height: 1, runs: [2, 1, 4, 1] }]);
});

test('layOut puts the digits of an add-on above its bars, and the title of an ISBN above all', () => {
  const modules: Modules = { data: new Uint8Array(122 * 55).fill(1), width: 122, height: 55, dark: 1 };
  const { labels, height } = drawn({ symbology: 'isbn', text: '9781565812314', addOn: '12' }, modules);
  assert.deepEqual(
    labels.map(({ text, y }) => [text, y]),
    [
      ['9', 61],
      ['781565', 61],
      ['812314', 61],
      ['12', 10],
      ['ISBN 9781565812314', 2],
    ],
  );
  assert.equal(height, 2 + 8 + 55 - 5 + 1 + 7 + 2);
});

test('stretched makes the longest stretch of rows longer or shorter, and keeps the others', () => {
  const modules: Modules = { data: Uint8Array.of(0, 1, 1, 1), width: 1, height: 4, dark: 1 };
  const taller = stretched(modules, 6);
  assert.ok('data' in taller);
  assert.deepEqual([...taller.data], [0, 1, 1, 1, 1, 1]);
  const lower = stretched(modules, 2);
  assert.ok('data' in lower);
  assert.deepEqual([...lower.data], [0, 1]);
  const refused = stretched(modules, 1);
  assert.ok('field' in refused);
  assert.equal(refused.detail, 'The bars are at least 2 modules high: got 1');
});

test('turnedDrawing turns clockwise, and four turns by 90 degrees are none', () => {
  const drawing = drawingOf({ data: Uint8Array.of(1, 1, 0, 0, 0, 0), width: 3, height: 2, dark: 1 });
  assert.deepEqual(turnedDrawing(drawing, 90), {
    width: 2,
    height: 3,
    bands: [{ y: 0, height: 2, runs: [1, 1] }],
    labels: [],
  });
  assert.deepEqual(turnedDrawing(drawing, 180).bands, [{ y: 1, height: 1, runs: [1, 2] }]);
  assert.deepEqual(turnedDrawing(drawing, 270).bands, [{ y: 1, height: 2, runs: [0, 1] }]);
  let turned = drawing;
  for (let turn = 0; turn < 4; turn++) turned = turnedDrawing(turned, 90);
  assert.deepEqual(turned, drawing);
});

test('turnMatrix moves the corners of a figure as turnedDrawing moves its modules', () => {
  const at = ([a = 0, b = 0, c = 0, d = 0, e = 0, f = 0]: readonly number[], x: number, y: number): number[] => [
    a * x + c * y + e,
    b * x + d * y + f,
  ];
  // The middle of the top left module of a figure of 3 by 2.
  assert.deepEqual(at(turnMatrix(3, 2, 0), 0.5, 0.5), [0.5, 0.5]);
  assert.deepEqual(at(turnMatrix(3, 2, 90), 0.5, 0.5), [1.5, 0.5]);
  assert.deepEqual(at(turnMatrix(3, 2, 180), 0.5, 0.5), [2.5, 1.5]);
  assert.deepEqual(at(turnMatrix(3, 2, 270), 0.5, 0.5), [0.5, 2.5]);
});

test('paintedBands puts letters into the rows of bars, below them, and in their size', () => {
  const bands = [{ y: 0, height: 3, runs: [0, 1] }];
  const letter = { text: '-', x: 2, y: 0, advance: 6 };
  // A hyphen is the fourth row of its glyph.
  assert.deepEqual(
    paintedBands({ width: 10, height: 10, bands, labels: [letter] }).filter(({ runs }) => runs.length > 0),
    [
      { y: 0, height: 1, runs: [0, 1] },
      { y: 1, height: 1, runs: [0, 1] },
      { y: 2, height: 1, runs: [0, 1] },
      { y: 3, height: 1, runs: [2, 1, 3, 1, 4, 1, 5, 1, 6, 1] },
    ],
  );
  const large = paintedBands({ width: 20, height: 20, bands: [], labels: [{ ...letter, size: 2 }] });
  assert.deepEqual(
    large.filter(({ runs }) => runs.length > 0).map(({ y, runs }) => [y, runs.slice(0, 4)]),
    [
      [6, [2, 2, 4, 2]],
      [7, [2, 2, 4, 2]],
    ],
  );
});

test('scaleOf takes the largest whole number of dots, and refuses less than one', () => {
  const parsed = parseBarcodeRequest({ symbology: 'qrcode', text: 'a', widthMm: 25.4, dpi: 300 });
  assert.ok(parsed.ok);
  assert.equal(scaleOf(parsed.request, 100), 3);
  assert.equal(scaleOf(parsed.request, 101), 2);
  assert.equal(scaleOf(parsed.request, 300), 1);
  const refused = scaleOf(parsed.request, 301);
  assert.ok(typeof refused !== 'number');
  assert.equal(refused.detail, 'A symbol of 301 modules is at least 25.49 mm wide at 300 dots an inch: got 25.4');
});

test('a plain image has no palette, a coloured one two colours, a transparent one a light colour that is not painted', () => {
  const drawing = drawingOf({ data: Uint8Array.of(1), width: 1, height: 1, dark: 1 });
  assert.equal(toPng(drawing, 1)[25], 0);
  const coloured = toPng(drawing, 1, { ...appearance, color: '#010203', background: '#fefdfc' });
  assert.equal(coloured[25], 3);
  assert.equal(
    coloured.subarray(coloured.indexOf('PLTE') + 4, coloured.indexOf('PLTE') + 10).toString('hex'),
    '010203fefdfc',
  );
  const clear = { ...appearance, background: undefined };
  assert.ok(toPng(drawing, 1, clear).includes('tRNS'));
  assert.doesNotMatch(toSvg(drawing, 1, clear), /#fff/);
  assert.match(toSvg(drawing, 1), /fill="#fff"/);
});

test('toEps escapes what ends a string', () => {
  const labels = [{ text: 'a)(\\b', x: 0, y: 0, advance: 6 }];
  const eps = toEps({ width: 9, height: 9, bands: [], labels }, 1, appearance).toString();
  assert.ok(eps.includes('(a\\)\\(\\\\b) ashow'), eps);
});

test('the text of an SVG lies within the image, whatever its size and the symbol', () => {
  for (const [symbology, text, width] of [
    ['ean13', '4006381333931', 95],
    ['ean8', '76139321', 67],
    ['upca', '012345678905', 95],
    ['upce', '01234565', 51],
    ['isbn', '978-1-56581-231-4', 95],
    ['code128', 'A text that is longer than its bars', 60],
    ['code128', 'x', 40],
    ['itf14', '09501101530003', 135],
  ] as const)
    for (const textSize of symbology === 'code128' || symbology === 'itf14' ? [1, 2, 3, 4] : [undefined]) {
      const modules: Modules = { data: new Uint8Array(width * 3).fill(1), width, height: 3, dark: 1 };
      const drawing = drawn({ symbology, text, quietZone: 0, ...(textSize !== undefined && { textSize }) }, modules);
      const svg = toSvg(drawing, 1);
      const texts = [...svg.matchAll(/<text x="(\d+)"[^>]*textLength="(\d+)"/g)];
      assert.ok(texts.length > 0, symbology);
      for (const [, x, length] of texts)
        assert.ok(
          Number(x) + Number(length) <= drawing.width,
          `${symbology} ${textSize}: ${x} + ${length} > ${drawing.width}`,
        );
    }
});
