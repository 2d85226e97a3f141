import assert from 'node:assert/strict';
import { test } from 'node:test';
import { afterResult, type CheckResult, type HealthState } from '../../../../src/policy/health/rise-fall.ts';

const thresholds = { rise: 2, fall: 3 };
const passed: CheckResult = { passed: true, definite: false, timedOut: false };
const failed: CheckResult = { passed: false, definite: false, timedOut: false };
const timedOut: CheckResult = { passed: false, definite: false, timedOut: true };
const refused: CheckResult = { passed: false, definite: true, timedOut: false };

/** Whether it is up after each of the checks. */
function ups(checks: readonly CheckResult[], isFull: boolean): (boolean | undefined)[] {
  let state: HealthState | undefined;
  return checks.map((check) => (state = afterResult(state, check, isFull, thresholds))?.up);
}

test('the first check decides; then fall failures in a row take down, rise successes bring up', () => {
  assert.deepEqual(ups([passed, failed, failed, failed, passed, passed], false), [
    true,
    true,
    true,
    false,
    false,
    true,
  ]);
  assert.deepEqual(ups([failed, passed, passed], false), [false, false, true]);
});

test('a refused connection takes down at once, though the backend is full', () => {
  assert.deepEqual(ups([passed, refused], true), [true, false]);
});

test('a timed-out check of a full backend is ignored, one of a backend with room counts', () => {
  assert.deepEqual(ups([passed, ...Array.from({ length: 9 }, () => timedOut)], true), Array<boolean>(10).fill(true));
  assert.deepEqual(ups([passed, timedOut, timedOut, timedOut], false), [true, true, true, false]);
  assert.deepEqual(ups([timedOut, passed], true), [undefined, true]);
});

test('a backend that answers that it cannot, though it is full, is taken down', () => {
  assert.deepEqual(ups([passed, failed, failed, failed], true), [true, true, true, false]);
});
