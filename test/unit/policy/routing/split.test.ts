import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pointOf, Split } from '../../../../src/policy/routing/split.ts';

const KEYS = Array.from({ length: 100_000 }, (_, index) => `key-${index}`);
const split = (weights: readonly number[]) => new Split(weights.map((weight, target) => ({ target, weight })));

const countsOf = (numbers: readonly number[], length: number): number[] =>
  Array.from({ length }, (_, wanted) => numbers.filter((number) => number === wanted).length);

test('each side gets its weight within 1 % of all requests', () => {
  for (const weights of [
    [95, 5],
    [1, 1, 1],
    [0.5, 99.5],
    [0, 1, 3],
  ]) {
    const sides = split(weights);
    const counts = countsOf(
      KEYS.map((key) => sides.of(key)),
      weights.length,
    );
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    for (const [index, weight] of weights.entries())
      assert.ok(Math.abs((counts[index] as number) / KEYS.length - weight / total) < 0.01, `${weights}: ${counts}`);
  }
});

test('a side with weight 0 gets nothing, not even at the end', () => {
  assert.deepEqual([split([1, 0]).at(0), split([1, 0]).at(1 - 2 ** -53), split([0, 1]).at(0)], [0, 0, 1]);
});

test('a growing side keeps the keys that it had', () => {
  const [small, large] = [split([95, 5]), split([80, 20])];
  assert.deepEqual(
    KEYS.filter((key) => small.of(key) === 1 && large.of(key) !== 1),
    [],
  );
});

test('points are spread over the whole range, for addresses as well', () => {
  const addresses = Array.from({ length: 65_536 }, (_, index) => `10.0.${index >> 8}.${index & 255}`);
  const tenths = countsOf(
    addresses.map((address) => Math.floor(pointOf(address) * 10)),
    10,
  );
  for (const count of tenths) assert.ok(Math.abs(count / addresses.length - 0.1) < 0.01, `${tenths}`);
});

test('the same text has the same point in every version', () => {
  assert.deepEqual(
    ['', 'a', 'key-1'].map((text) => Math.floor(pointOf(text) * 1e6)),
    [668_922, 103_526, 390_210],
  );
});
