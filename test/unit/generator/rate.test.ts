import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DecayingRate } from '../../../src/generator/rate.ts';

test('DecayingRate reaches a steady rate and forgets it', () => {
  const rate = new DecayingRate(5000);
  for (let now = 0; now < 30_000; now += 10) rate.count(now);
  assert.ok(Math.abs(rate.perSecond(30_000) - 100) < 0.5, `${rate.perSecond(30_000)}`);
  assert.ok(Math.abs(rate.perSecond(35_000) - 100 / Math.E) < 0.5);
});

test('DecayingRate gives the same answer when it is read twice', () => {
  const rate = new DecayingRate(5000);
  rate.count(0);
  rate.perSecond(9000);
  assert.equal(rate.perSecond(0), 0.2);
});
