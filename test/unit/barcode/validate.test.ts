import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { expandUpce, gs1CheckDigit, isbn10CheckDigit, shortenUpca } from '../../../src/barcode/check-digit.ts';
import { checkText } from '../../../src/barcode/validate.ts';

const valid = [
  ['ean13', '3258561130200'],
  ['ean8', '76139321'],
  ['upca', '012345678905'],
  ['upce', '01234565'],
  ['databar', '09501101530003'],
  ['databarexpanded', '(01)09501101530003(10)ABC'],
  ['gs1128', '(01)09501101530003(10)ABC'],
  ['isbn', '979-8-3600-0000-6'],
  ['gs1dldatamatrix', 'https://id.gs1.org/01/09501101530003'],
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
  ['itf14', '0950110153000', '09501101530003'],
  ['isbn', '1-56581-231-X', '978-1-56581-231-4'],
  ['isbn', '156581231X', '9781565812314'],
  ['upce', '01234500005', '01234558'],
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
  ['ean8', '7613932x', 'charset', 'EAN-8 takes 8 digits, or 7 without the check digit: character 8 is "x"'],
  ['upce', '21234567', 'number-system', 'UPC-E 21234567 must start with 0 or 1'],
  ['databarlimited', '29501101530003', 'number-system', 'GS1 DataBar Limited 29501101530003 must start with 0 or 1'],
  ['itf', '123', 'even-length', 'ITF takes an even number of digits: got 3'],
  ['code39', 'abc', 'charset', 'Code 39 takes digits, capital letters A-Z, space and - . $ / + %: character 1 is "a"'],
  [
    'codabar',
    '123',
    'charset',
    'Codabar takes a start letter A-D, then digits and - $ : / . +, then a stop letter A-D: got "123"',
  ],
  ['code128', 'é', 'charset', 'Code 128 takes ASCII: character 1 is "é"'],
  ['qrcode', 'a\ud800', 'well-formed', 'The text holds half of a surrogate pair'],
  ['code128', 'a😀é', 'charset', 'Code 128 takes ASCII: character 2 is "😀"'],
  ['itf14', '09501101530004', 'check-digit', 'ITF-14 09501101530004 must end in 3, its check digit'],
  ['isbn', '978-1-56581-231-5', 'check-digit', 'ISBN 978-1-56581-231-5 must end in 4, its check digit'],
  ['isbn', '1-56581-231-1', 'check-digit', 'ISBN 1-56581-231-1 must end in X, its check digit'],
  ['isbn', '9501101530003', 'number-system', 'ISBN 9501101530003 must start with 978 or 979'],
  ['isbn', '978156581', 'length', 'ISBN takes 13 digits, or 10: got 9'],
  [
    'upce',
    '012345678905',
    'zero-suppression',
    'UPC-A 012345678905 has no UPC-E, because its zeros do not stand where one leaves them out',
  ],
  ['upce', '012345000050', 'check-digit', 'UPC-A 012345000050 must end in 8, its check digit'],
  ['upce', '0123456789', 'length', 'UPC-E takes 8 digits, or the 12 of a UPC-A: got 10'],
  [
    'gs1128',
    'ABC',
    'charset',
    'GS1-128 takes GS1 element strings with their identifiers in brackets, as (01)09501101530003(10)ABC: got "ABC"',
  ],
  [
    'gs1datamatrix',
    '(10)a b',
    'charset',
    'GS1 DataMatrix takes GS1 element strings with their identifiers in brackets, as (01)09501101530003(10)ABC: character 6 is " "',
  ],
  [
    'gs1dlqrcode',
    'id.gs1.org/01/1',
    'charset',
    'GS1 Digital Link QR Code takes a GS1 Digital Link URI, as https://id.gs1.org/01/09501101530003/10/ABC: got "id.gs1.org/01/1"',
  ],
  ['microqrcode', 'x'.repeat(36), 'too-long', 'Micro QR Code takes at most 35 characters: got 36'],
] as const;

for (const [symbology, text, rule, detail] of refused) {
  test(`checkText refuses ${symbology} ${JSON.stringify(text)} by the rule ${rule}`, () => {
    const position = /: character (\d+) is /.exec(detail)?.[1];
    const problem = { field: 'text', rule, detail, ...(position === undefined ? {} : { position: Number(position) }) };
    assert.deepEqual(checkText(symbology, text), { ok: false, problem });
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

test('shortenUpca is the inverse of expandUpce, and finds nothing where no UPC-E expands to the number', () => {
  const digits = fc.string({ minLength: 6, maxLength: 6, unit: fc.constantFrom(...'0123456789') });
  fc.assert(
    fc.property(fc.constantFrom('0', '1'), digits, (system, rest) => {
      const whole = expandUpce(system + rest);
      const short = shortenUpca(whole);
      assert.ok(short !== undefined, whole);
      assert.equal(expandUpce(short), whole);
    }),
  );
  assert.equal(shortenUpca('01234567890'), undefined);
  assert.equal(shortenUpca('20000000000'), undefined);
});

test('isbn10CheckDigit weighs from 10 to 2, and writes ten as X', () => {
  assert.equal(isbn10CheckDigit('156581231'), 'X');
  assert.equal(isbn10CheckDigit('030640615'), '2');
  assert.equal(isbn10CheckDigit('000000000'), '0');
});
