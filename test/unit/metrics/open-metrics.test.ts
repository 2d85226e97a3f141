import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatFor, renderPrometheus } from '../../../src/metrics/exposition.ts';
import { Registry } from '../../../src/metrics/instruments.ts';

const OPEN = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

test('formatFor: OpenMetrics for scrapers that name its version 1, the Prometheus format for all others', () => {
  const said = (accept: string | undefined): boolean => formatFor(accept).contentType === OPEN;
  const prometheus3 =
    'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1';
  for (const accept of [
    prometheus3,
    'application/openmetrics-text; version=1.0.0',
    'text/plain, Application/OpenMetrics-Text',
  ])
    assert.ok(said(accept), accept);
  for (const accept of [undefined, '', '*/*', 'text/plain;version=0.0.4', 'application/openmetrics-text;version=2.0.0'])
    assert.ok(!said(accept), String(accept));
  for (const accept of [
    'application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4',
    'text/plain;q=0.9, application/openmetrics-text;q=0.8',
    'application/openmetrics-text;q=nan',
    ';;;;q=,,,,',
  ])
    assert.equal(said(accept), false, accept.slice(0, 80));
  assert.equal(said(`${'a/b;q=0.5,'.repeat(1200)}application/openmetrics-text`), true);
  assert.equal(said('text/plain;q=0.5,application/openmetrics-text;version="1.0.0";q=0.5'), true);
  for (const accept of ['application/openmetrics-text;q=0', 'application/openmetrics-text;version=1.0.0;q=0.00'])
    assert.ok(!said(accept), accept);
});

test('OpenMetrics: counters without _total in their heads, exemplars, bounds with a point, and an end', () => {
  const registry = new Registry([0.5, 1]);
  registry.counter('a_total', 'Help', 'label').of('x"\n').add(2);
  registry.counter('odd', 'Help').of().add();
  registry.gauge('g', 'Help', 'sum').of().set(-1.5);
  registry.summary('s', 'Help', 'quantile').of('1').set(3);
  const histogram = registry.histogram('b_seconds', 'Time').of();
  histogram.observe(0.7);
  histogram.exemplify(0.7, 'a'.repeat(32), 1_700_000_000_250);
  assert.equal(
    formatFor(OPEN).render(registry.snapshot()),
    `# HELP a Help
# TYPE a counter
a_total{label="x\\"\\n"} 2
# HELP odd Help
# TYPE odd unknown
odd 1
# HELP g Help
# TYPE g gauge
g -1.5
# HELP s Help
# TYPE s summary
s{quantile="1.0"} 3
# HELP b_seconds Time
# TYPE b_seconds histogram
b_seconds_bucket{le="0.5"} 0
b_seconds_bucket{le="1.0"} 1 # {trace_id="${'a'.repeat(32)}"} 0.7 1700000000.25
b_seconds_bucket{le="+Inf"} 1
b_seconds_sum 0.7
b_seconds_count 1
# EOF
`,
  );
  // In this format an exemplar would be a broken line.
  assert.doesNotMatch(renderPrometheus(registry.snapshot()), /trace_id|# EOF/);
});
