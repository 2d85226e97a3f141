import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SharedBreaker } from '../../../../src/policy/cache/shared-breaker.ts';

test('SharedBreaker opens after five failures in a row, probes once a second, and closes with a success', () => {
  const breaker = new SharedBreaker();
  for (let index = 0; index < 4; index++) breaker.failed(0);
  breaker.succeeded();
  for (let index = 0; index < 4; index++) breaker.failed(0);
  assert.deepEqual([breaker.isOpen, breaker.allows(0)], [false, true]);
  breaker.failed(100);
  assert.deepEqual([breaker.isOpen, breaker.allows(1099)], [true, false]);
  assert.deepEqual([breaker.allows(1100), breaker.allows(1100)], [true, false], 'one call at a time probes it');
  breaker.failed(1110);
  assert.deepEqual([breaker.allows(2109), breaker.allows(2110)], [false, true]);
  breaker.succeeded();
  assert.deepEqual([breaker.isOpen, breaker.allows(2110), breaker.allows(2110)], [false, true, true]);
});
