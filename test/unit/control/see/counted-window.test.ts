import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refusalsByReason } from '../../../../src/control/see/signals-of.ts';
import { readTotals, sumOf, sumsBy, valueOf } from '../../../../src/control/see/totals.ts';
import { bucketQuantile, CountedWindow } from '../../../../src/control/see/counted-window.ts';
import { Registry } from '../../../../src/metrics/instruments.ts';

function worker() {
  const registry = new Registry();
  const requests = registry.counter('rampart_requests_total', 'help', 'endpoint', 'status');
  const latency = registry.histogram('rampart_latency_seconds', 'help', 'endpoint');
  const delay = registry.summary('rampart_event_loop_delay_seconds', 'help', 'role', 'quantile');
  registry.counter('rampart_other_total', 'help').of().add(5);
  return { registry, requests, latency, delay };
}

test('totals add up counters over processes, and take the larger of gauges that are a maximum', () => {
  const [one, two] = [worker(), worker()];
  one.requests.of('a', '200').add(3);
  two.requests.of('a', '200').add(4);
  two.requests.of('ab', '503').add(1);
  one.delay.of('gateway', '0.99').set(0.2);
  two.delay.of('gateway', '0.99').set(0.1);
  const totals = readTotals([one.registry.snapshot(), two.registry.snapshot()]);
  assert.equal(sumOf(totals, 'rampart_requests_total'), 8);
  assert.equal(sumOf(totals, 'rampart_requests_total', 'a'), 7);
  assert.equal(valueOf(totals, 'rampart_event_loop_delay_seconds', 'gateway', '0.99'), 0.2);
  assert.deepEqual(
    [...sumsBy(totals, 'rampart_requests_total', 1)],
    [
      ['200', 7],
      ['503', 1],
    ],
  );
  assert.equal(totals.numbers.has('rampart_other_total'), false);
});

test('a window has what was counted in it, per second, and never a negative rate', () => {
  const one = worker();
  one.requests.of('a', '200').add(10);
  const start = readTotals([one.registry.snapshot()]);
  one.requests.of('a', '200').add(30);
  one.requests.of('b', '503').add(2);
  const end = readTotals([one.registry.snapshot()]);
  const window = new CountedWindow(start, end, 2);
  assert.equal(window.rate('rampart_requests_total'), 16);
  assert.equal(window.rateOf('rampart_requests_total', 'b', '503'), 1);
  assert.deepEqual(
    [...window.ratesBy('rampart_requests_total', 0)],
    [
      ['a', 15],
      ['b', 1],
    ],
  );
  assert.equal(new CountedWindow(end, start, 2).rate('rampart_requests_total'), 0);
  assert.equal(new CountedWindow(end, end, 0).rate('rampart_requests_total'), 0);
});

test('quantiles are those of the window alone, and linear within a bucket', () => {
  const one = worker();
  for (let count = 0; count < 100; count++) one.latency.of('a').observe(20);
  const start = readTotals([one.registry.snapshot()]);
  for (let count = 0; count < 10; count++) one.latency.of('a').observe(0.007);
  const window = new CountedWindow(start, readTotals([one.registry.snapshot()]), 1);
  assert.equal(window.quantileMs('rampart_latency_seconds', 0.5, 'a'), 7.5);
  assert.equal(window.quantileMs('rampart_latency_seconds', 0.5, 'b'), undefined);
  assert.equal(bucketQuantile([0, 0], [1], 0.5), undefined);
  assert.equal(bucketQuantile([0, 5], [1], 0.5), 1000);
  assert.equal(bucketQuantile([4, 4], [1], 0.25), 500);
});

test('items of batches that found no room are no refusals, and requests beside them are', () => {
  const registry = new Registry();
  const rejections = registry.counter('rampart_rejections_total', 'help', 'endpoint', 'reason');
  const start = readTotals([registry.snapshot()]);
  rejections.of('renderItem', 'overloaded').add(50);
  rejections.of('createBarcode', 'overloaded').add(4);
  rejections.of('createBarcode', 'queue-timeout').add(2);
  const window = new CountedWindow(start, readTotals([registry.snapshot()]), 2);
  assert.deepEqual(
    [...refusalsByReason(window)],
    [
      ['overloaded', 2],
      ['queue-timeout', 1],
    ],
  );
});

test('a window whose end has further bounds, as when a worker of a newer version joins, counts nothing twice', () => {
  const snapshotOf = (bounds: number[], ...values: number[]) => {
    const registry = new Registry(bounds);
    const latency = registry.histogram('rampart_latency_seconds', 'help', 'endpoint').of('a');
    for (const seconds of values) latency.observe(seconds);
    return registry.snapshot();
  };
  const start = readTotals([snapshotOf([0.1, 1], 0.05, 0.5)]);
  const end = readTotals([snapshotOf([0.1, 1], 0.05, 0.5, 0.5), snapshotOf([0.1, 0.3, 1], 0.2)]);
  const window = new CountedWindow(start, end, 1);
  assert.deepEqual(window.end.bounds, [0.1, 0.3, 1]);
  assert.deepEqual(window.histogram('rampart_latency_seconds', 'a')?.counts, [0, 1, 1, 0]);
});
