import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../../../src/core/random.ts';
import { AdaptiveLimit } from '../../../../src/policy/admission/adaptive-limit.ts';

interface Situation {
  readonly permits: number;
  /** Requests that the backends really work on at a time; the rest queues there. */
  readonly slots: number;
  readonly serviceMs: number;
  /** Requests in flight at most, for want of more. */
  readonly demand: number;
}

/** A worker whose in-flight requests queue behind `slots`: latency follows by Little's law. Returns the limit at the end. */
function run(
  limit: AdaptiveLimit,
  { permits, slots, serviceMs, demand }: Situation,
  fromMs: number,
  toMs: number,
): number {
  for (let now = fromMs; now < toMs;) {
    const inFlight = Math.min(demand, limit.of(permits, 2));
    const latencyMs = serviceMs * Math.max(1, inFlight / slots);
    limit.sample({ latencyMs, routeClass: 0, inFlight, dropped: false }, permits, now);
    now += latencyMs / inFlight;
  }
  return limit.of(permits, 2);
}

test('AdaptiveLimit leaves all permits in use while backends are as fast as when idle', () => {
  const limit = new AdaptiveLimit(seededRandom(1));
  let used = 0;
  for (let second = 0; second < 300; second++) {
    used += run(limit, { permits: 24, slots: 24, serviceMs: 55, demand: 1000 }, second * 1000, (second + 1) * 1000);
  }
  assert.ok(used / 300 > 23.9, `on average ${used / 300}`);
});

test('AdaptiveLimit finds what the backends take when their caps are eight times too high, and stays there for an hour', () => {
  const limit = new AdaptiveLimit(seededRandom(2));
  const situation = { permits: 192, slots: 24, serviceMs: 55, demand: 1000 };
  run(limit, situation, 0, 60_000);
  const limits: number[] = [];
  for (let minute = 1; minute < 60; minute++)
    limits.push(run(limit, situation, minute * 60_000, (minute + 1) * 60_000));
  assert.ok(Math.min(...limits) >= 24 && Math.max(...limits) <= 40, `limits ${limits.join(' ')}`);
});

test('AdaptiveLimit does not grow while it is not in use', () => {
  const limit = new AdaptiveLimit(seededRandom(3));
  const busy = { permits: 192, slots: 24, serviceMs: 55, demand: 1000 };
  run(limit, busy, 0, 60_000);
  // The window in which the load goes was in use.
  const found = run(limit, { ...busy, demand: 6 }, 60_000, 61_000);
  assert.equal(run(limit, { ...busy, demand: 6 }, 61_000, 120_000), found);
  assert.ok(found < 40);
});

test('AdaptiveLimit follows backends that have become slower for good, without taking it for a queue', () => {
  const limit = new AdaptiveLimit(seededRandom(4));
  run(limit, { permits: 24, slots: 24, serviceMs: 55, demand: 8 }, 0, 20_000);
  run(limit, { permits: 24, slots: 24, serviceMs: 110, demand: 8 }, 20_000, 40_000);
  assert.equal(run(limit, { permits: 24, slots: 24, serviceMs: 110, demand: 1000 }, 40_000, 60_000), 24);
});

test('AdaptiveLimit gives all permits back to backends that became slower under full load', () => {
  const limit = new AdaptiveLimit(seededRandom(7));
  run(limit, { permits: 24, slots: 24, serviceMs: 55, demand: 1000 }, 0, 60_000);
  let now = 60_000;
  for (const serviceMs of [82, 246, 55]) {
    const limits: number[] = [];
    for (let second = 0; second < 60; second++, now += 1000) {
      limits.push(run(limit, { permits: 24, slots: 24, serviceMs, demand: 1000 }, now, now + 1000));
    }
    assert.equal(limits.at(-1), 24, `${serviceMs} ms: ${limits.join(' ')}`);
  }
});

test('AdaptiveLimit takes a change of the mix for what it is: each class has its own baseline', () => {
  const limit = new AdaptiveLimit(seededRandom(5));
  const sample = (routeClass: number, latencyMs: number, now: number): void =>
    limit.sample({ latencyMs, routeClass, inFlight: 8, dropped: false }, 24, now);
  for (let now = 0; now < 10_000; now += 10) {
    sample(0, 5, now);
    if (now % 100 === 0) sample(1, 25, now);
  }
  for (let now = 10_000; now < 20_000; now += 10) sample(1, 25, now);
  assert.equal(limit.part, 1);
});

test('AdaptiveLimit gives way to drops, down to its floor, and comes back', () => {
  const limit = new AdaptiveLimit(seededRandom(6));
  for (let now = 0; now < 30_000; now += 10) {
    limit.sample({ latencyMs: 50, routeClass: 0, inFlight: 20, dropped: now % 100 === 0 }, 24, now);
  }
  assert.deepEqual([limit.of(24, 3), limit.of(24, 1), limit.of(1, 3)], [3, 2, 1]);
  run(limit, { permits: 24, slots: 24, serviceMs: 50, demand: 1000 }, 30_000, 60_000);
  assert.equal(limit.of(24, 2), 24);
});
