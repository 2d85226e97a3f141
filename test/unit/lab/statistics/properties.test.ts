import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { requestsNeeded } from '../../../../src/lab/statistics/early-stopping.ts';
import { mannKendall } from '../../../../src/lab/statistics/mann-kendall.ts';
import { mannWhitney } from '../../../../src/lab/statistics/mann-whitney.ts';
import { quantile } from '../../../../src/lab/statistics/quantile.ts';
import { theilSen } from '../../../../src/lab/statistics/theil-sen.ts';
import { fitUsl, uslThroughput } from '../../../../src/lab/statistics/usl.ts';

const value = fc.integer({ min: -1000, max: 1000 });
const sample = fc.array(value, { minLength: 1, maxLength: 25 });

test('quantile: at least q of the values are at or below it, and fewer than q below', () => {
  fc.assert(
    fc.property(sample, fc.integer({ min: 1, max: 100 }), (values, percent) => {
      const found = quantile(values, percent / 100);
      const wanted = (percent * values.length) / 100;
      assert.ok(values.filter((each) => each <= found).length >= wanted - 1e-9);
      assert.ok(values.filter((each) => each < found).length < wanted);
    }),
  );
});

test('mannWhitney: turned about, the same p, the other U and the opposite shift', () => {
  fc.assert(
    fc.property(sample, sample, (left, right) => {
      const [forth, back] = [mannWhitney(left, right), mannWhitney(right, left)];
      assert.equal(forth.u + back.u, left.length * right.length);
      assert.ok(Math.abs(forth.p - back.p) < 1e-12 && forth.p > 0 && forth.p <= 1);
      assert.ok(Math.abs(forth.shift + back.shift) < 1e-12);
    }),
  );
});

test('theilSen and mannKendall: a line plus its trend has the slope, and rises throughout', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), value, fc.integer({ min: 8, max: 40 }), (slope, start, count) => {
      const x = Array.from({ length: count }, (_, index) => index);
      const y = x.map((each) => start + slope * each);
      assert.deepEqual(theilSen(x, y), { slope, intercept: start });
      assert.equal(mannKendall(y).s, (count * (count - 1)) / 2);
      assert.ok(mannKendall(y).p < 0.01);
    }),
  );
});

test('requestsNeeded: more over the target need more requests', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 60 }), fc.constantFrom(0.9, 0.95, 0.99), (over, within) => {
      assert.ok(requestsNeeded(over + 1, within, 0.95) > requestsNeeded(over, within, 0.95));
    }),
    { numRuns: 50 },
  );
});

test('fitUsl: finds the curve that the points were drawn from', () => {
  const share = fc.double({ min: 0.001, max: 0.2, noNaN: true });
  fc.assert(
    fc.property(share, share, fc.double({ min: 0.1, max: 1000, noNaN: true }), (alpha, beta, gamma) => {
      const points = [1, 2, 4, 6, 8, 12, 16, 24].map((concurrency) => ({
        concurrency,
        throughput: uslThroughput({ alpha, beta: beta / 10, gamma }, concurrency),
      }));
      const found = fitUsl(points);
      assert.ok(found !== undefined && found.rSquared > 0.99999, JSON.stringify({ alpha, beta, gamma, found }));
      assert.ok(Math.abs(found.alpha - alpha) < 1e-3, JSON.stringify({ alpha, beta, gamma, found }));
    }),
    { numRuns: 50 },
  );
});
