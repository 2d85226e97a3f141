import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClientLoop } from '../../../../src/policy/admission/client-loop.ts';
import { RefusalPause } from '../../../../src/policy/admission/refusal-pause.ts';

/** Pauses of a client that comes back `returnMs` after each refusal. */
function pauses(pause: RefusalPause, count: number, returnMs: number, from = 1000): number[] {
  let now = from;
  return Array.from({ length: count }, () => {
    const startedAt = now;
    const pauseMs = pause.refused(startedAt, startedAt);
    now = startedAt + pauseMs + returnMs;
    return pauseMs;
  });
}

test('RefusalPause: a client that comes back at once is refused later each time, 100 ms at most', () => {
  const found = [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 100, 100, 100];
  assert.deepEqual(pauses(new RefusalPause(), found.length, 0.2), found);
  assert.deepEqual(pauses(new RefusalPause(), found.length, 200), found);
});

test('RefusalPause: a client that waits is never delayed, however often it is refused', () => {
  for (const returnMs of [250, 1000, 5000]) {
    assert.deepEqual(pauses(new RefusalPause(), 50, returnMs), Array<number>(50).fill(0));
  }
});

test('RefusalPause: an impatient client stays so after a wait in the queue, and is patient once it was served or has waited', () => {
  const pause = new RefusalPause();
  pauses(pause, 4, 100);
  assert.equal(pause.isImpatient(1300), false);
  assert.equal(pause.refused(1400, 1400), 1);
  assert.equal(pause.isImpatient(1410), true);
  pause.timedOut(1410, 2410);
  assert.deepEqual([pause.isImpatient(2415), pause.isImpatient(2660)], [true, false]);
  pause.served(2500);
  assert.equal(pause.isImpatient(2501), false);
  // One more refusal shows that it has not changed; a wait, that it has.
  assert.equal(pause.refused(2501, 2501), 1);
  assert.equal(pause.isImpatient(2502), true);
  pause.served(2600);
  assert.equal(pause.refused(2900, 2900), 0);
  pause.forget();
  assert.equal(pause.hasStreak, false);
});

/** Connections that have been open for a second; each of `busy` is in use all the time but for moments. */
function loopOf(open: number, busy: number): ClientLoop<number> {
  const loop = new ClientLoop<number>();
  for (let connection = 0; connection < open; connection++) loop.opened(connection, 0);
  for (let now = 0; now <= 1000; now += 10) {
    for (let connection = 0; connection < busy; connection++) {
      loop.busy(connection);
      loop.idle(connection, now);
    }
  }
  return loop;
}

test('ClientLoop: a closed loop has no connection to spare, or one beside it that is not its own', () => {
  for (const [open, busy] of [
    [1, 1],
    [64, 64],
    [65, 64],
    [800, 780],
  ] as const) {
    assert.equal(loopOf(open, busy).isClosed(1010), true, `${busy} of ${open}`);
  }
});

test('ClientLoop: an open loop has connections to spare', () => {
  for (const [open, busy] of [
    [4, 2],
    [80, 60],
    [800, 700],
  ] as const) {
    assert.equal(loopOf(open, busy).isClosed(1010), false, `${busy} of ${open}`);
  }
});

test('ClientLoop: new connections do not count as spare, and closed ones are not counted', () => {
  const loop = loopOf(100, 100);
  for (let connection = 100; connection < 120; connection++) loop.opened(connection, 1005);
  assert.equal(loop.isClosed(1010), false);
  for (let connection = 100; connection < 120; connection++) loop.closed(connection);
  assert.equal(loop.open, 100);
  for (let connection = 0; connection < 100; connection++) loop.idle(connection, 1300);
  assert.equal(loop.isClosed(1400), true);
});
