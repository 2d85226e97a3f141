import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { test } from 'node:test';
import { ConnectionAges } from '../../../../src/gateway/http1/connection-ages.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

for (const [random, ageMs] of [
  [0, 270_000],
  [0.5, 300_000],
  [0.999_999, 329_999],
] as const) {
  test(`a connection is old after 300 s, give or take a tenth: a draw of ${random}`, () => {
    const clock = new ManualClock();
    const ages = new ConnectionAges(300_000, clock, () => random);
    const connection = new Socket();
    ages.opened(connection);
    clock.advance(ageMs - 1);
    assert.equal(ages.isOld(connection), false);
    clock.advance(2);
    assert.equal(ages.isOld(connection), true);
  });
}

test('without a limit no connection is old, nor is one whose start was not seen', () => {
  const clock = new ManualClock();
  const ages = new ConnectionAges(0, clock, () => 0.5);
  const connection = new Socket();
  ages.opened(connection);
  clock.advance(1e12);
  assert.equal(ages.isOld(connection), false);
  assert.equal(new ConnectionAges(1, clock, () => 0.5).isOld(connection), false);
});
