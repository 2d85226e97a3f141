import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSlo } from '../../../../src/config/slo-file.ts';
import {
  type DegradationRule,
  degradationRules,
  hasHeld,
  isAboveLimit,
  limitText,
  measuredText,
} from '../../../../src/policy/slo/degradation.ts';
import type { EventCounts } from '../../../../src/policy/slo/event-counts.ts';

function rulesOf(endpoints: string): DegradationRule[] {
  const parsed = parseSlo(`service: s\nendpoints: ${endpoints}`, 'slo.yaml');
  assert.ok(parsed.ok, JSON.stringify(parsed));
  return degradationRules(parsed.slo);
}

test('degradationRules: both percentiles by the p95 target, 5xx, hit rate where one is promised, and the strictest pool', () => {
  const rules = rulesOf(
    '[{ id: a, gate: { p95: 150ms }, objectives: [{ sli: hit_rate, target: 0.7 }] }, { id: b, alerts: { errors: 2%, pool_use: 0.6, for: 3m } }]',
  );
  assert.deepEqual(
    rules.map((rule) => [rule.endpoint, limitText(rule), rule.forMs]),
    [
      ['a', 'p95 > 225 ms', 300_000],
      ['a', 'p99 > 300 ms', 300_000],
      ['a', '5xx > 1 %', 300_000],
      ['a', 'cache hits < 70 %', 300_000],
      ['b', '5xx > 2 %', 180_000],
      [undefined, 'pool use > 60 %', 180_000],
    ],
  );
});

test('degradationRules: the latency that 95 % are promised is the target where no gate names one', () => {
  const [p95] = rulesOf('[{ id: a, objectives: [{ sli: latency, le: 200ms, target: 0.95 }] }]');
  assert.equal(p95?.slowerThanMs, 300);
});

const errors: DegradationRule = {
  kind: 'errors',
  endpoint: 'a',
  badShare: 0.01,
  slowerThanMs: undefined,
  forMs: 300_000,
  minPerSecond: 0.1,
};
/** Above the limit, by the events of two minutes and those of five. */
const isAbove = (judged: EventCounts, long: EventCounts, rule = errors): boolean =>
  isAboveLimit(rule, (windowMs) => (windowMs === 120_000 ? judged : long));

test('isAboveLimit: more than the share, of enough events, of which enough are bad', () => {
  const sound = { bad: 20, total: 3000 };
  assert.equal(isAbove({ bad: 11, total: 1000 }, sound), true);
  assert.equal(isAbove({ bad: 10, total: 1000 }, sound), false, 'exactly the share is kept');
  assert.equal(isAbove({ bad: 0, total: 0 }, sound), false, 'no events');
  assert.equal(isAbove({ bad: 4, total: 40 }, { bad: 4, total: 40 }), false, 'four bad events are chance');
  assert.equal(isAbove({ bad: 5, total: 29 }, { bad: 5, total: 29 }), false, 'a trickle of less than 0.1 a second');
  assert.equal(isAbove({ bad: 5, total: 30 }, { bad: 5, total: 30 }), true);
});

test('isAboveLimit: the use of a pool needs no number of events', () => {
  const pool: DegradationRule = { ...errors, kind: 'pool', badShare: 0.8 };
  assert.equal(isAbove({ bad: 1.7, total: 2 }, { bad: 1.7, total: 2 }, pool), true);
  assert.equal(isAbove({ bad: 1.6, total: 2 }, { bad: 1.6, total: 2 }, pool), false);
});

test('hasHeld: for the whole of its time', () => {
  assert.deepEqual(
    [undefined, 1, 0].map((sinceMs) => hasHeld(errors, sinceMs, 300_000)),
    [false, false, true],
  );
});

test('measuredText says what a limit is about', () => {
  assert.deepEqual(
    [
      measuredText({ kind: 'p95', slowerThanMs: 225 }, 0.1234),
      measuredText({ kind: 'errors', slowerThanMs: undefined }, 0.5),
      measuredText({ kind: 'hit-rate', slowerThanMs: undefined }, 0.35),
      measuredText({ kind: 'pool', slowerThanMs: undefined }, 0.9),
    ],
    [
      '12.3 % take longer than 225 ms',
      '50 % end with a 5xx',
      '65 % come from the cache',
      '90 % of the connections are busy',
    ],
  );
});
