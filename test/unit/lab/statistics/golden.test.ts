import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../../../src/core/random.ts';
import { bootstrapInterval } from '../../../../src/lab/statistics/bootstrap.ts';
import { requestsNeeded } from '../../../../src/lab/statistics/early-stopping.ts';
import { kneedle } from '../../../../src/lab/statistics/kneedle.ts';
import { mannKendall } from '../../../../src/lab/statistics/mann-kendall.ts';
import { mannWhitney } from '../../../../src/lab/statistics/mann-whitney.ts';
import { normalTail } from '../../../../src/lab/statistics/normal.ts';
import { mean, median, quantile } from '../../../../src/lab/statistics/quantile.ts';
import { studentFactor } from '../../../../src/lab/statistics/student-t.ts';
import { theilSen } from '../../../../src/lab/statistics/theil-sen.ts';
import { fitUsl, type UslFit, type UslPoint } from '../../../../src/lab/statistics/usl.ts';

function near(actual: number | undefined, expected: number, tolerance: number): void {
  assert.ok(Math.abs((actual ?? Number.NaN) - expected) <= tolerance, `${actual} is not ${expected} ± ${tolerance}`);
}

const points = (n: readonly number[], x: readonly number[]): UslPoint[] =>
  n.map((concurrency, index) => ({ concurrency, throughput: x[index] as number }));

const fit = (n: readonly number[], x: readonly number[]): UslFit => {
  const found = fitUsl(points(n, x));
  assert.ok(found !== undefined);
  return found;
};

test('fitUsl finds the coefficients that R finds (usl, tests/coef)', () => {
  const { alpha, beta, gamma, peakConcurrency } = fit([1, 2, 4, 6, 8, 10], [1, 1.8868, 3.0769, 3.5294, 3.5398, 3.3557]);
  near(alpha, 0.02, 5e-5);
  near(beta, 0.02, 5e-5);
  near(gamma, 1, 5e-5);
  near(peakConcurrency, 7, 0.01);
});

test('fitUsl finds coefficients and standard errors of the ray tracer as R does (usl, tests/confint)', () => {
  const { alpha, beta, gamma, margins } = fit([1, 4, 8, 12, 16, 20], [20, 78, 130, 170, 190, 200]);
  near(alpha, 0.02444, 1e-5);
  near(beta, 0.00163, 1e-5);
  near(gamma, 20.856, 1e-3);
  // R prints 90 % with five degrees of freedom there: 2.0150 standard errors; ours are 95 % with three: 3.1824.
  const errors = 2.0150484 / 3.1824463;
  near(alpha - margins.alpha * errors, 0.00754, 2e-5);
  near(alpha + margins.alpha * errors, 0.04135, 2e-5);
  near(beta + margins.beta * errors, 0.00215, 2e-5);
  near(gamma - margins.gamma * errors, 19.267, 2e-3);
});

test('fitUsl finds no contention in a straight line, and has no fit for two points', () => {
  const { alpha, beta, gamma } = fit([1, 2, 3, 4], [10, 20, 30, 40]);
  near(alpha, 0, 1e-6);
  near(beta, 0, 1e-6);
  near(gamma, 10, 1e-4);
  assert.equal(fitUsl(points([1, 2], [1, 2])), undefined);
});

test('kneedle finds the knee of figure 2 of the paper', () => {
  const x = Array.from({ length: 10 }, (_, index) => index / 9);
  const y = [-5, 0.263, 1.897, 2.692, 3.163, 3.475, 3.696, 3.861, 3.989, 4.091];
  near(kneedle({ x, y, shape: 'concave' }), 0.222, 0.001);
});

test('kneedle finds where a convex curve takes off, and none in a straight line', () => {
  const x = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
  assert.equal(kneedle({ x, y: [1, 2, 3, 4, 5, 10, 15, 20, 40, 100], shape: 'convex' }), 7);
  assert.equal(kneedle({ x, y: x, shape: 'concave' }), undefined);
});

