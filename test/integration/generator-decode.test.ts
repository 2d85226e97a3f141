import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import * as fc from 'fast-check';
import { type BarcodeRequest, parseBarcodeRequest } from '../../src/barcode/request.ts';
import { specOf, symbologyNames } from '../../src/barcode/symbologies.ts';
import { planFor } from '../../src/generator/qr/codewords.ts';
import { type Renderer, createRenderer } from '../../src/generator/render.ts';
import { type Image, decodeAll, exampleTexts, readersMissing, readingOf, secondReading } from '../support/decode.ts';
import { readProducts } from '../support/products.ts';

const skip = readersMissing('zbarimg');
const PRODUCTS = 500;

describe('what a reader makes of the images', { skip }, () => {
  let renderer: Renderer;
  before(async () => {
    renderer = await createRenderer();
  });

  test('every symbology is read as PNG and SVG, with and without text below it', async () => {
    const requests = symbologyNames.flatMap((symbology) => {
      const text = exampleTexts[symbology] ?? 'Rampart <&> 42';
      const lines = specOf(symbology).family === 'linear' ? [true, false] : [false];
      return lines.flatMap((humanReadable) =>
        (['png', 'svg'] as const).map((format) => requestOf({ symbology, text, format, humanReadable })),
      );
    });
    await assertReadBack(renderer, requests);
  });

  test('small and large modules and a wide margin are read', async () => {
    const requests = symbologyNames
      .filter((symbology) => symbology !== 'maxicode')
      .flatMap((symbology) =>
        [3, 5, 8].map((scale) =>
          requestOf({ symbology, text: exampleTexts[symbology] ?? 'Rampart', format: 'png', scale, quietZone: 12 }),
        ),
      );
    await assertReadBack(renderer, requests);
  });

  test('levels of error correction are all read', async () => {
    const requests = symbologyNames.flatMap((symbology) =>
      specOf(symbology).ecLevels.map((ecLevel) =>
        requestOf({ symbology, text: exampleTexts[symbology] ?? 'ABC-12', format: 'png', ecLevel }),
      ),
    );
    await assertReadBack(renderer, requests);
  });

  test('QR Code of every version at every level is read', async () => {
    const requests = (['L', 'M', 'Q', 'H'] as const).flatMap((ecLevel) => {
      const byVersion = new Map<number, BarcodeRequest>();
      for (let length = 1; length < 4000; length += 5) {
        const text = 'Ab3\u00e9 12345678'.repeat(length).slice(0, length);
        const version = planFor(text, ecLevel)?.version;
        if (version === undefined) break;
        if (byVersion.has(version)) continue;
        byVersion.set(version, requestOf({ symbology: 'qrcode', text, format: 'png', scale: 2, ecLevel }));
      }
      assert.equal(byVersion.size, 40);
      return Array.from(byVersion.values());
    });
    await assertReadBack(renderer, requests);
  });

  test(`codes of ${PRODUCTS} products are read as EAN-13, EAN-8 and UPC-A`, async () => {
    const requests = readProducts()
      .slice(0, PRODUCTS)
      .flatMap(({ code }) => {
        if (code.length === 8) return [requestOf({ symbology: 'ean8', text: code, format: 'png' })];
        const ean13 = requestOf({ symbology: 'ean13', text: code, format: 'png' });
        return code.startsWith('0')
          ? [ean13, requestOf({ symbology: 'upca', text: code.slice(1), format: 'png' })]
          : [ean13];
      });
    await assertReadBack(renderer, requests);
  });

  test(`names of ${PRODUCTS} products in many scripts are read as QR Code, Data Matrix, PDF417 and Aztec`, async () => {
    const symbologies = ['qrcode', 'datamatrix', 'pdf417', 'aztec'] as const;
    const requests = readProducts()
      .slice(0, PRODUCTS)
      .flatMap(({ name }) => symbologies.map((symbology) => requestOf({ symbology, text: name, format: 'png' })));
    await assertReadBack(renderer, requests);
  });

  test('names in ASCII are read by a second reader of PDF417, Aztec and MaxiCode', () => {
    const names = readProducts().flatMap(({ name }) => (/^[ -~]*$/.test(name) ? [name] : []));
    for (const symbology of ['pdf417', 'aztec', 'maxicode'] as const) {
      for (const text of names.slice(0, 40)) {
        const rendered = renderer.render(requestOf({ symbology, text, format: 'png' }));
        assert.ok(rendered.ok);
        assert.equal(secondReading(symbology, rendered.image.bytes), text);
      }
    }
  });

  test('any text is read back, or refused with field and rule', async () => {
    const text = fc.oneof(
      fc.string({ minLength: 1, maxLength: 60 }),
      fc.string({ minLength: 1, maxLength: 30, unit: 'grapheme' }),
      fc.string({ minLength: 1, maxLength: 14, unit: fc.constantFrom(...'0123456789') }),
    );
    const symbology = fc.constantFrom(...symbologyNames);
    const inputs = fc.sample(fc.record({ symbology, text, format: fc.constant('png') }), { numRuns: 600, seed: 7 });
    const requests = inputs.flatMap((input) => {
      const parsed = parseBarcodeRequest(input);
      if (!parsed.ok) assertNamed(parsed.problems);
      // A reader takes an ITF of less than six digits for a part of a longer one.
      return parsed.ok && !(parsed.request.symbology === 'itf' && parsed.request.text.length < 6)
        ? [parsed.request]
        : [];
    });
    assert.ok(requests.length > 150, `${requests.length} of 600 left to draw`);
    await assertReadBack(renderer, requests);
  });
});

function requestOf(input: object): BarcodeRequest {
  const parsed = parseBarcodeRequest(input);
  assert.ok(parsed.ok, JSON.stringify(parsed));
  return parsed.request;
}

function assertNamed(problems: readonly { field: string; rule: string }[]): void {
  assert.ok(problems.length > 0);
  for (const { field, rule } of problems) assert.ok(field !== '' && rule !== '');
}

/** What only an encoder can find out. */
const refusals = new Set([
  'too-long',
  'charset',
  'combination',
  'unknown-identifier',
  'length',
  'gs1',
  'date',
  'check-digit',
]);

/** Draws all and reads all in one go; a request that the encoder refuses must be refused with field and rule. */
async function assertReadBack(renderer: Renderer, requests: readonly BarcodeRequest[]): Promise<void> {
  const drawn: (Image & { request: BarcodeRequest })[] = [];
  for (const request of requests) {
    const rendered = renderer.render(request);
    if (!rendered.ok) {
      assertNamed(rendered.problems);
      assert.ok(
        rendered.problems.every(({ rule }) => refusals.has(rule)),
        JSON.stringify(rendered.problems),
      );
      continue;
    }
    const { bytes } = rendered.image;
    drawn.push({ request, symbology: request.symbology, image: request.format === 'svg' ? bytes.toString() : bytes });
  }
  assert.ok(drawn.length > 0);
  const readings = await decodeAll(drawn);
  const wrong = drawn.flatMap(({ request }, index) => {
    const expected = readingOf(request.symbology, request.text);
    return readings[index] === expected ? [] : [{ request: JSON.stringify(request), reading: readings[index] }];
  });
  assert.deepEqual(wrong, []);
}
