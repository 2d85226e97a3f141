import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Refusal } from '../../../src/gateway/refusal.ts';
import { exportQuerySchema, listQuerySchema, readRecordQuery } from '../../../src/gateway/routes/record-query.ts';

function problemsOf(query: string): unknown[] {
  const read = readRecordQuery(listQuerySchema, query);
  assert.ok(read instanceof Refusal, query);
  assert.equal(read.status, 422);
  return (read.extras.errors ?? []).map((error) => {
    const { field, rule } = error as { field: string; rule: string };
    return `${field} ${rule}`;
  });
}

test('a query without anything takes the defaults', () => {
  const read = readRecordQuery(listQuerySchema, '');
  assert.ok(!(read instanceof Refusal));
  assert.deepEqual(read.values, { page_size: 20 });
  assert.deepEqual(read.filter, { fromMs: undefined, toMs: undefined, symbology: undefined, status: undefined });
});

test('days begin at midnight UTC, and times may have an offset', () => {
  const read = readRecordQuery(
    exportQuerySchema,
    'from=2026-11-27&to=2026-11-27T10:00:00.5%2B01:00&symbology=ean13&status=aborted&images=true',
  );
  assert.ok(!(read instanceof Refusal));
  assert.deepEqual(read.filter, {
    fromMs: Date.UTC(2026, 10, 27),
    toMs: Date.UTC(2026, 10, 27, 9, 0, 0, 500),
    symbology: 'ean13',
    status: 'aborted',
  });
  assert.equal(read.values.images, true);
});

test('a symbology may have the names under which createBarcode takes it', () => {
  for (const name of ['QR', 'qr-code', 'qrcode']) {
    const read = readRecordQuery(listQuerySchema, `symbology=${name}`);
    assert.ok(!(read instanceof Refusal));
    assert.equal(read.filter.symbology, 'qrcode');
  }
});

test('every wrong field is named at once', () => {
  assert.deepEqual(problemsOf('page_size=0&from=yesterday&symbology=qrx&status=done&colour=red'), [
    'page_size range',
    'from format',
    'symbology one-of',
    'status one-of',
    'colour unknown-field',
  ]);
  assert.deepEqual(problemsOf('page_size=many'), ['page_size type']);
  assert.deepEqual(problemsOf('page_size=1&page_size=2'), ['page_size repeated']);
  assert.deepEqual(problemsOf('from=2026-11-27T10:00:00+01:00'), ['from format'], 'an offset that is not escaped');
  assert.deepEqual(problemsOf('from=2026-02-30'), ['from format']);
  assert.deepEqual(problemsOf('from=2026-11-28&to=2026-11-27'), ['to order']);
  assert.deepEqual(problemsOf('from=2026-11-28&to=2026-11-28'), ['to order']);
  assert.deepEqual(
    problemsOf('__proto__=1&images=true'),
    ['images unknown-field', '__proto__ unknown-field'].toSorted(),
  );
});

test('what a client sends comes back shortened', () => {
  const read = readRecordQuery(listQuerySchema, `${'x'.repeat(5000)}=1`);
  assert.ok(read instanceof Refusal);
  assert.ok(read.detail.length < 300);
  const [error] = read.extras.errors ?? [];
  assert.equal((error as { field: string }).field.length, 40);
});
