import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expandUpce, gs1CheckDigit } from '../../../src/barcode/check-digit.ts';
import { checkText } from '../../../src/barcode/validate.ts';

const valid = [
  ['ean13', '3258561130200'],
  ['ean8', '76139321'],
  ['upca', '012345678905'],
  ['upce', '01234565'],
  ['databar', '09501101530003'],
  ['databarexpanded', '(01)09501101530003(10)ABC'],
  ['itf', '0123'],
  ['code39', 'A-1 $/+%.'],
  ['codabar', 'A0-$:/.+9D'],
  ['qrcode', 'é😀日本'],
] as const;

for (const [symbology, text] of valid) {
  test(`checkText takes ${symbology} ${text} as it is`, () => {
    assert.deepEqual(checkText(symbology, text), { ok: true, text });
  });
}

const completed = [
  ['ean13', '325856113020', '3258561130200'],
  ['ean8', '7613932', '76139321'],
  ['upca', '01234567890', '012345678905'],
  ['upce', '0123456', '01234565'],
  ['databar', '0950110153000', '09501101530003'],
] as const;

for (const [symbology, text, whole] of completed) {
  test(`checkText appends the check digit of ${symbology} ${text}`, () => {
    assert.deepEqual(checkText(symbology, text), { ok: true, text: whole });
  });
}

const refused = [
  ['ean13', '3258561130201', 'check-digit', 'EAN-13 3258561130201 must end in 0, its check digit'],
  ['upce', '01234566', 'check-digit', 'UPC-E 01234566 must end in 5, its check digit'],
  ['databarexpanded', '(10)A(01)09501101530004', 'check-digit', '(01)09501101530004 must end in 3, its check digit'],
  ['databarexpanded', '(01)123', 'length', '(01) takes 14 digits: got 123'],
  ['ean13', '12345', 'length', 'EAN-13 takes 13 digits, or 12 without the check digit: got 5 digits'],
  ['ean8', '7613932x', 'charset', 'EAN-8 takes 8 digits, or 7 without the check digit: got "7613932x"'],
  ['upce', '21234567', 'number-system', 'UPC-E 21234567 must start with 0 or 1'],
  ['databarlimited', '29501101530003', 'number-system', 'GS1 DataBar Limited 29501101530003 must start with 0 or 1'],
  ['itf', '123', 'even-length', 'ITF takes an even number of digits: got 3'],
  ['code39', 'abc', 'charset', 'Code 39 takes digits, capital letters A-Z, space and - . $ / + %: got "abc"'],
  [
    'codabar',
    '123',
    'charset',
    'Codabar takes a start letter A-D, then digits and - $ : / . +, then a stop letter A-D: got "123"',
  ],
  ['code128', 'é', 'charset', 'Code 128 takes ASCII: got "é"'],
  ['qrcode', 'a\ud800', 'well-formed', 'The text holds half of a surrogate pair'],
  ['microqrcode', 'x'.repeat(36), 'too-long', 'Micro QR Code takes at most 35 characters: got 36'],
] as const;

for (const [symbology, text, rule, detail] of refused) {
  test(`checkText refuses ${symbology} ${JSON.stringify(text)} by the rule ${rule}`, () => {
    assert.deepEqual(checkText(symbology, text), { ok: false, problem: { field: 'text', rule, detail } });
  });
}

test('gs1CheckDigit weighs from the right, so that length does not matter', () => {
  assert.equal(gs1CheckDigit('325856113020'), '0');
  assert.equal(gs1CheckDigit('0325856113020'), '0');
  assert.equal(gs1CheckDigit('7613932'), '1');
  assert.equal(gs1CheckDigit('629104150021'), '3');
});

test('expandUpce puts the zeros where the sixth digit says', () => {
  assert.equal(expandUpce('0123450'), '01200000345');
  assert.equal(expandUpce('0123452'), '01220000345');
  assert.equal(expandUpce('0123453'), '01230000045');
  assert.equal(expandUpce('0123454'), '01234000005');
  assert.equal(expandUpce('0123456'), '01234500006');
});
