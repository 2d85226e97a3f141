import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dayShapes, Tiers } from '../../../../src/policy/history/tiers.ts';

const shapes = [
  { stepMs: 1000, rows: 5 },
  { stepMs: 10_000, rows: 4 },
];

test('recent rows come by the second, older ones folded by their mean or their largest value', () => {
  const tiers = new Tiers(['mean', 'max'], shapes);
  for (let second = 0; second < 20; second++) tiers.add(second * 1000, [second, second]);
  assert.deepEqual(tiers.read(16_000, 19_000, 100), {
    stepMs: 1000,
    fromMs: 16_000,
    rows: [
      [16, 16],
      [17, 17],
      [18, 18],
      [19, 19],
    ],
  });
  assert.deepEqual(tiers.read(0, 19_000, 100).rows, [
    [4.5, 9],
    [14.5, 19],
  ]);
});

test('a stretch without a row is unknown, and a null does not count', () => {
  const tiers = new Tiers(['mean'], shapes);
  tiers.add(1000, [null]);
  tiers.add(3000, [8]);
  assert.deepEqual(tiers.read(1000, 3000, 100).rows, [[null], [null], [8]]);
  assert.deepEqual(tiers.read(1000, 3000, 1).rows, [[8]]);
});

test('memory is bounded, and the rows survive in a file', () => {
  const tiers = new Tiers(['mean'], shapes);
  for (let second = 0; second < 1000; second++) tiers.add(second * 1000, [1]);
  const saved = tiers.saved();
  assert.deepEqual(
    saved.map(({ rows }) => rows.length),
    [5, 4],
  );
  const restored = new Tiers(['mean'], shapes);
  restored.restore(JSON.parse(JSON.stringify(saved)) as typeof saved);
  assert.deepEqual(restored.saved(), saved);
  const other = new Tiers(['mean', 'mean'], shapes);
  other.restore(saved);
  assert.deepEqual(other.saved()[0]?.rows, []);
});

test('a day of rows takes 2,760 rows', () => {
  assert.equal(
    dayShapes.reduce((sum, { rows }) => sum + rows, 0),
    2760,
  );
});
