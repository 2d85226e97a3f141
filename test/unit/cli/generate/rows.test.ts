import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fileName } from '../../../../src/cli/generate/file-name.ts';
import { progressLine } from '../../../../src/cli/generate/progress.ts';
import { readRows, textColumn } from '../../../../src/cli/generate/rows.ts';
import { retailSymbology } from '../../../../src/barcode/retail-symbology.ts';
import { UsageError } from '../../../../src/core/errors.ts';
import { ZipWriter } from '../../../../src/core/zip-writer.ts';

const read = (name: string, text: string | Buffer) =>
  readRows(name, Buffer.from(text)).map(({ number, values }) => [number, values]);

describe('readRows', () => {
  test('CSV: quotes, a byte order mark, empty lines and short rows', () => {
    assert.deepEqual(read('a.csv', '\ufeffcode,name\r\n1,"a, ""b"""\r\n\r\n2\r\n'), [
      [1, { code: '1', name: 'a, "b"' }],
      [2, { code: '2', name: '' }],
    ]);
  });

  test('TSV: quotes are no more than characters', () => {
    assert.deepEqual(read('a.TSV', 'code\tname\n1\t5" nail\n'), [[1, { code: '1', name: '5" nail' }]]);
  });

  test('JSON lines: objects, texts and numbers; the number is that of the line', () => {
    assert.deepEqual(read('a.jsonl', '{"code":7,"name":"x"}\n\n"text"\n'), [
      [1, { code: '7', name: 'x' }],
      [3, { text: 'text' }],
    ]);
  });

  test('a list that is not UTF-8 is refused with its first such line and what would work', () => {
    const bytes = Buffer.from('code,name\n1,plain\n2,M\xfcller\n3,K\xf6ln\n', 'latin1');
    assert.throws(
      () => readRows('a.csv', bytes),
      /a\.csv: line 3 is not UTF-8: if it should read '2,Müller', give --encoding latin1; else save the list as UTF-8/,
    );
    assert.throws(() => readRows('a.jsonl', Buffer.from('{"text":"\xe9"}', 'latin1')), /line 1 is not UTF-8/);
    assert.deepEqual(
      readRows('a.csv', bytes, { encoding: 'latin1' }).map(({ values }) => values['name']),
      ['plain', 'Müller', 'Köln'],
    );
    // Windows-1252, where ISO 8859-1 has control characters.
    assert.deepEqual(readRows('a.tsv', Buffer.from('text\n\x80 5\n', 'latin1'), { encoding: 'latin1' })[0]?.values, {
      text: '€ 5',
    });
  });

  test('UTF-16 is seen by its byte order mark, or named', () => {
    const bytes = Buffer.from('\ufeffcode\tname\n1\tЧак\n', 'utf16le');
    assert.deepEqual(readRows('a.tsv', bytes)[0]?.values, { code: '1', name: 'Чак' });
    assert.deepEqual(readRows('a.tsv', bytes.subarray(2), { encoding: 'utf16le' })[0]?.values, {
      code: '1',
      name: 'Чак',
    });
  });

  test('a CSV file with semicolons or tabs is refused with what would work, and read when it is named', () => {
    const text = 'code;name\n1;"a;b"\n';
    assert.throws(() => read('a.csv', text), /separated by semicolons: give --delimiter ';'/);
    assert.throws(() => read('a.csv', 'code\tname\n1\tx\n'), /separated by tabs: give --delimiter tab/);
    assert.deepEqual(readRows('a.csv', Buffer.from(text), { delimiter: ';' })[0]?.values, { code: '1', name: 'a;b' });
    // A semicolon in a value, or in one of several names, says nothing.
    assert.deepEqual(read('a.csv', 'code,a;b\n1,x\n'), [[1, { code: '1', 'a;b': 'x' }]]);
    assert.deepEqual(read('a.csv', 'code\n1;2\n'), [[1, { code: '1;2' }]]);
    assert.deepEqual(readRows('a.csv', Buffer.from('a;b\n1;2\n'), { delimiter: ',' })[0]?.values, { 'a;b': '1;2' });
  });

  test('two columns of one name are refused, and those without a name are no columns', () => {
    assert.throws(() => read('a.csv', 'code,name, code\n1,2,3\n'), /two of its columns are named 'code': rename one/);
    assert.deepEqual(read('a.csv', 'code,,\n1,2,3\n'), [[1, { code: '1', '': '3' }]]);
  });

  test('XLSX: shared and inline texts, numbers, gaps and entities of the first sheet', () => {
    const zip = new ZipWriter();
    const parts = [
      zip.add('xl/workbook.xml', Buffer.from('<workbook><sheets><sheet name="A" r:id="rId2"/></sheets></workbook>')),
      zip.add(
        'xl/_rels/workbook.xml.rels',
        Buffer.from('<Relationships><Relationship Id="rId2" Target="worksheets/first.xml"/></Relationships>'),
      ),
      zip.add(
        'xl/sharedStrings.xml',
        Buffer.from('<sst><si><t>code</t></si><si><r><t>na</t></r><r><t>me</t></r><rPh><t>aid</t></rPh></si></sst>'),
      ),
      zip.add(
        'xl/worksheets/first.xml',
        Buffer.from(
          `<worksheet><sheetData>
            <row r="1"><c r="A1" t="s"><v>0</v></c><c r="C1" t="s"><v>1</v></c></row>
            <row r="2"><c r="A2"><v>4.006381333931E12</v></c><c r="C2" t="inlineStr"><is><t>a &amp; b</t></is></c></row>
            <row r="3"><c r="C3" t="str"><v>&#x42;</v></c></row>
          </sheetData></worksheet>`,
        ),
      ),
      zip.end(),
    ];
    assert.deepEqual(read('a.xlsx', Buffer.concat(parts)), [
      [1, { code: '4006381333931', '': '', name: 'a & b' }],
      [2, { code: '', '': '', name: 'B' }],
    ]);
  });

  for (const [name, text] of [
    ['a.txt', 'code\n1'],
    ['a.csv', ''],
    ['a.csv', 'code\n'],
    ['a.csv', 'code\n"open'],
    ['a.jsonl', '{'],
    ['a.jsonl', '[1]'],
    ['a.xlsx', 'code\n1'],
  ] as const)
    test(`refused: ${name} with ${JSON.stringify(text)}`, () => {
      assert.throws(() => read(name, text), UsageError);
    });
});