test('requestsNeeded is the table of early-stopping counts', () => {
  const overs = [0, 1, 2, 5, 10, 20, 50, 100];
  const counts = (within: number, confidence: number): number[] =>
    overs.map((over) => requestsNeeded(over, within, confidence));
  assert.deepEqual(counts(0.95, 0.99), [90, 130, 165, 259, 398, 656, 1372, 2504]);
  assert.deepEqual(counts(0.99, 0.99), [459, 662, 838, 1307, 2010, 3304, 6898, 12571]);
  assert.deepEqual(counts(0.999, 0.99), [4603, 6636, 8403, 13105, 20140, 33097, 69058, 125826]);
  assert.deepEqual(counts(0.95, 0.95), [59, 93, 124, 208, 336, 577, 1260, 2353]);
  assert.deepEqual(counts(0.99, 0.95), [299, 473, 628, 1049, 1693, 2902, 6323, 11799]);
});

test('mannWhitney is exact for small samples (R, wilcox.test, permeability)', () => {
  const first = [0.8, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46];
  const { u, p, exact, shift } = mannWhitney(first, [1.15, 0.88, 0.9, 0.74, 1.21]);
  assert.equal(u, 35);
  assert.equal(exact, true);
  near(p, 0.2544122544, 1e-9);
  near(shift, 0.305, 1e-9);
});

test('mannWhitney with ties is the corrected normal approximation (scipy)', () => {
  const { u, p, exact } = mannWhitney([1, 2, 2, 3, 5, 8, 8, 9], [2, 4, 4, 6, 7, 9, 11]);
  assert.equal(u, 20.5);
  assert.equal(exact, false);
  near(p, 0.41495575909885696, 1e-6);
});

const wandering = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9];

test('theilSen gives the slope and intercept of scipy (joint), and does not mind a wild point', () => {
  const x = wandering.map((_, index) => index);
  const { slope, intercept } = theilSen(x, wandering);
  near(slope, 4 / 9, 1e-12);
  near(intercept, 2.7777777777777786, 1e-12);
  assert.deepEqual(theilSen([0, 1, 2, 3, 4], [1, 3, 5, 7, 9000]), { slope: 2, intercept: 1 });
});

test('mannKendall corrects for ties and continuity', () => {
  const { s, z, p } = mannKendall(wandering);
  assert.equal(s, 55);
  near(z, 2.703381341337498, 1e-12);
  near(p, 0.006863794985449032, 1e-8);
  assert.deepEqual(mannKendall([5, 5, 5, 5]), { s: 0, z: 0, p: 1 });
});

test('normalTail and studentFactor are those of the tables', () => {
  near(normalTail(1.96), 0.024997895148220435, 1e-8);
  near(normalTail(5) * 1e7, 2.866515718791933, 1e-5);
  near(normalTail(-1.96), 0.9750021048517795, 1e-8);
  for (const [freedom, factor] of [
    [1, 12.70620474],
    [3, 3.18244631],
    [8, 2.30600414],
    [30, 2.04227246],
  ] as const) {
    near(studentFactor(freedom), factor, 1e-4);
  }
});

test('quantile is the nearest rank, a value that was measured', () => {
  const values = [50, 10, 40, 20, 30];
  assert.deepEqual(
    [0, 0.2, 0.21, 0.5, 0.95, 1].map((q) => quantile(values, q)),
    [10, 10, 20, 30, 50, 50],
  );
  assert.equal(quantile([], 0.5), Number.NaN);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.equal(mean([1, 2, 6]), 3);
});

test('bootstrapInterval holds the true difference of two samples about as often as it says', () => {
  const random = seededRandom(7);
  const sample = (): number[] => Array.from({ length: 20 }, () => 100 + 10 * (random() + random() + random() - 1.5));
  const rounds = 300;
  let held = 0;
  for (let round = 0; round < rounds; round++) {
    const { low, high } = bootstrapInterval(sample(), sample(), (left, right) => mean(left) - mean(right), {
      random,
      resamples: 200,
      level: 0.95,
    });
    if (low <= 0 && high >= 0) held++;
  }
  assert.ok(held / rounds > 0.9 && held / rounds < 0.98, `${held} of ${rounds}`);
});
