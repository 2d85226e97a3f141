import assert from 'node:assert/strict';
import { test } from 'node:test';
import { grades, gradeTable, ledgerTable, levelOf } from '../../../../src/lab/ingest/tables.ts';

test('levelOf takes a bar that is just reached', () => {
  assert.deepEqual(
    [100_000, 99_999, 50_000, 49_999].map((value) => levelOf(grades.items, value)),
    ['target', 'acceptable', 'acceptable', 'degraded'],
  );
  assert.deepEqual(
    [20, 20.1, 50, 51].map((value) => levelOf(grades.readP99, value)),
    ['target', 'acceptable', 'acceptable', 'degraded'],
  );
  assert.equal(levelOf(grades.readP99, Number.NaN), 'degraded');
});

test('gradeTable shows each figure with its bars and its level', () => {
  const { rows } = gradeTable([
    [grades.items, 73_362.4],
    [grades.spread, 3.14],
  ]);
  assert.deepEqual(rows, [
    ['items accepted', '73362 items/s', '≥ 100000', '≥ 50000', 'acceptable'],
    ['spread of the runs', '3.1 %', '≤ 5', '≤ 10', 'target'],
  ]);
});

test('ledgerTable shows what was lost', () => {
  const point = { durability: 'memory', batchSize: 10, perSecond: 1381.2, p99Ms: 54.61, acknowledged: 4589, lost: 64 };
  assert.deepEqual(ledgerTable([point]).rows, [['memory', '10', '1381', '54.6', '4589', '64']]);
});
