import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { axisOf, tickLabel } from '../../../../src/lab/report/axis.ts';

const linear = { most: 5, isFromZero: true, logFrom: Number.POSITIVE_INFINITY };
const labels = (values: readonly number[], options = linear): string[] => axisOf(values, options).ticks.map(tickLabel);

test('axisOf has ticks at steps of 1, 2 or 5, from zero', () => {
  assert.deepEqual(labels([18, 72]), ['0', '20', '40', '60']);
  assert.deepEqual(labels([3]), ['0', '1', '2', '3']);
  assert.deepEqual(labels([0.31]), ['0', '0.1', '0.2', '0.3']);
  assert.deepEqual(labels([12_000, 198_000]), ['0', '50k', '100k', '150k', '200k']);
  assert.deepEqual(labels([4_100_000]), ['0', '1M', '2M', '3M', '4M']);
});

test('axisOf of nothing, of zeros and of rounding errors goes from 0 to 1, and not to a billionth', () => {
  for (const values of [[], [0, 0], [1.2e-9], [Number.NaN, Number.POSITIVE_INFINITY]])
    assert.deepEqual(labels(values), ['0', '0.2', '0.4', '0.6', '0.8', '1'], String(values));
});

test('axisOf of loads that begin far from zero begins near them', () => {
  const axis = axisOf([50, 75], { ...linear, isFromZero: false });
  assert.ok(axis.from > 45 && axis.to < 80);
  assert.deepEqual(axis.ticks, [50, 60, 70]);
  assert.deepEqual(axisOf([10, 90], { ...linear, isFromZero: false }).ticks[0], 0);
});

test('axisOf of values that are far apart is logarithmic, also over five orders of magnitude', () => {
  const log = { most: 7, isFromZero: true, logFrom: 30 };
  assert.equal(axisOf([10, 250], log).isLog, false);
  assert.equal(axisOf([0, 2500], log).isLog, false, 'a logarithm has no zero');
  assert.deepEqual(labels([20, 700], log), ['20', '50', '100', '200', '500']);
  assert.deepEqual(labels([0.04, 40_000], log), ['0.1', '1', '10', '100', '1,000', '10k']);
  const { at } = axisOf([1, 10_000], log);
  assert.ok(Math.abs(at(100) - 0.5) < 1e-9);
});

test('axisOf of numbers of things has whole ticks', () => {
  assert.deepEqual(axisOf([1, 2, 3, 4], { ...linear, isFromZero: false, most: 10, isWhole: true }).ticks, [1, 2, 3, 4]);
});

test('values that labels cannot tell apart get the axis of one value, however large they are', () => {
  const free = { ...linear, isFromZero: false };
  for (const size of [1, 1e6, 1e12]) {
    const near = axisOf([size, size * (1 + 1e-9)], free);
    assert.deepEqual(near.ticks.map(tickLabel), axisOf([size], free).ticks.map(tickLabel));
  }
  const below = axisOf([-1e12, -1e12 + 0.001], free);
  assert.ok(below.at(-1e12) > 0 && below.at(-1e12) < 1);
});

test('axisOf contains every value, and its ticks lie within it in order, whatever the values are', () => {
  const values = fc.array(fc.double({ min: 0, max: 1e12, noNaN: true }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(values, fc.boolean(), fc.constantFrom(30, Number.POSITIVE_INFINITY), (some, isFromZero, logFrom) => {
      const axis = axisOf(some, { most: 6, isFromZero, logFrom });
      for (const value of some) {
        const at = axis.at(value);
        assert.ok(at >= -1e-6 && at <= 1 + 1e-6, `${value} lies at ${at}`);
      }
      assert.ok(axis.ticks.length <= 8);
      for (const [index, tick] of axis.ticks.entries()) {
        assert.ok(tick >= axis.from - 1e-6 && tick <= axis.to * (1 + 1e-9), `${tick} from ${axis.from} to ${axis.to}`);
        assert.ok(index === 0 || tick > (axis.ticks[index - 1] ?? 0));
        assert.doesNotMatch(tickLabel(tick), /e|NaN/);
      }
      assert.equal(new Set(axis.ticks.map(tickLabel)).size, axis.ticks.length, 'labels can be told apart');
    }),
  );
});