test('textColumn: the named one, a usual name, or the only one', () => {
  const rows = (...names: string[]) => [{ number: 1, values: Object.fromEntries(names.map((name) => [name, 'x'])) }];
  assert.equal(textColumn(rows('id', 'gtin'), undefined), 'gtin');
  assert.equal(textColumn(rows('id'), undefined), 'id');
  assert.equal(textColumn(rows('id', 'x'), 'x'), 'x');
  assert.throws(() => textColumn(rows('id', 'x'), undefined), /The columns are: id, x/);
  assert.throws(() => textColumn(rows('code'), 'y'), /no column 'y'/);
});

test('retailSymbology: by the number of digits', () => {
  assert.deepEqual(['76139321', '012345678905', '4006381333931', '1234567', 'ABCDEFGH', ''].map(retailSymbology), [
    'ean8',
    'upca',
    'ean13',
    undefined,
    undefined,
    undefined,
  ]);
});

test('fileName: values of the row, and nothing that leads out of the folder', () => {
  const values = { code: '40', name: '../a\\b:c' };
  assert.equal(fileName('{row}-{code}', 7, values), '7-40');
  assert.equal(fileName('{name}', 7, values), '__a_b_c');
  assert.equal(fileName('..', 7, values), '_');
  assert.equal(Buffer.byteLength(fileName('{name}', 1, { name: 'ß'.repeat(500) })), 200);
  assert.throws(() => fileName('{toString}', 1, values), /no column/);
});

test('progressLine: the rate is that of this run', () => {
  const line = progressLine({ total: 12_000, done: 6000, failed: 3, ended: 1000, seconds: 10 });
  assert.equal(line, '[###############---------------] 6,000/12,000  100/s  1 min 0 s left  3 failed');
  assert.equal(progressLine({ total: 1, done: 0, failed: 0, ended: 0, seconds: 0 }), `[${'-'.repeat(30)}] 0/1  0.0/s`);
});
