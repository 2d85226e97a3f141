import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TicketKey } from '../../../src/control/ticket-key.ts';
import { ManualClock } from '../../support/manual-clock.ts';

test('TicketKey makes another key of 48 bytes every twelve hours, until it is stopped', () => {
  const clock = new ManualClock();
  let rotations = 0;
  const key = new TicketKey(clock, () => rotations++);
  const first = key.base64;
  key.start();
  clock.advance(12 * 3_600_000 - 1);
  assert.deepEqual([key.base64, rotations], [first, 0]);
  clock.advance(1);
  assert.notEqual(key.base64, first);
  assert.equal(Buffer.from(key.base64, 'base64').length, 48);
  clock.advance(24 * 3_600_000);
  assert.equal(rotations, 3);
  key.stop();
  clock.advance(24 * 3_600_000);
  assert.equal(rotations, 3);
});
