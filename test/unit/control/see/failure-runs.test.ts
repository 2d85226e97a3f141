import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FailureRuns } from '../../../../src/control/see/failure-runs.ts';
import { readTotals } from '../../../../src/control/see/totals.ts';
import { Registry } from '../../../../src/metrics/instruments.ts';

function counted() {
  const registry = new Registry();
  const attempts = registry.counter('rampart_backend_requests_total', 'help', 'upstream', 'backend', 'outcome');
  const retries = registry.counter('rampart_retries_total', 'help', 'upstream', 'kind');
  const runs = new FailureRuns();
  let second = 0;
  const look = (): number => {
    runs.look(readTotals([registry.snapshot()]), second++ * 1000);
    return runs.of('app');
  };
  attempts.of('app', 'a', 'failure').add(0);
  look();
  return { attempts, retries, look };
}

test('FailureRuns: a request that failed with its retries is one, at whatever backends it was tried', () => {
  const { attempts, retries, look } = counted();
  for (let request = 1; request <= 3; request++) {
    attempts.of('app', 'a', 'failure').add(2);
    attempts.of('app', 'b', 'timeout').add(1);
    retries.of('app', 'failure').add(1);
    retries.of('app', 'connection').add(1);
    assert.equal(look(), request);
  }
});

test('FailureRuns: a retry that succeeds ends the run; one that the budget did not allow is none', () => {
  const { attempts, retries, look } = counted();
  attempts.of('app', 'a', 'failure').add(1);
  retries.of('app', 'over-budget').add(1);
  assert.equal(look(), 1);
  attempts.of('app', 'a', 'failure').add(1);
  retries.of('app', 'failure').add(1);
  attempts.of('app', 'b', 'success').add(1);
  assert.equal(look(), 0);
});
