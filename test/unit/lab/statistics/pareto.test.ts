import assert from 'node:assert/strict';
import { test } from 'node:test';
import { paretoFront } from '../../../../src/lab/statistics/pareto.ts';

interface Point {
  readonly name: string;
  readonly speed: number;
  readonly cost: number;
}
const aims = [
  { better: 'more', of: ({ speed }: Point) => speed },
  { better: 'less', of: ({ cost }: Point) => cost },
] as const;
const front = (...points: readonly (readonly [name: string, speed: number, cost: number])[]): string[] =>
  paretoFront(
    points.map(([name, speed, cost]) => ({ name, speed, cost })),
    aims,
  ).map(({ name }) => name);

test('paretoFront drops a point that another one beats in something and equals in the rest', () => {
  assert.deepEqual(front(['slow', 1, 5], ['fast', 2, 5]), ['fast']);
  assert.deepEqual(front(['dear', 2, 6], ['cheap', 2, 5]), ['cheap']);
});

test('paretoFront keeps what is better in one thing and worse in another, and points that are equal', () => {
  assert.deepEqual(front(['fast', 9, 9], ['cheap', 1, 1], ['middle', 5, 5], ['beaten', 4, 6]), [
    'fast',
    'cheap',
    'middle',
  ]);
  assert.deepEqual(front(['one', 1, 1], ['twin', 1, 1]), ['one', 'twin']);
  assert.deepEqual(front(), []);
});
