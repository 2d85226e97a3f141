import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unexcusedFailures } from '../../fleet/checkers/availability.ts';
import { clientErrors } from '../../fleet/checkers/client-errors.ts';

const call = (host: string, startMs: number, endMs: number, outcome: number | string = 200) => ({
  host,
  startMs,
  endMs,
  outcome,
});
const away = [{ startMs: 100, endMs: 200 }];
const floors = new Map([
  ['host1', 2],
  ['host2', 1],
]);

test('unexcusedFailures finds a refusal while Valkey is away and the demand is within the floor', () => {
  const refused = call('host1', 120, 130, 503);
  assert.deepEqual(unexcusedFailures([call('host1', 110, 150), refused], away, floors), [refused]);
});

test('unexcusedFailures excuses a refusal above the floor, and one at another time', () => {
  const above = [call('host1', 110, 150), call('host1', 110, 150), call('host1', 120, 130, 503)];
  assert.deepEqual(unexcusedFailures(above, away, floors), []);
  assert.deepEqual(unexcusedFailures([call('host1', 210, 220, 503)], away, floors), []);
  assert.deepEqual(unexcusedFailures([call('host1', 90, 120, 503)], away, floors), []);
});

test('unexcusedFailures counts the demand of each host by itself, and no floor as none', () => {
  const refused = call('host2', 120, 130, 'TIMEOUT');
  const others = [call('host1', 110, 150), call('host1', 110, 150)];
  assert.deepEqual(unexcusedFailures([...others, refused], away, floors), [refused]);
  assert.deepEqual(unexcusedFailures([call('host3', 120, 130, 503)], away, floors), []);
});

test('clientErrors finds resets, timeouts and refusals, and not a connection that nobody took', () => {
  const calls = [call('host1', 0, 1), call('host1', 0, 1, 'ECONNREFUSED'), call('host1', 0, 1, 'ECONNRESET')];
  assert.deepEqual(clientErrors([...calls, call('host2', 0, 1, 503)]), [calls[2], call('host2', 0, 1, 503)]);
});
