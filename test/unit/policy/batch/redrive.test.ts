import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { redriveRanges } from '../../../../src/policy/batch/redrive.ts';

const broken = (item: number) => ({ item, reason: 'upstream-failed' });
const dead = (item: number) => ({ item, reason: 'dead-letter' });

describe('redriveRanges', () => {
  test('items near each other share a chunk, which is no longer than its size', () => {
    assert.deepEqual(redriveRanges([broken(9), broken(1), broken(10), broken(250), broken(251)], 250), [
      { first: 1, count: 250 },
      { first: 251, count: 1 },
    ]);
    assert.deepEqual(redriveRanges([broken(7), broken(300)], 250), [
      { first: 7, count: 1 },
      { first: 300, count: 1 },
    ]);
  });

  test('a dead letter stands alone, also between others', () => {
    assert.deepEqual(redriveRanges([broken(1), broken(2), dead(3), dead(4), broken(5), broken(6)], 250), [
      { first: 1, count: 2 },
      { first: 3, count: 1 },
      { first: 4, count: 1 },
      { first: 5, count: 2 },
    ]);
  });

  test('nothing is no chunk', () => assert.deepEqual(redriveRanges([], 250), []));
});
