import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearestName } from '../../../src/core/nearest-name.ts';

const known = ['healthPath', 'health', 'cap', 'timeoutMs', 'queueTimeoutMs'];

test('nearestName finds the name that was meant, and none for another one', () => {
  assert.equal(nearestName('healtPath', known), 'healthPath');
  assert.equal(nearestName('timeout', known), 'timeoutMs');
  assert.equal(nearestName('TIMEOUTMS', known), 'timeoutMs');
  assert.equal(nearestName('caps', known), 'cap');
  assert.equal(nearestName('helth', known), 'health');
  assert.equal(nearestName('weight', known), undefined);
  assert.equal(nearestName('certificate', known), undefined);
  assert.equal(nearestName('x', []), undefined);
});
