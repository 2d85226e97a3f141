import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeKnee, findKnee, type LoadPoint } from '../../../../src/lab/experiments/knee.ts';

/** A closed system of `slots` of 50 ms each: throughput grows until they are full, and then latency does. */
function closed(loads: readonly number[], slots: number): LoadPoint[] {
  return loads.map((load) => {
    const latencyMs = 50 * Math.max(1, load / slots);
    return { load, throughput: (load * 1000) / latencyMs, meanMs: latencyMs, tailMs: latencyMs * 1.1 };
  });
}

const loads = [2, 4, 6, 8, 10, 12, 14, 16, 18, 20];

test('findKnee of a system with slots finds their number by every way', () => {
  const knee = findKnee(closed(loads, 10), 56);
  assert.deepEqual(knee, { throughput: 10, latency: 10, power: 10, target: 10, load: 10 });
  assert.equal(
    describeKnee(knee, 'connections'),
    'Knee at 10 connections: throughput levels off at 10, latency takes off at 10, throughput over latency is highest at 10, the latency target holds up to 10.',
  );
});

test('findKnee is not led astray by loads that are not evenly spaced', () => {
  assert.deepEqual(findKnee(closed([1, 2, 4, 8, 12, 16, 24, 32, 40], 8), 1000).latency, 8);
});

test('findKnee says that there is no sharp one where its ways differ by more than a fifth', () => {
  const knee = findKnee(closed(loads, 10), 70);
  assert.deepEqual([knee.target, knee.load], [12, 10], 'a fifth apart is near enough');
  const apart = findKnee(closed(loads, 10), 80);
  assert.deepEqual([apart.target, apart.load], [14, undefined]);
  assert.match(describeKnee(apart, 'connections') ?? '', /^No sharp knee: throughput levels off at 10, .* up to 14\.$/);
});

test('findKnee finds no knee beyond the measured loads', () => {
  const straight = findKnee(closed([1, 2, 3, 4, 5], 10), 1000);
  assert.deepEqual([straight.throughput, straight.target, straight.load], [undefined, undefined, undefined]);
  assert.equal(describeKnee(findKnee(closed([1, 2, 3], 2), 10), 'connections'), undefined);
  const dead = loads.map((load) => ({ load, throughput: 0, meanMs: Number.NaN, tailMs: Number.NaN }));
  assert.equal(describeKnee(findKnee(dead, 10), 'connections'), undefined);
  const beyond = findKnee(closed(loads, 10), 10);
  assert.equal(beyond.target, undefined, 'even the lowest is beyond it');
});
