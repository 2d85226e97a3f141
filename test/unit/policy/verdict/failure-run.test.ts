import assert from 'node:assert/strict';
import { test } from 'node:test';
import { afterCounts, type FailureRun } from '../../../../src/policy/verdict/failure-run.ts';

/** How many have failed in a row after each look; `[successes, failures, seconds]`. */
function runs(...looks: readonly (readonly [number, number, number])[]): number[] {
  let run: FailureRun | undefined;
  return looks.map(([successes, failures, seconds]) => {
    run = afterCounts(run, { successes, failures }, seconds * 1000);
    return run.inARow;
  });
}

test('afterCounts: adds failures up, begins anew with a success, and counts nothing from before the first look', () => {
  assert.deepEqual(runs([10, 100, 0], [10, 101, 1], [10, 103, 2], [11, 103, 3], [11, 104, 4]), [0, 1, 3, 0, 1]);
});

test('afterCounts: forgets failures after ten minutes, and takes counters that fall for those of another process', () => {
  assert.deepEqual(runs([0, 0, 0], [0, 4, 1], [0, 4, 600], [0, 4, 602]), [0, 4, 4, 0]);
  assert.deepEqual(runs([5, 5, 0], [5, 8, 1], [1, 2, 2], [1, 3, 3]), [0, 3, 3, 4]);
});
