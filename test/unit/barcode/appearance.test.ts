import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contrastProblem } from '../../../src/barcode/contrast.ts';
import { canonicalBody, fromQuery, parseBarcodeRequest } from '../../../src/barcode/request.ts';
import { warningsOf } from '../../../src/barcode/warnings.ts';

test('contrastProblem sees colours as red light shows them', () => {
  for (const [color, background] of [
    ['#000000', '#ffffff'],
    ['#0000ff', '#ffff00'],
    ['#003366', 'transparent'],
    ['#006600', '#ff8888'],
  ] as const)
    assert.equal(contrastProblem(color, background), undefined, `${color} on ${background}`);
  for (const [color, background] of [
    ['#ff0000', '#ffffff'],
    ['#ffffff', '#000000'],
    ['#000000', '#0000ff'],
    ['#cccccc', 'transparent'],
  ] as const)
    assert.equal(contrastProblem(color, background)?.rule, 'contrast', `${color} on ${background}`);
});

const refused: readonly (readonly [input: object, field: string, rule: string])[] = [
  [{ symbology: 'ean13', text: '3258561130200', color: '#ff0000' }, 'color', 'contrast'],
  [{ symbology: 'ean13', text: '3258561130200', color: 'red' }, 'color', 'format'],
  [{ symbology: 'ean13', text: '3258561130200', rotate: 45 }, 'rotate', 'one-of'],
  [{ symbology: 'ean13', text: '3258561130200', textSize: 2 }, 'textSize', 'unsupported'],
  [{ symbology: 'ean13', text: '3258561130200', addOn: '123' }, 'addOn', 'format'],
  [{ symbology: 'code128', text: 'a', addOn: '12' }, 'addOn', 'unsupported'],
  [{ symbology: 'code128', text: 'a', scale: 2, widthMm: 40 }, 'widthMm', 'exclusive'],
  [{ symbology: 'qrcode', text: 'a', barHeight: 20 }, 'barHeight', 'unsupported'],
  [{ symbology: 'qrcode', text: 'a', bearerBars: true }, 'bearerBars', 'unsupported'],
  [{ symbology: 'qrcode', text: 'a', data: 'AA==' }, 'data', 'exclusive'],
  [{ symbology: 'code128', data: 'AA==' }, 'data', 'unsupported'],
  [{ symbology: 'qrcode', data: 'A' }, 'data', 'format'],
  [{ symbology: 'aztec', text: 'a', version: 3 }, 'version', 'unsupported'],
  [{ symbology: 'micropdf417', text: 'a', columns: 5 }, 'columns', 'unsupported'],
  [{ symbology: 'qrcode' }, 'text', 'required'],
];

for (const [input, field, rule] of refused) {
  test(`parseBarcodeRequest refuses ${JSON.stringify(input)} by ${field}, ${rule}`, () => {
    const parsed = parseBarcodeRequest(input);
    assert.ok(!parsed.ok);
    assert.deepEqual(
      parsed.problems.map((problem) => [problem.field, problem.rule]),
      [[field, rule]],
    );
  });
}

test('canonicalBody keeps every field, in one order, and reads back as the same request', () => {
  const input = {
    rotate: 90,
    symbology: 'ean13',
    text: '3258561130200',
    addOn: '12',
    color: '#000033',
    dpi: 203,
    widthMm: 40,
  };
  const parsed = parseBarcodeRequest(input);
  assert.ok(parsed.ok);
  const body = canonicalBody(parsed.request);
  const again = parseBarcodeRequest(JSON.parse(body));
  // The default of scale does not stand beside widthMm.
  assert.ok(again.ok, JSON.stringify(again));
  assert.equal(canonicalBody(again.request), body);
  const turned = parseBarcodeRequest(Object.fromEntries(Object.entries(input).toReversed()));
  assert.ok(turned.ok);
  assert.equal(canonicalBody(turned.request), body);
});

test('canonicalBody of bytes has them once, and their record a data URI', () => {
  const parsed = parseBarcodeRequest({ symbology: 'qrcode', data: 'AP8B' });
  assert.ok(parsed.ok);
  assert.equal(parsed.request.text, 'data:;base64,AP8B');
  const again = parseBarcodeRequest(JSON.parse(canonicalBody(parsed.request)));
  assert.deepEqual(again, parsed);
});

test('fromQuery reads numbers and booleans of every field', () => {
  const query = new URLSearchParams('text=09501101530003&bearerBars=false&rotate=90&widthMm=40.5&dpi=203&barHeight=60');
  const parsed = fromQuery('ITF-14', query, 'png');
  assert.ok(parsed.ok, JSON.stringify(parsed));
  const { bearerBars, rotate, widthMm, dpi, barHeight, format } = parsed.request;
  assert.deepEqual([bearerBars, rotate, widthMm, dpi, barHeight, format], [false, 90, 40.5, 203, 60, 'png']);
});

test('warningsOf names the GS1 form of a plain symbology whose text looks like element strings', () => {
  assert.match(warningsOf({ symbology: 'code128', text: '(01)09501101530003' })[0] ?? '', /gs1128/);
  assert.match(warningsOf({ symbology: 'qrcode', text: '(10)ABC' })[0] ?? '', /gs1qrcode/);
  for (const text of ['(c) 2026', '(1)23', 'ABC', '(01)', '09501101530003'])
    assert.deepEqual(warningsOf({ symbology: 'code128', text }), [], text);
  assert.deepEqual(warningsOf({ symbology: 'gs1128', text: '(10)ABC' }), []);
});
