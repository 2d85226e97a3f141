import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FleetBook } from '../../../../src/policy/fleet/fleet-book.ts';
import type { FleetGrants } from '../../../../src/policy/fleet/fleet-call.ts';
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

/** When a host whose requests wait calls, by the milliseconds since its first call. `donors`: the hosts that the book asks for permits. */
function asksIn(ms: number, { donors, isDue = false }: { donors: string[]; isDue?: boolean }): number[] {
  const lease = leasedAt(0);
  assert.equal(lease.isCallDue(90, false, false), false, 'no request waits yet');
  const asked: number[] = [];
  const answer: FleetGrants = {
    status: 'granted',
    now: 0,
    incarnation: 1,
    hosts: 3,
    learning: false,
    grants: [{ backend: use.backend, permits: 0, floor: 0, cap: 24, wanted: 60, recallTo: -1 }],
    donors,
  };
  for (let now = 100; now <= 100 + ms; now += 10) {
    if (!lease.isCallDue(now, isDue, true)) continue;
    asked.push(now - 100);
    lease.answered(lease.call([use], at(now)), { ...answer, now }, { now, wall: now, random: 0.5 });
  }
  return asked;
}

test('a host whose requests wait asks every 20 ms while other hosts are asked for permits, and then less and less often', () => {
  assert.deepEqual(asksIn(700, { donors: ['b'] }), [0, 20, 40, 60, 80, 100, 140, 220, 380, 540, 700]);
});

test('a host whose requests wait asks less and less often at once if no other host has permits to give', () => {
  assert.deepEqual(asksIn(500, { donors: [] }), [0, 40, 120, 280, 440]);
});

test('a host that asked in vain answers other hosts at once when none of its own requests waits any more', () => {
  const lease = leasedAt(0);
  for (let now = 100; now <= 500; now += 20) {
    if (lease.isCallDue(now, false, true)) lease.call([use], at(now));
  }
  assert.equal(lease.isCallDue(501, true, true), false, 'its own requests wait, as before');
  assert.equal(lease.isCallDue(520, true, false), true);
});
