import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../../../src/core/random.ts';
import { DelayBound } from '../../../../src/policy/admission/delay-bound.ts';
import { expectedWaitMs } from '../../../../src/policy/admission/expected-wait.ts';

const SERVICE_MS = 55;
const SLOTS = 24;

interface Slot {
  startedAt: number;
  next: Slot | undefined;
}

/** Poisson arrivals at `load` times the capacity of 24 slots of 55 ms, behind a first-in-first-out queue with the bound. */
function offer(load: number, seconds: number, seed: number) {
  const random = seededRandom(seed);
  const bound = new DelayBound({ maxMs: 1000 });
  const busy: Slot[] = [];
  const queue: number[] = [];
  const latencies: number[] = [];
  let refused = 0;
  const start = (now: number, arrived: number): void => {
    const slot = { startedAt: now, next: undefined };
    const last = busy.at(-1);
    if (last !== undefined) last.next = slot;
    busy.push(slot);
    latencies.push(now + SERVICE_MS - arrived);
  };
  const serveUntil = (now: number): void => {
    while (busy[0] !== undefined && busy[0].startedAt + SERVICE_MS <= now) {
      const end = (busy.shift() as Slot).startedAt + SERVICE_MS;
      const arrived = queue.shift();
      if (arrived === undefined) continue;
      if (queue.length === 0) bound.changed(true, end);
      start(end, arrived);
    }
  };
  for (let now = 0; now < seconds * 1000;) {
    now += (-Math.log(1 - random()) * SERVICE_MS) / SLOTS / load;
    serveUntil(now);
    if (busy.length < SLOTS) {
      start(now, now);
      continue;
    }
    const situation = { ahead: queue.length, concurrency: SLOTS, serviceMs: SERVICE_MS, oldest: busy[0] };
    if (expectedWaitMs(situation, now) > bound.allowedMs(SERVICE_MS)) {
      refused++;
      bound.exceeded(now);
      continue;
    }
    if (queue.length === 0) bound.changed(false, now);
    queue.push(now);
  }
  latencies.sort((left, right) => left - right);
  const goodput = latencies.length / ((seconds * 1000 * SLOTS) / SERVICE_MS);
  return { refused, goodput, p99: latencies[Math.floor(latencies.length * 0.99)] as number, standing: bound.standing };
}

test('DelayBound refuses nobody at 90 % of capacity, in ten minutes of Poisson arrivals', () => {
  const refused = Array.from({ length: 20 }, (_, seed) => offer(0.9, 30, seed + 1).refused);
  assert.ok(refused.reduce((sum, count) => sum + count, 0) <= 2, `refused ${refused.join(' ')}`);
});

for (const load of [1, 1.1, 1.5, 2, 4, 10]) {
  test(`DelayBound at ${load} times the capacity: goodput of at least 98 %, 99 of 100 admitted within 140 ms`, () => {
    const { goodput, p99, standing } = offer(load, 60, 7);
    assert.ok(goodput >= 0.98, `goodput ${goodput}`);
    assert.ok(p99 <= 140, `p99 ${p99} ms`);
    assert.equal(standing, true);
  });
}

test('DelayBound forgets an overload once the queue has been empty for a third of two seconds', () => {
  const bound = new DelayBound({ maxMs: 1000 });
  bound.changed(false, 0);
  bound.exceeded(100);
  assert.equal(Math.round(bound.allowedMs(100)), 110);
  bound.changed(true, 200);
  bound.changed(false, 900);
  assert.equal(bound.standing, true);
  bound.changed(true, 1000);
  bound.changed(false, 2000);
  assert.equal(bound.standing, false);
  assert.equal(bound.allowedMs(100), 240);
});

test('DelayBound stays within the longest wait, and above what timers take', () => {
  const bound = new DelayBound({ maxMs: 500 });
  assert.deepEqual(
    [1, 55, 10_000].map((serviceMs) => Math.round(bound.allowedMs(serviceMs))),
    [100, 132, 500],
  );
  assert.equal(bound.overdueMs(55), 500);
  bound.exceeded(0);
  assert.deepEqual(
    [1, 55, 10_000].map((serviceMs) => Math.round(bound.allowedMs(serviceMs))),
    [60, 61, 500],
  );
  assert.equal(Math.round(bound.overdueMs(55)), 121);
});

test('expectedWaitMs takes the larger of what the rate and what the ages say', () => {
  const third = { startedAt: 40, next: undefined };
  const oldest = { startedAt: 0, next: { startedAt: 20, next: third } };
  const wait = (ahead: number, now: number): number =>
    expectedWaitMs({ ahead, concurrency: 3, serviceMs: 60, oldest }, now);
  assert.equal(wait(0, 45), 20);
  assert.equal(wait(0, 10), 50);
  assert.equal(wait(2, 45), 60);
  assert.equal(wait(3, 10), 110);
  assert.equal(wait(0, 500), 20);
  assert.equal(expectedWaitMs({ ahead: 9, concurrency: 1000, serviceMs: 100, oldest }, 0), 1);
});
