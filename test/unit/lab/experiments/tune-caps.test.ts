import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeCaps } from '../../../../src/lab/experiments/tune-caps.ts';
import type { Merits } from '../../../../src/lab/tuning/merits.ts';
import { merits, targets } from '../tuning/configurations.ts';

/** Three runs, a little apart, as runs are. */
const runs = (perSecond: number, p99Ms: number): Merits[] =>
  [0.99, 1, 1.01].map((factor) => merits(perSecond * factor, p99Ms * factor, 100));

test('judgeCaps takes the cap with the highest throughput of those that are certainly better', () => {
  const found = judgeCaps(
    new Map([
      [2, runs(100, 40)],
      [4, runs(200, 40)],
      [8, runs(150, 80)],
    ]),
    { baseline: 2, targets },
  );
  assert.equal(found.chosen, 4);
  assert.equal(found.gain?.by, 'throughput');
  assert.equal(Math.round(found.after.throughputPerSecond), 200);
});

test('judgeCaps takes the smallest of equal caps', () => {
  const equal = new Map([2, 4, 8].map((cap) => [cap, runs(cap === 2 ? 100 : 200 + cap / 4, 40)]));
  assert.equal(judgeCaps(equal, { baseline: 2, targets }).chosen, 4);
});

test('judgeCaps leaves the present cap where the others are as good, worse, or fast only by missing the targets', () => {
  const others = new Map([
    [4, runs(200, 40)],
    [6, runs(202, 41)],
    [2, runs(100, 40)],
    [16, runs(300, 900)],
  ]);
  const found = judgeCaps(others, { baseline: 4, targets });
  assert.deepEqual([found.chosen, found.gain], [4, undefined]);
});

test('judgeCaps leaves a cap that misses the targets for one that keeps them', () => {
  const found = judgeCaps(
    new Map([
      [16, runs(300, 900)],
      [4, runs(200, 40)],
    ]),
    { baseline: 16, targets },
  );
  assert.deepEqual([found.chosen, found.gain?.by], [4, 'the targets']);
});
