import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../../../src/core/random.ts';
import { QueueBound } from '../../../../src/policy/admission/queue-bound.ts';
import { ServiceTime } from '../../../../src/policy/admission/service-time.ts';

const SERVICE_MS = 55;
const SLOTS = 24;

/** Poisson arrivals at `load` times the capacity of 24 slots of 55 ms, behind a first-in-first-out queue with the bound. */
function offer(load: number, seconds: number, seed: number) {
  const random = seededRandom(seed);
  const bound = new QueueBound({ maxWaitMs: 'auto', timeoutMs: 1000, isTimeoutSet: false });
  const busy: number[] = [];
  const queue: number[] = [];
  const latencies: number[] = [];
  let refused = 0;
  const start = (now: number, arrived: number): void => {
    busy.push(now);
    latencies.push(now + SERVICE_MS - arrived);
  };
  const serveUntil = (now: number): void => {
    while (busy[0] !== undefined && busy[0] + SERVICE_MS <= now) {
      const end = (busy.shift() as number) + SERVICE_MS;
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
    if (queue.length >= bound.allowed({ permits: SLOTS, serviceMs: SERVICE_MS }, now)) {
      refused++;
      bound.exceeded(now);
      continue;
    }
    if (queue.length === 0) bound.changed(false, now);
    queue.push(now);
  }
  latencies.sort((left, right) => left - right);
  const goodput = latencies.length / ((seconds * 1000 * SLOTS) / SERVICE_MS);
  return {
    refused,
    goodput,
    p99: latencies[Math.floor(latencies.length * 0.99)] as number,
    standing: bound.isStanding(seconds * 1000),
  };
}

test('QueueBound refuses no request at 90 % of capacity, in ten minutes of Poisson arrivals', () => {
  const refused = Array.from({ length: 20 }, (_, seed) => offer(0.9, 30, seed + 1).refused);
  assert.ok(refused.reduce((sum, count) => sum + count, 0) <= 2, `refused ${refused.join(' ')}`);
});

for (const load of [1, 1.1, 1.5, 2, 4, 10]) {
  test(`QueueBound at ${load} times the capacity: goodput of at least 98 %, 99 of 100 admitted within 140 ms`, () => {
    const { goodput, p99, standing } = offer(load, 60, 7);
    assert.ok(goodput >= 0.98, `goodput ${goodput}`);
    assert.ok(p99 <= 140, `p99 ${p99} ms`);
    assert.equal(standing, true);
  });
}

const bound = (more: Partial<ConstructorParameters<typeof QueueBound>[0]> = {}): QueueBound =>
  new QueueBound({ maxWaitMs: 'auto', timeoutMs: 1000, isTimeoutSet: false, ...more });

test('QueueBound forgets an overload once the queue has been empty for a third of two seconds', () => {
  const queue = bound();
  const situation = { permits: 10, serviceMs: 100 };
  queue.changed(false, 0);
  for (let now = 100; now <= 2000; now += 100) queue.exceeded(now);
  assert.equal(queue.allowed(situation, 2000), 10);
  queue.changed(true, 2100);
  queue.changed(false, 2800);
  queue.exceeded(2800);
  assert.equal(queue.isStanding(2800), true);
  queue.changed(true, 2900);
  queue.changed(false, 3900);
  assert.equal(queue.isStanding(3900), false);
  assert.equal(queue.allowed(situation, 3900), 24);
});

test('QueueBound forgets an overload five seconds after the last refusal, though the queue was never empty', () => {
  const queue = bound();
  queue.changed(false, 0);
  queue.exceeded(100);
  assert.deepEqual([queue.isStanding(5099), queue.isStanding(5100)], [true, false]);
});

test('QueueBound counts rounds of the permits: a machine that serves at a tenth of its rate refuses no more', () => {
  const queue = bound();
  const allowed = (permits: number, serviceMs: number): number =>
    Math.round(queue.allowed({ permits, serviceMs }, 0) * 10) / 10;
  // Bursts, then standing: 55 ms and 550 ms to a round are the same queue; below 42 ms a round is short, and time counts.
  assert.deepEqual([allowed(100, 55), allowed(100, 400), allowed(8, 5)], [240, 240, 160]);
  queue.exceeded(0);
  assert.deepEqual([allowed(100, 55), allowed(100, 550), allowed(8, 5)], [100, 100, 80]);
  // Rounds that take longer than the timeout: nobody set it.
  assert.deepEqual([allowed(16, 4000), allowed(16, 999), allowed(16, 40_000)], [16, 16, 12]);
  const strict = bound({ isTimeoutSet: true });
  const strictly = [4000, 1000, 999].map((serviceMs) => strict.allowed({ permits: 16, serviceMs }, 0));
  assert.deepEqual(strictly.map(Math.round), [4, 16, 16]);
  assert.equal(queue.allowed({ permits: 16, serviceMs: 0 }, 0), Number.POSITIVE_INFINITY);
});

test('QueueBound admits requests whose expected wait is within the setting, and always one round', () => {
  const queue = bound({ maxWaitMs: 30_000, timeoutMs: 30_000 });
  queue.exceeded(0);
  assert.equal(queue.allowed({ permits: 16, serviceMs: 4000 }, 0), 120);
  assert.equal(queue.allowed({ permits: 16, serviceMs: 60_000 }, 0), 16);
});

test('ServiceTime is the time in flight over the requests that ended, however the quick ones crowd together', () => {
  const time = new ServiceTime(0);
  const held: number[] = [];
  const end = (now: number): void => time.ended(now);
  // Nine of ten take 5 ms, one of ten 500 ms, all on permits of their own.
  const ends: number[] = [];
  for (let count = 0; count < 2000; count++) {
    const now = count * 10;
    for (const at of ends.filter((at) => at <= now).sort((left, right) => left - right)) {
      end(at);
      ends.splice(ends.indexOf(at), 1);
    }
    time.started(now);
    const serviceMs = count % 10 === 0 ? 500 : 5;
    held.push(serviceMs);
    ends.push(now + serviceMs);
    if (count === 50) assert.equal(time.meanMs(now), 0);
  }
  const exact = held.reduce((sum, value) => sum + value, 0) / held.length;
  const found = time.meanMs(20_000);
  assert.ok(Math.abs(found / exact - 1) < 0.05, `${found} for ${exact}`);
});
