import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backendFaults } from '../../../../src/policy/verdict/backend-findings.ts';
import type { UpstreamSignals } from '../../../../src/policy/verdict/signals.ts';

/** An upstream with one backend, of which so many of 20 requests a second fail. */
const upstreamFailing = (failedPerSecond: number): UpstreamSignals => ({
  name: 'app',
  isBesideRampart: false,
  isDrained: false,
  lookupProblem: undefined,
  permits: 4,
  inFlight: 1,
  queued: 0,
  isStanding: false,
  endedPerSecond: 20,
  failedPerSecond,
  failedInARow: 0,
  refused: {},
  workMs: 20,
  usualWorkMs: 20,
  isRetryBudgetSpent: false,
  ejected: 0,
  backends: [
    {
      name: 'a',
      isUp: undefined,
      problem: undefined,
      cap: 4,
      inFlight: 1,
      endedPerSecond: 20,
      failedPerSecond,
      workMs: 20,
    },
  ],
});
const said = (failedPerSecond: number): string[] =>
  backendFaults(upstreamFailing(failedPerSecond)).map(({ state, causeId, cause }) => `${state} ${causeId}: ${cause}`);

test('an upstream whose one backend fails every request is down, not degraded', () => {
  assert.deepEqual(said(20), ['down upstream-failing: upstream app fails 100 % of its requests']);
});

test('one backend that fails half of its requests is all that the upstream has', () => {
  assert.deepEqual(said(10), ['overloaded upstream-failing: upstream app fails 50 % of its requests']);
});

test('one backend that fails a tenth is degraded, one that fails less than one in twenty is well', () => {
  assert.deepEqual(said(2), [
    'degraded backend-failing: backend a of upstream app fails 2 requests/s of 20 requests/s',
  ]);
  assert.deepEqual(said(0.9), []);
});
