import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fleetLibrary } from '../../../../src/control/fleet/fleet-function.ts';
import {
  FORGET_MS,
  LEARNING_MS,
  LEASE_MS,
  SHORTAGE_MS,
  SILENCE_MS,
  TURN_MS,
} from '../../../../src/policy/fleet/fleet-times.ts';

test('the function in Valkey has the times of the plain code', () => {
  const [, names, numbers] = /^local (LEASE, [A-Z, ]+) = ([\d, ]+)$/m.exec(fleetLibrary.code) ?? [];
  assert.equal(names, 'LEASE, LEARNING, FORGET, SILENCE, SHORTAGE, TURN');
  assert.deepEqual(numbers?.split(', ').map(Number), [
    LEASE_MS,
    LEARNING_MS,
    FORGET_MS,
    SILENCE_MS,
    SHORTAGE_MS,
    TURN_MS,
  ]);
});
