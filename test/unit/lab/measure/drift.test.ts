import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { seededRandom } from '../../../../src/core/random.ts';
import { type DriftSeries, type DriftVerdict, judgeDrifts } from '../../../../src/lab/measure/drift.ts';
import { varianceInflation } from '../../../../src/lab/statistics/autocorrelation.ts';
import { holm } from '../../../../src/lab/statistics/holm.ts';
import { mannKendall } from '../../../../src/lab/statistics/mann-kendall.ts';

interface Planted {
  /** Of 200 MiB, in an hour. */
  readonly growth: number;
  readonly noise: number;
  /** How much of a window's deviation the next one keeps. */
  readonly memory?: number;
}

/** The 40 windows of an hour that come after a warm-up of 20 minutes. */
function series(seed: number, { growth, noise, memory = 0 }: Planted): DriftSeries {
  const random = seededRandom(seed * 7919);
  let deviation = 0;
  const hours = Array.from({ length: 40 }, (_, index) => (21 + index) / 60);
  const values = hours.map((hour) => {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    deviation = memory * deviation + Math.sqrt(1 - memory ** 2) * normal;
    return 200 * (1 + growth * hour + noise * deviation);
  });
  return { name: `series ${seed}`, unit: 'MiB', hours, values };
}

/** Of a hundred such series, each judged alone, how many get this verdict. */
function count(verdict: DriftVerdict, planted: Planted): number {
  const verdicts = Array.from({ length: 100 }, (_, seed) => judgeDrifts([series(seed, planted)], 1)[0]?.verdict);
  return verdicts.filter((each) => each === verdict).length;
}

describe('judgeDrifts', () => {
  test('growth of a tenth in an hour is found', () => {
    assert.ok(count('drifts', { growth: 0.1, noise: 0.02 }) >= 90);
  });

  test('noise is no drift, whether small or large', () => {
    assert.ok(count('drifts', { growth: 0, noise: 0.02 }) <= 5);
    assert.ok(count('drifts', { growth: 0, noise: 0.2 }) <= 5);
    assert.ok(count('steady', { growth: 0, noise: 0.02 }) >= 95);
  });

  test('noise whose windows are alike is hardly ever drift, and by the correction half as often certain', () => {
    const planted = { growth: 0, noise: 0.1, memory: 0.7 };
    const certain = (inflation: (values: readonly number[]) => number): number =>
      Array.from({ length: 100 }, (_, seed) => series(seed, planted).values).filter(
        (values) => mannKendall(values, inflation(values)).p < 0.01,
      ).length;
    assert.ok(certain(() => 1) >= 2 * certain(varianceInflation));
    assert.ok(count('drifts', planted) <= 5);
  });

  test('what falls is steady, and growth too small to matter too, however certain', () => {
    assert.equal(count('steady', { growth: -0.3, noise: 0.01 }), 100);
    assert.equal(count('steady', { growth: 0.03, noise: 0.001 }), 100);
  });

  test('four descriptors are no leak, even where they are half of all, and five are one', () => {
    const values = (last: number): number[] => Array.from({ length: 20 }, (_, index) => 8 + (last * index) / 19);
    const hours = Array.from({ length: 20 }, (_, index) => index / 19);
    const judged = [4, 5].map((last) =>
      judgeDrifts([{ name: 'a', unit: 'descriptors', hours, values: values(last) }], 1),
    );
    assert.deepEqual(
      judged.map(([drift]) => drift?.verdict),
      ['steady', 'drifts'],
    );
  });

  test('fewer than ten windows are too few, and growth that may be chance is not called steady', () => {
    const grown = series(1, { growth: 1, noise: 0 });
    const cut = (windows: number): DriftSeries => ({
      ...grown,
      hours: grown.hours.slice(0, windows),
      values: grown.values.slice(0, windows),
    });
    assert.equal(judgeDrifts([cut(9)], 1)[0]?.verdict, 'too little known');
    assert.equal(judgeDrifts([cut(10)], 1)[0]?.verdict, 'drifts');
    assert.ok(count('too little known', { growth: 0.1, noise: 0.3 }) > 50);
  });

  test('slope, change and median are those of the line that the values lie on', () => {
    const hours = [0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.25, 2.5];
    const line = { name: 'p95', unit: 'ms', hours, values: hours.map((hour) => 100 + 20 * hour) } as const;
    const [drift] = judgeDrifts([line], 3);
    assert.deepEqual(
      { ...drift, p: 0 },
      { name: 'p95', unit: 'ms', windows: 10, median: 127.5, slopePerHour: 20, change: 60, p: 0, verdict: 'drifts' },
    );
  });

  test('among many series one must be more certain: what drifts alone does not among a hundred', () => {
    const hours = Array.from({ length: 12 }, (_, index) => index / 12);
    const rising = [10, 12, 11, 14, 13, 15, 14, 17, 15, 18, 16, 19];
    const one = { name: 'one', unit: 'ms', hours, values: rising } as const;
    const others = Array.from({ length: 99 }, (_, index) => ({
      ...one,
      name: `${index}`,
      values: hours.map(() => 10),
    }));
    assert.equal(judgeDrifts([one], 1)[0]?.verdict, 'drifts');
    assert.equal(judgeDrifts([one, ...others], 1)[0]?.verdict, 'too little known');
  });
});

test('holm: in ascending order times m, m - 1, …, 1, never falling and never above 1', () => {
  assert.deepEqual(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02]);
  assert.deepEqual(holm([0.9, 0.6]), [1, 1]);
  assert.deepEqual(holm([]), []);
});

test('varianceInflation: 1 where values alternate or are constant, more where neighbours are alike', () => {
  assert.equal(varianceInflation([1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2]), 1);
  assert.equal(varianceInflation([7, 7, 7, 7, 7, 7]), 1);
  const waves = Array.from({ length: 40 }, (_, index) => Math.sin(index / 8));
  assert.ok(varianceInflation(waves) > 2);
  // A trend alone is none of it.
  assert.equal(varianceInflation(Array.from({ length: 40 }, (_, index) => index)), 1);
});
