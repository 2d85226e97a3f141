import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSlo } from '../../../../src/config/slo-file.ts';
import { SloWatch } from '../../../../src/control/see/slo-watch.ts';
import { readTotals, type Totals } from '../../../../src/control/see/totals.ts';
import { Registry } from '../../../../src/metrics/instruments.ts';
import { impossibleAlerts } from '../../../../src/policy/slo/impossible-alerts.ts';
import type { Slo } from '../../../../src/policy/slo/slo.ts';

const NOW = 30 * 86_400_000;

function sloOf(objectives: string): Slo {
  const parsed = parseSlo(
    `service: s\nendpoints:\n  - id: work\n    gate: { p95: 120ms }\n    objectives:\n${objectives}`,
    'slo.yaml',
  );
  assert.ok(parsed.ok, JSON.stringify(parsed));
  return parsed.slo;
}
const both = sloOf('      - { sli: latency, le: 150ms, target: 0.95 }\n      - { sli: availability, target: 0.999 }\n');

class Counted {
  readonly #registry = new Registry();
  readonly requests = this.#registry.counter('rampart_requests_total', 'help', 'endpoint', 'status');
  readonly rejections = this.#registry.counter('rampart_rejections_total', 'help', 'endpoint', 'reason');
  readonly latency = this.#registry.histogram('rampart_latency_seconds', 'help', 'endpoint');

  get totals(): Totals {
    return readTotals([this.#registry.snapshot()]);
  }
}

const events = (watch: SloWatch, nowMs = NOW): [number, number][] =>
  watch.status(nowMs).objectives.map(({ events: { bad, total } }) => [bad, total]);

test('what was counted before anything was looked at belongs to no moment', () => {
  const counted = new Counted();
  counted.requests.of('work', '500').add(100);
  const watch = new SloWatch(both);
  watch.look(counted.totals, NOW);
  assert.deepEqual(events(watch), [
    [0, 0],
    [0, 0],
  ]);
});

test('latency: replies beyond the promise are bad; availability: 5xx are, but neither 429, 499 nor refusals with Retry-After', () => {
  const counted = new Counted();
  const watch = new SloWatch(both);
  watch.look(counted.totals, NOW);
  for (const seconds of [0.1, 0.149, 0.16, 2]) counted.latency.of('work').observe(seconds);
  counted.latency.of('other').observe(9);
  for (const [status, count] of Object.entries({ 200: 90, 404: 5, 500: 3, 503: 10, 429: 7, 499: 4 }))
    counted.requests.of('work', status).add(count);
  counted.rejections.of('work', 'overloaded').add(8);
  counted.rejections.of('work', 'rate-limited').add(7);
  watch.look(counted.totals, NOW + 1000);
  assert.deepEqual(events(watch, NOW + 1000), [
    [2, 4],
    [5, 100],
  ]);
});

test('a restart of control loses nothing: what was counted in between counts as of now', () => {
  const counted = new Counted();
  const before = new SloWatch(both);
  before.look(counted.totals, NOW);
  counted.requests.of('work', '200').add(1000);
  before.look(counted.totals, NOW + 1000);
  const saved = JSON.parse(JSON.stringify(before.saved())) as ReturnType<SloWatch['saved']>;
  counted.requests.of('work', '500').add(500);
  const next = new SloWatch(both);
  next.restore(saved);
  next.look(counted.totals, NOW + 60_000);
  assert.deepEqual(events(next, NOW + 60_000)[1], [500, 1500]);
  assert.deepEqual(
    next.burning(NOW + 60_000).map(({ endpoint, promise, severity }) => [endpoint, promise, severity]),
    [['work', '99.9 % without an error', 'page']],
  );
  assert.ok((next.promiseOf('work', NOW + 60_000).budgetLeft ?? 0) < 0);
});

test('counters that are lower than before count nothing', () => {
  const counted = new Counted();
  counted.requests.of('work', '200').add(1000);
  const watch = new SloWatch(both);
  watch.look(counted.totals, NOW);
  watch.look(new Counted().totals, NOW + 1000);
  assert.deepEqual(events(watch, NOW + 1000)[1], [0, 0]);
});

test('counters that were lost and come back are not counted again', () => {
  const counted = new Counted();
  counted.requests.of('work', '200').add(1000);
  const watch = new SloWatch(both);
  watch.look(counted.totals, NOW);
  watch.look(new Counted().totals, NOW + 1000);
  watch.look(counted.totals, NOW + 2000);
  watch.look(counted.totals, NOW + 7000);
  assert.deepEqual(events(watch, NOW + 7000)[1], [0, 0]);
  counted.requests.of('work', '500').add(3);
  watch.look(counted.totals, NOW + 8000);
  assert.deepEqual(events(watch, NOW + 8000)[1], [3, 3]);
});

test('the promise of an endpoint is the p95 of its gate, else the latency that 95 % are promised', () => {
  assert.equal(new SloWatch(both).promiseOf('work', NOW).targetP95Ms, 120);
  assert.deepEqual(new SloWatch(both).promiseOf('other', NOW), { targetP95Ms: null, budgetLeft: null });
});

test('impossibleAlerts names an objective whose alert cannot fire, and the target that would work', () => {
  assert.deepEqual(impossibleAlerts(both), []);
  const low = impossibleAlerts(sloOf('      - { sli: latency, le: 150ms, target: 0.9 }\n'));
  assert.equal(low.length, 1);
  assert.match(
    low[0] ?? '',
    /^work, 90 % within 150 ms: the alert page-quick can never fire: it needs a burn rate above 14\.4, and the most is 10 /,
  );
  assert.match(low[0] ?? '', /a target above 93\.06 %/);
});
