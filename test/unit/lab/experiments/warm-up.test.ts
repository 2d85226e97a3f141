import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isWarm, MAX_WARM_UPS } from '../../../../src/lab/experiments/warm-up.ts';

for (const [rates, expected, why] of [
  [[], false, 'nothing is known'],
  [[336], false, 'one round cannot be compared'],
  [[336, 368], false, 'it has become faster'],
  [[336, 368, 405], false, 'it becomes faster still'],
  [[336, 368, 405, 412], true, 'it has hardly become faster'],
  [[336, 336], true, 'it has not become faster'],
  [[400, 300], true, 'it has become slower'],
  [[400, 300, 401], true, 'only the round before was slow'],
  [[0, 0], true, 'it serves nothing'],
] as const) {
  test(`isWarm: ${rates.join(', ')} requests/s: ${why}`, () => {
    assert.equal(isWarm(rates), expected);
  });
}

test('isWarm: a system that becomes faster for ever is measured after the last round', () => {
  const rates = Array.from({ length: MAX_WARM_UPS }, (_, index) => 2 ** index);
  assert.equal(isWarm(rates), true);
  assert.equal(isWarm(rates.slice(1)), false);
});
