import assert from 'node:assert/strict';
import { test } from 'node:test';
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
  const found = pauses(new RefusalPause(), 24, 0.2);
  assert.deepEqual(found, [...Array<number>(12).fill(0), 1, 2, 4, 8, 16, 32, 64, 100, 100, 100, 100, 100]);
});

test('RefusalPause: a client that waits is never delayed, however often it is refused', () => {
  for (const returnMs of [250, 1000, 5000]) {
    assert.deepEqual(pauses(new RefusalPause(), 50, returnMs), Array<number>(50).fill(0));
  }
});

test('RefusalPause forgets the streak when a request was served, or when the client has waited', () => {
  const pause = new RefusalPause();
  pauses(pause, 20, 0);
  pause.served();
  assert.deepEqual(pauses(pause, 12, 0), Array<number>(12).fill(0));
  pauses(pause, 20, 0);
  assert.deepEqual(pauses(pause, 12, 0, 100_000), Array<number>(12).fill(0));
});

test('RefusalPause: a client is impatient from the fifth time in a row on, also after a wait in the queue, until it waits', () => {
  const pause = new RefusalPause();
  pauses(pause, 3, 0);
  assert.equal(pause.isImpatient(1000), false);
  pauses(pause, 1, 0);
  assert.equal(pause.isImpatient(1010), true);
  pause.timedOut(1010, 2010);
  assert.deepEqual([pause.isImpatient(2015), pause.isImpatient(2260)], [true, false]);
  pause.served();
  assert.equal(pause.isImpatient(2015), false);
});
