import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { imageFormats } from '../../src/barcode/formats.ts';
import { parseBarcodeRequest } from '../../src/barcode/request.ts';
import { type Symbology, specOf, symbologyNames } from '../../src/barcode/symbologies.ts';
import { type Renderer, createRenderer } from '../../src/generator/render.ts';
import { exampleTexts, readersMissing, readingOf } from '../support/decode.ts';
import { wholeOr } from '../support/long-run.ts';
import { rasterised, readWithZbar, readWithZxingCpp } from '../support/label-readers.ts';

let renderer: Renderer;
before(async () => {
  renderer = await createRenderer();
});

function draw(input: object): Buffer {
  const parsed = parseBarcodeRequest({ format: 'png', ...input });
  assert.ok(parsed.ok, JSON.stringify(parsed));
  const rendered = renderer.render(parsed.request);
  assert.ok(rendered.ok, JSON.stringify(rendered));
  return rendered.image.bytes;
}

function problemOf(input: object): { rule: string; detail: string } {
  const parsed = parseBarcodeRequest(input);
  const outcome = parsed.ok ? renderer.render(parsed.request) : parsed;
  assert.ok(!outcome.ok);
  const [{ rule, detail } = { rule: '', detail: '' }] = outcome.problems;
  return { rule, detail };
}

const plain = (text: string): string => text.replace(/[()<>-]|GS|FNC1/g, '').replaceAll('\u001d', '');
const textFor = (symbology: Symbology): string => exampleTexts[symbology] ?? 'Rampart 42';

