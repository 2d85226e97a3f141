import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readDataRows } from '../../../../src/lab/load/data-rows.ts';

test('readDataRows gives each row by the names of the first line', () => {
  assert.deepEqual(readDataRows('\uFEFFcode,name\n1,"a, ""b""\nc"\r\n\n2,\n'), {
    ok: true,
    rows: [
      { code: '1', name: 'a, "b"\nc' },
      { code: '2', name: '' },
    ],
  });
});

test('readDataRows says what is wrong with a file', () => {
  const problem = (text: string): string => {
    const read = readDataRows(text);
    return read.ok ? 'nothing' : read.problem;
  };
  assert.match(problem(''), /^it is empty/);
  assert.match(problem('code,name\n'), /^it has no row/);
  assert.match(problem('code,a name\n1,2'), /letters, digits and _: got 'a name'$/);
  assert.match(problem('code,code\n1,2'), /^two columns/);
  assert.match(problem('code,name\n1'), /^it is no CSV: .*line 2/);
  assert.match(problem('a\n"open'), /^it is no CSV/);
});
