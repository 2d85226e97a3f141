import assert from 'node:assert/strict';
import { test } from 'node:test';
import { binomialQuantile } from '../../../../src/lab/statistics/binomial.ts';

test('binomialQuantile agrees with qbinom of R', () => {
  assert.deepEqual(
    [
      [0.005, 16, 0.5, 3],
      [0.995, 16, 0.5, 13],
      [0.005, 200, 0.25, 35],
      [0.995, 200, 0.25, 66],
      [0.5, 10, 0.1, 1],
      [1, 10, 0.5, 10],
    ].map(([probability = 0, trials = 0, chance = 0, expected]) => [
      binomialQuantile(probability, trials, chance),
      expected,
    ]),
    [3, 13, 35, 66, 1, 10].map((value) => [value, value]),
  );
});
