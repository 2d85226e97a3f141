import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MetricsBook } from '../../../src/control/metrics-book.ts';
import { renderPrometheus } from '../../../src/metrics/exposition.ts';
import { type HistogramValue, Registry, type Snapshot } from '../../../src/metrics/instruments.ts';
import { mergeSnapshots } from '../../../src/metrics/merge.ts';

function worker(requests: number, depth: number) {
  const registry = new Registry();
  registry.counter('requests_total', 'Requests', 'endpoint').of('get').add(requests);
  registry.gauge('queue_depth', 'Depth', 'sum').of().set(depth);
  registry
    .gauge('delay_seconds', 'Delay', 'max')
    .of()
    .set(depth / 10);
  return registry.snapshot();
}

const value = (snapshot: ReturnType<typeof worker>, name: string): unknown =>
  snapshot.find((family) => family.name === name)?.series[0]?.[1];

describe('renderPrometheus', () => {
  test('writes counters, and histograms as cumulated buckets', () => {
    const registry = new Registry();
    registry.counter('a_total', 'Help', 'label').of('x').add(2);
    const histogram = registry.histogram('b_seconds', 'Time').of();
    histogram.observe(0.0004);
    histogram.observe(0.0005);
    histogram.observe(100);
    const lines = renderPrometheus(registry.snapshot()).split('\n');
    assert.deepEqual(lines.slice(0, 3), ['# HELP a_total Help', '# TYPE a_total counter', 'a_total{label="x"} 2']);
    assert.ok(lines.includes('b_seconds_bucket{le="0.0005"} 2'));
    assert.ok(lines.includes('b_seconds_bucket{le="30.0"} 2'));
    assert.ok(lines.includes('b_seconds_bucket{le="+Inf"} 3'));
    assert.ok(lines.includes('b_seconds_count 3'));
    assert.ok(lines.includes('b_seconds_sum 100.0009'));
  });

  test('escapes label values, so that none can add a line', () => {
    const registry = new Registry();
    registry.counter('a_total', 'Help', 'label').of('x"\n\\').add();
    assert.match(renderPrometheus(registry.snapshot()), /^a_total\{label="x\\"\\n\\\\"\} 1$/m);
  });
});

describe('mergeSnapshots', () => {
  test('adds counters, adds or takes the largest of gauges', () => {
    const merged = mergeSnapshots([worker(2, 3), worker(5, 4)]);
    assert.deepEqual(
      ['requests_total', 'queue_depth', 'delay_seconds'].map((name) => value(merged, name)),
      [7, 7, 0.4],
    );
  });

  test('adds histograms bucket by bucket', () => {
    const one = (seconds: number) => {
      const registry = new Registry();
      registry.histogram('b_seconds', 'Time').of().observe(seconds);
      return registry.snapshot();
    };
    assert.match(renderPrometheus(mergeSnapshots([one(0.001), one(1)])), /b_seconds_count 2\n/);
  });

  test('adds histograms with other bounds, of an earlier version or from before a change of the SLO file', () => {
    const one = (bounds: number[], ...values: number[]): Snapshot => {
      const registry = new Registry(bounds);
      const histogram = registry.histogram('b_seconds', 'Time').of();
      for (const seconds of values) histogram.observe(seconds);
      return registry.snapshot();
    };
    const countsOf = (snapshot: Snapshot): unknown => (value(snapshot, 'b_seconds') as HistogramValue).counts;
    const merged = mergeSnapshots([
      one([0.1, 1], 0.05, 0.5, 9),
      one([0.1, 0.3, 2], 0.2, 0.2, 1.5, 9),
      one([0.1, 1], 0.5),
    ]);
    assert.deepEqual(merged[0]?.bounds, [0.1, 0.3, 1, 2]);
    // The first and the last do not know how many of theirs were below 0.3, and count none there.
    assert.deepEqual(countsOf(merged), [1, 2, 2, 1, 2]);
    assert.deepEqual(countsOf(mergeSnapshots([merged, one([5], 4)])), [1, 2, 2, 1, 1, 2]);
  });

  test('keeps the newest exemplar of each bucket', () => {
    const one = (seconds: number, trace: string, atMs: number): Snapshot => {
      const registry = new Registry([1]);
      const histogram = registry.histogram('b_seconds', 'Time').of();
      histogram.observe(seconds);
      histogram.exemplify(seconds, trace, atMs);
      return registry.snapshot();
    };
    const merged = mergeSnapshots([one(0.5, 'a', 5), one(0.2, 'b', 7), one(0.3, 'c', 6), one(2, 'd', 1)]);
    assert.deepEqual(value(merged, 'b_seconds'), {
      counts: [3, 1],
      sum: 3,
      exemplars: [
        ['b', 0.2, 7],
        ['d', 2, 1],
      ],
    });
  });
});

describe('MetricsBook', () => {
  test('keeps what an ended process had counted, and forgets its gauges', () => {
    const book = new MetricsBook();
    book.update('a', worker(2, 3));
    book.update('b', worker(5, 4));
    book.end('a');
    assert.deepEqual(
      ['requests_total', 'queue_depth'].map((name) => value(book.merged(), name)),
      [7, 4],
    );
    book.update('b', worker(6, 4));
    assert.equal(value(book.merged(), 'requests_total'), 8);
  });

  test('counts no worker twice when control comes back: a new report replaces the known figures', () => {
    const before = new MetricsBook();
    before.update('a', worker(2, 3));
    before.update('b', worker(5, 4));
    const after = new MetricsBook(JSON.parse(JSON.stringify(before.state())));
    assert.equal(value(after.merged(), 'requests_total'), 7);
    after.update('b', worker(9, 1));
    assert.equal(value(after.merged(), 'requests_total'), 11);
    assert.equal(value(after.merged(), 'queue_depth'), 1);
  });
});
