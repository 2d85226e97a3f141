import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RefusedKeys } from '../../../../src/gateway/limits/refused-keys.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

function counted() {
  const clock = new ManualClock();
  const keys = new RefusedKeys(clock);
  const refuse = (id: string, times: number, reason = 'rate-limited'): void => {
    for (let time = 0; time < times; time++) keys.count(id, `name of ${id}`, reason);
  };
  return { clock, keys, refuse };
}

test('RefusedKeys shows the keys of the last five seconds, the most refused first, by reason and per second', () => {
  const { clock, keys, refuse } = counted();
  refuse('a', 5);
  refuse('b', 10);
  refuse('b', 20, 'overloaded');
  assert.deepEqual(keys.shown(), [], 'these five seconds are not over');
  clock.advance(5000);
  refuse('c', 100);
  assert.deepEqual(keys.shown(), [
    { id: 'b', name: 'name of b', reasons: { 'rate-limited': 2, overloaded: 4 } },
    { id: 'a', name: 'name of a', reasons: { 'rate-limited': 1 } },
  ]);
  clock.advance(5000);
  assert.deepEqual(
    keys.shown().map(({ id }) => id),
    ['c'],
  );
});

test('RefusedKeys forgets what is older than two spans, although nothing was refused since', () => {
  const { clock, keys, refuse } = counted();
  refuse('a', 5);
  clock.advance(10_000);
  assert.deepEqual(keys.shown(), []);
});

test('RefusedKeys keeps two hundred keys and shows ten, whatever clients send', () => {
  const { clock, keys, refuse } = counted();
  for (let index = 0; index < 100_000; index++) refuse(`key ${index}`, 1);
  refuse('key 7', 50);
  clock.advance(5000);
  const shown = keys.shown();
  assert.equal(shown.length, 10);
  assert.equal(shown[0]?.id, 'key 7');
});

test('RefusedKeys does not count wrong requests, which would displace keys that meet a limit', () => {
  const { clock, keys, refuse } = counted();
  for (let index = 0; index < 200; index++) refuse(`wrong ${index}`, 9, 'not-found');
  refuse('limited', 1);
  clock.advance(5000);
  assert.deepEqual(keys.shown(), [{ id: 'limited', name: 'name of limited', reasons: { 'rate-limited': 0.2 } }]);
});
