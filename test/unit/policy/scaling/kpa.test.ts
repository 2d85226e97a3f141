import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KnativePodAutoscaler, KPA_PERIOD_SECONDS } from '../../../../src/policy/scaling/kpa.ts';

const kpa = (): KnativePodAutoscaler => new KnativePodAutoscaler(10, { least: 1, most: 50 });

/** The same metric for a while; the last decision, and the time after it. */
function hold(
  scaler: KnativePodAutoscaler,
  { metric, ready, from, seconds }: { metric: number; ready: number; from: number; seconds: number },
): number {
  let pods = 0;
  for (let now = from; now < from + seconds; now += KPA_PERIOD_SECONDS) pods = scaler.decide(metric, ready, now);
  return pods;
}

test('the mean of a minute decides while nothing panics', () => {
  const scaler = kpa();
  assert.equal(hold(scaler, { metric: 40, ready: 4, from: 0, seconds: 60 }), 4);
  // Half a minute of 60 beside half a minute of 40.
  assert.equal(hold(scaler, { metric: 60, ready: 4, from: 60, seconds: 30 }), 5);
  assert.equal(scaler.isPanicking, false);
});

test('twice the ready pods within six seconds is a panic, in which the number never falls', () => {
  const scaler = kpa();
  hold(scaler, { metric: 40, ready: 4, from: 0, seconds: 60 });
  assert.equal(hold(scaler, { metric: 200, ready: 4, from: 60, seconds: 6 }), 20);
  assert.equal(scaler.isPanicking, true);
  assert.equal(hold(scaler, { metric: 0, ready: 20, from: 66, seconds: 60 }), 20);
  // The metric of the last six seconds went below the threshold soon after 66; a minute later the panic is over.
  assert.equal(hold(scaler, { metric: 0, ready: 20, from: 126, seconds: 10 }), 10);
  assert.equal(scaler.isPanicking, false);
});

test('downwards it at most halves', () => {
  assert.equal(kpa().decide(0, 9, 0), 4);
});
