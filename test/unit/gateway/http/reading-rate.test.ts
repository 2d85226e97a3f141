import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReadingRate } from '../../../../src/gateway/http/reading-rate.ts';

test('ReadingRate takes five seconds before it says that a client is too slow', () => {
  const rate = new ReadingRate(0, 0);
  assert.equal(rate.isTooSlow(0, 4999), false);
  assert.equal(rate.isTooSlow(0, 5000), true);
});

test('ReadingRate accepts a client at the least rate, and rejects one that has become slow', () => {
  const rate = new ReadingRate(1000, 0);
  assert.equal(rate.isTooSlow(1000 + 5 * 4096, 5000), false);
  assert.equal(rate.isTooSlow(1000 + 10 * 4096, 10_000), false);
  assert.equal(rate.isTooSlow(1000 + 10 * 4096, 15_000), true);
});
