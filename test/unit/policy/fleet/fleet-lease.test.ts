import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FleetBook } from '../../../../src/policy/fleet/fleet-book.ts';
import { type CalledUse, FleetLease } from '../../../../src/policy/fleet/fleet-lease.ts';
import { CLOCK_RATE_ERROR, LEASE_MS } from '../../../../src/policy/fleet/fleet-times.ts';

const use: CalledUse = {
  backend: 'app a',
  cap: 24,
  floorShare: 500,
  firstFloor: 0,
  bound: 0,
  inUse: 24,
  queued: 0,
  quarantineMs: 1000,
};
const at = (now: number) => ({ now, wall: now, runId: 'run-1' });

/** A host whose lease the book has just renewed, by a call that was sent at `now` and answered `answerMs` later. */
function leasedAt(now: number, answerMs = 0): FleetLease {
  const lease = new FleetLease('a');
  const book = new FleetBook();
  // The first call is only told the time.
  for (const [sentAt, answeredAt] of [
    [now - 10, now - 10],
    [now, now + answerMs],
  ] as const) {
    const sent = lease.call([use], at(sentAt));
    lease.answered(sent, book.renew(sent.call, sentAt), { now: answeredAt, wall: answeredAt, random: 0.5 });
  }
  assert.equal(lease.isRunning(now + answerMs, now + answerMs), true);
  return lease;
}

test('a lease ends at its host before it ends in the book, although clocks differ in rate and that of the book made a small step', () => {
  const lease = leasedAt(0);
  // The clock of the host is slow by what two clocks may differ, and that of the server moved on by 300 ms unseen.
  const endsAt = (LEASE_MS - 300) * (1 - CLOCK_RATE_ERROR);
  assert.equal(lease.isRunning(endsAt, endsAt), false);
});

test('a lease counts from its call, because the book may have granted it at once', () => {
  const [quick, slow] = [leasedAt(0), leasedAt(0, 240)];
  assert.equal(slow.endsAt, quick.endsAt);
});

test('a lease has ended when the machine was suspended for longer than the guard, although the own clock stood still', () => {
  const lease = leasedAt(0);
  assert.equal(lease.isRunning(100, 100 + 1000), true);
  assert.equal(lease.isRunning(100, 100 + 2000), false);
});
