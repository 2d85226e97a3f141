import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readLoadReport } from '../../../../src/gateway/upstream/load-report.ts';

test('readLoadReport reads what a generator says, and nothing into what is no report', () => {
  const text =
    'TEXT rps_fractional=12.50, application_utilization=0.750, named_metrics.in_flight=3, named_metrics.slots=4';
  assert.deepEqual(readLoadReport(text), { inFlight: 3, slots: 4 });
  const queued = 'TEXT application_utilization=2.500, named_metrics.in_flight=4, named_metrics.slots=4';
  assert.deepEqual(readLoadReport(queued), { inFlight: 10, slots: 4 });
  assert.deepEqual(readLoadReport('TEXT named_metrics.in_flight=0'), { inFlight: 0, slots: undefined });
  for (const wrong of [
    '',
    'TEXT cpu_utilization=0.3',
    'TEXT named_metrics.in_flight=x',
    'named_metrics.in_flight=-1',
  ]) {
    assert.equal(readLoadReport(wrong), undefined, wrong);
  }
});
