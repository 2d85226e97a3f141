import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rungs } from '../../../../src/lab/tuning/halving.ts';

const shape = (count: number): string =>
  rungs(count)
    .map(({ configurations, budget }) => `${configurations}@${budget}`)
    .join(' ');
const cost = (count: number): number =>
  rungs(count).reduce((sum, { configurations, budget }) => sum + configurations * budget, 0);

test('rungs: 48 configurations cost 168 times the first measurement, where the whole grid would cost 1296', () => {
  assert.equal(shape(48), '48@1 16@3 5@9 1@27');
  assert.equal(cost(48), 168);
  assert.equal(48 * 27, 1296);
});

test('rungs: a third is kept, rounded down, and one at least', () => {
  assert.equal(shape(36), '36@1 12@3 4@9 1@27');
  assert.equal(shape(27), '27@1 9@3 3@9 1@27');
  assert.equal(shape(5), '5@1 1@3');
  assert.equal(shape(2), '2@1 1@3');
  assert.equal(shape(1), '1@1');
});
