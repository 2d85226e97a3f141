import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HorizontalPodAutoscaler } from '../../../../src/policy/scaling/hpa.ts';

const limits = { least: 1, most: 50 };
const hpa = (target = 10): HorizontalPodAutoscaler => new HorizontalPodAutoscaler(target, limits);

test('pods are ceil(pods x metric / target), within the limits', () => {
  assert.equal(hpa().decide(55, 4, 0), 6);
  assert.equal(hpa().decide(0, 4, 0), 1);
  assert.equal(hpa().decide(10_000, 40, 0), 50);
});

test('a ratio within a tenth of 1 changes nothing', () => {
  assert.equal(hpa().decide(43, 4, 0), 4);
  assert.equal(hpa().decide(37, 4, 0), 4);
  assert.equal(hpa().decide(45, 4, 0), 5);
});

test('upwards the number at most doubles, or grows by four', () => {
  assert.equal(hpa().decide(500, 2, 0), 6);
  assert.equal(hpa().decide(500, 10, 0), 20);
});

test('downwards the highest recommendation of five minutes counts', () => {
  const scaler = hpa();
  assert.equal(scaler.decide(100, 10, 0), 10);
  for (let now = 15; now < 300; now += 15) assert.equal(scaler.decide(20, 10, now), 10);
  assert.equal(scaler.decide(20, 10, 300), 2);
});
