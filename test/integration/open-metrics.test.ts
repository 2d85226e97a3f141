import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GatewayMetrics } from '../../src/gateway/metrics.ts';
import { formatFor } from '../../src/metrics/exposition.ts';
import { Registry } from '../../src/metrics/instruments.ts';
import { registerProcessMetrics } from '../../src/metrics/process-metrics.ts';
import { promtool, withoutPromtool } from '../support/promtool.ts';

const skip = withoutPromtool;

/** The metrics of a worker, with an endpoint whose name nobody would choose and an exemplar. */
function snapshotOfWorker() {
  const registry = new Registry();
  registerProcessMetrics(registry, 'gateway', '1.2.3');
  const endpoint = new GatewayMetrics(registry).endpoint('odd "name"\\\n{a="b"} # 1');
  endpoint.countStatus(200);
  endpoint.countError('upstream-failed');
  endpoint.latency.observe(0.2);
  endpoint.latency.exemplify(0.2, 'a'.repeat(32), 1_700_000_000_123);
  endpoint.observeWait('queue', 0.001);
  return registry.snapshot();
}

/** promtool reads OpenMetrics only as samples of the past, which have their times. */
const withTimes = (text: string): string =>
  text.replaceAll(/^((?!#)\S+(?:\{.*\})? \S+?)( # \{trace_id.*)?$/gm, '$1 1700000000$2');

test('Prometheus reads the metrics of a worker in OpenMetrics, exemplars included', { skip }, async () => {
  const text = withTimes(formatFor('application/openmetrics-text; version=1.0.0').render(snapshotOfWorker()));
  assert.match(text, / 1700000000 # \{trace_id="a{32}"\} 0\.2 1700000000\.123$/m);
  const { code, output } = await promtool(
    { 'metrics.txt': text },
    'tsdb',
    'create-blocks-from',
    'openmetrics',
    'metrics.txt',
    'out',
  );
  assert.equal(code, 0, output);
  assert.match(output, /BLOCK ULID/);
  // So that the test can fail.
  const broken = await promtool(
    { 'b.txt': text.replace(' # {trace_id="', ' # {trace_id') },
    'tsdb',
    'create-blocks-from',
    'openmetrics',
    'b.txt',
    'out',
  );
  assert.notEqual(broken.code, 0);
});