describe('readers', { skip: readersMissing('zbarimg', 'gs') }, () => {
  for (const rotate of wholeOr([90, 180, 270], [90])) {
    test(`every symbology is read when it is turned by ${rotate} degrees`, async () => {
      // zxing-cpp finds no MaxiCode that is turned.
      for (const symbology of symbologyNames.filter((name) => name !== 'maxicode')) {
        const text = textFor(symbology);
        const found = await readWithZxingCpp(draw({ symbology, text, rotate, scale: 4 }));
        const expected = plain(readingOf(symbology, text));
        // zxing-cpp gives the whole number of a UPC-E and the leading zero of a UPC-A.
        assert.ok(
          plain(found?.text ?? '').endsWith(symbology === 'upce' ? '5' : expected),
          `${symbology}: ${found?.text}`,
        );
      }
    });
  }

  for (const format of imageFormats.filter((one) => one !== 'svg' && one !== 'png')) {
    test(`every symbology is read as ${format}, also when it is turned`, async () => {
      for (const symbology of symbologyNames) {
        for (const rotate of symbology === 'maxicode' ? [0] : wholeOr([0, 90], [90])) {
          const text = textFor(symbology);
          const page = draw({ symbology, text, format, rotate, scale: 4, dpi: 300 });
          const found = await readWithZxingCpp(rasterised(page));
          const expected = plain(readingOf(symbology, text));
          assert.ok(
            plain(found?.text ?? '').endsWith(symbology === 'upce' ? '5' : expected),
            `${symbology}, ${rotate}: ${found?.text}`,
          );
        }
      }
    });
  }

  test('element strings carry FNC1 where it belongs: readers call them GS1', async () => {
    const text = '(01)09501101530003(10)ABC(21)X1';
    for (const [symbology, identifier] of [
      ['gs1128', ']C1'],
      ['gs1datamatrix', ']d2'],
      ['gs1qrcode', ']Q3'],
    ] as const) {
      const found = await readWithZxingCpp(draw({ symbology, text, scale: 4 }));
      assert.deepEqual(
        [found?.contentType, found?.symbologyIdentifier, found?.text],
        ['GS1', identifier, text],
        symbology,
      );
      // FNC1 ends (10), whose length varies; (01) needs none behind it, and the last none either.
      assert.equal(Buffer.from(found?.bytes ?? []).toString('latin1'), '010950110153000310ABC\u001d21X1', symbology);
    }
    const plainText = await readWithZxingCpp(draw({ symbology: 'code128', text, scale: 3 }));
    assert.equal(plainText?.symbologyIdentifier, ']C0');
  });

  test('add-ons of two and five digits are read by two readers', async () => {
    for (const symbology of ['ean13', 'isbn'] as const) {
      const text = plain(textFor(symbology));
      for (const addOn of ['12', '90000']) {
        for (const rotate of [0, 180]) {
          const png = draw({ symbology, text, addOn, rotate, scale: 3 });
          assert.equal((await readWithZxingCpp(png))?.text.replace(/\D/g, ''), `${text}${addOn}`);
          assert.deepEqual(readWithZbar(png), [`COMPOSITE:${text}${addOn}`]);
        }
      }
    }
    for (const symbology of ['ean8', 'upca', 'upce'] as const) {
      const found = await readWithZxingCpp(draw({ symbology, text: textFor(symbology), addOn: '12', scale: 3 }));
      assert.match(found?.text ?? '', /\D?12$/, symbology);
    }
  });

  test('bytes that are no text are read back as they are', async () => {
    const bytes = Buffer.from([0, 1, 127, 128, 255, 10, 13, 0]);
    for (const symbology of symbologyNames.filter((name) => specOf(name).isBinary === true)) {
      const found = await readWithZxingCpp(draw({ symbology, data: bytes.toString('base64'), scale: 4 }));
      assert.deepEqual(Buffer.from(found?.bytes ?? []), bytes, symbology);
    }
  });

  test('version, mask and character set of a QR Code, and columns of PDF417, are as asked', async () => {
    const qr = await readWithZxingCpp(draw({ symbology: 'qrcode', text: 'Grüße', version: 7, mask: 5, eci: 26 }));
    assert.deepEqual([qr?.text, qr?.hasECI], ['Grüße', true]);
    assert.match(JSON.stringify(qr), /"?DataMask\\?":5/);
    assert.match(JSON.stringify(qr), /Version\\?":\\?"7/);
    const widths = [2, 8].map((columns) =>
      draw({ symbology: 'pdf417', text: 'x'.repeat(60), columns }).readUInt32BE(16),
    );
    // A column has 17 modules, at three pixels each.
    assert.equal((widths[1] ?? 0) - (widths[0] ?? 0), 6 * 17 * 3);
    assert.equal(problemOf({ symbology: 'qrcode', text: 'x'.repeat(200), version: 1 }).rule, 'too-long');
  });

  test('colours, a transparent background, tall bars and large text are read by two readers', async () => {
    for (const look of [
      { color: '#002244', background: '#ffee88' },
      { barHeight: 120, quietZone: 20 },
      { barHeight: 12 },
      { textSize: 3 },
      { widthMm: 80, dpi: 203 },
    ]) {
      const png = draw({ symbology: 'code128', text: 'RAMPART-42', scale: 'widthMm' in look ? undefined : 3, ...look });
      assert.equal((await readWithZxingCpp(png))?.text, 'RAMPART-42', JSON.stringify(look));
      assert.deepEqual(readWithZbar(png), ['CODE-128:RAMPART-42'], JSON.stringify(look));
    }
    const clear = draw({ symbology: 'qrcode', text: 'a', background: 'transparent' });
    assert.ok(clear.includes('tRNS'));
  });

  test('a width in millimetres gives whole dots, and the file its real size', () => {
    const png = draw({ symbology: 'ean13', text: '9501101530003', widthMm: 40, dpi: 203 });
    // 117 modules of 2 dots: 3 would take 44 mm.
    assert.equal(png.readUInt32BE(16), 117 * 2);
    const at = png.indexOf('pHYs');
    assert.deepEqual([png.readUInt32BE(at + 4), png[at + 12]], [Math.round(203 / 0.0254), 1]);
    const svg = draw({ symbology: 'ean13', text: '9501101530003', widthMm: 40, dpi: 203, format: 'svg' }).toString();
    assert.match(svg, /width="29\.279mm"/);
    const pdf = draw({ symbology: 'ean13', text: '9501101530003', widthMm: 40, dpi: 203, format: 'pdf' }).toString(
      'latin1',
    );
    // 234 dots of 72 / 203 points.
    assert.match(pdf, /MediaBox\[0 0 82\.995 /);
  });
});

for (const [text, rule, detail] of [
  ['(01)09501101530003(17)251331', 'date', /^GS1-128: \(17\)251331: invalid month$/],
  ['(01)09501101530003(17)250230', 'date', /day/],
  ['(00)123', 'length', /18 digits/],
  ['(10)ABC', 'combination', /\(10\) stands only beside \(01\) or/],
  ['(02)09501101530003', 'combination', /\(37\)/],
  ['(01)09501101530003(37)4', 'combination', /./],
  ['(01)09501101530003(01)09501101530010', 'combination', /same value/],
  ['(9999)a', 'unknown-identifier', /\(9999\)/],
  ['(01)09501101530003(10)ABCDEFGHIJKLMNOPQRSTU', 'length', /too long/],
  ['(01)09501101530003(3103)12345', 'length', /too short/],
  ['(01)09501101530003(11)ABCDEF', 'charset', /numeric/i],
  ['(414)9501101530004', 'check-digit', /checksum/i],
  [`(01)09501101530003${'(99)ABCDEFGHIJ'.repeat(4)}`, 'too-long', /at most 48/],
] as const) {
  test(`GS1-128 ${text} is refused by the rule ${rule}`, () => {
    const problem = problemOf({ symbology: 'gs1128', text });
    assert.equal(problem.rule, rule, problem.detail);
    assert.match(problem.detail, detail);
  });
}

test('an image of too many pixels is refused before it is drawn, whatever draws it', () => {
  for (const symbology of ['maxicode', 'qrcode', 'code128', 'pdf417'] as const) {
    for (const size of [
      { widthMm: 1000, dpi: 4800 },
      { scale: 32, quietZone: 40, rotate: 90 },
    ]) {
      const input = { symbology, text: 'RAMPART '.repeat(9), format: 'png', ...size };
      const before = process.memoryUsage().arrayBuffers;
      const parsed = parseBarcodeRequest(input);
      assert.ok(parsed.ok);
      const outcome = renderer.render(parsed.request);
      if (!outcome.ok) assert.equal(outcome.problems[0]?.rule, 'too-large', symbology);
      assert.ok('widthMm' in size ? !outcome.ok : true, symbology);
      // Refused too late, it took gigabytes.
      assert.ok(process.memoryUsage().arrayBuffers - before < 64 * 1024 ** 2, symbology);
    }
  }
});

test('long element strings are checked, too, and what is sound is drawn', () => {
  const long = `(01)09501101530003${[91, 92, 93, 94, 95].map((identifier) => `(${identifier})${'A'.repeat(80)}`).join('')}`;
  for (const symbology of ['gs1qrcode', 'gs1datamatrix']) {
    assert.ok(draw({ symbology, text: long }).length > 0);
    assert.equal(problemOf({ symbology, text: `${long}(17)251331` }).rule, 'date');
  }
});

test('every form of GS1 checks its identifiers, a Digital Link too', () => {
  const text = '(01)09501101530003(17)251331';
  for (const symbology of symbologyNames.filter((name) => specOf(name).gs1 === 'elements'))
    assert.equal(problemOf({ symbology, text }).rule, 'date', symbology);
  for (const symbology of ['gs1dlqrcode', 'gs1dldatamatrix'])
    assert.equal(problemOf({ symbology, text: 'https://id.gs1.org/01/09501101530004' }).rule, 'check-digit', symbology);
});
