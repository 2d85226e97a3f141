import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cumulativeOnly, mergeSnapshots } from '../../../src/metrics/merge.ts';
import { renderPrometheus } from '../../../src/metrics/exposition.ts';
import { Registry } from '../../../src/metrics/instruments.ts';
import { registerProcessMetrics } from '../../../src/metrics/process-metrics.ts';

test('quantiles are a summary, as promtool asks for: the worst process is shown, and an ended one no more', () => {
  const worker = (delay: number): Registry => {
    const registry = new Registry();
    registry.summary('delay_seconds', 'help', 'role', 'quantile').of('gateway', '0.99').set(delay);
    return registry;
  };
  const snapshots = [worker(0.2).snapshot(), worker(0.5).snapshot()];
  assert.equal(
    renderPrometheus(mergeSnapshots(snapshots)),
    '# HELP delay_seconds help\n# TYPE delay_seconds summary\ndelay_seconds{role="gateway",quantile="0.99"} 0.5\n',
  );
  assert.deepEqual(cumulativeOnly(snapshots[0] ?? []), []);
});

test('the metrics of a process have a quantile label in summaries alone, and counters end with _total', () => {
  const registry = new Registry();
  registerProcessMetrics(registry, 'gateway', '1.2.3');
  const snapshot = registry.snapshot();
  assert.ok(snapshot.length > 4);
  for (const { name, kind, labels } of snapshot) {
    assert.equal(labels.includes('quantile'), kind === 'summary', name);
    assert.equal(name.endsWith('_total'), kind === 'counter', name);
  }
});
