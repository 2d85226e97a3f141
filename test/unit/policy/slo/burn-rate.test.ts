import assert from 'node:assert/strict';
import { test } from 'node:test';
import { budgetLeft, burnRate, burnRules, canFire, firingRule } from '../../../../src/policy/slo/burn-rate.ts';
import { type EventCounts, EventHistory } from '../../../../src/policy/slo/event-counts.ts';

const DAY_MS = 86_400_000;
const MONTH_MS = 30 * DAY_MS;
const MINUTE_MS = 60_000;

test('burnRules: the factors of the SRE workbook for 30 days', () => {
  assert.deepEqual(
    burnRules(MONTH_MS).map(({ factor }) => Number(factor.toFixed(3))),
    [14.4, 6, 3, 1],
  );
});

test('canFire: a page that takes more than every request to be bad is impossible', () => {
  const [quick] = burnRules(MONTH_MS);
  assert.ok(quick !== undefined);
  assert.equal(canFire(quick, 0.93), false);
  assert.equal(canFire(quick, 0.9306), true);
});

test('burnRate and budgetLeft: 1 and 0 when exactly the budget is used up', () => {
  assert.equal(Number(burnRate({ bad: 1, total: 1000 }, 0.999).toFixed(9)), 1);
  assert.equal(Number(budgetLeft({ bad: 5, total: 10_000 }, 0.999).toFixed(9)), 0.5);
  assert.equal(burnRate({ bad: 0, total: 0 }, 0.999), 0);
});

/** The alert after each minute of a history of these events a minute. */
function alerts(minutes: readonly EventCounts[], target = 0.999): (string | undefined)[] {
  const history = new EventHistory();
  return minutes.map((events, minute) => {
    const nowMs = MONTH_MS + minute * MINUTE_MS;
    for (let part = 0; part < 8; part++)
      history.add(nowMs + part * 7500, { bad: events.bad / 8, total: events.total / 8 });
    const endMs = nowMs + 59_000;
    return firingRule((windowMs) => history.over(windowMs, endMs), { target, windowMs: MONTH_MS, minPerSecond: 0.1 })
      ?.severity;
  });
}

const sound: EventCounts = { bad: 0, total: 600 };
const repeated = (count: number, events: EventCounts): EventCounts[] => Array.from({ length: count }, () => events);

test('a full outage pages within two minutes at 99.9 %, and resets within half an hour after', () => {
  const all = alerts([...repeated(120, sound), ...repeated(10, { bad: 600, total: 600 }), ...repeated(40, sound)]);
  const first = all.indexOf('page');
  assert.ok(first >= 120 && first <= 121, `minute ${first}`);
  assert.equal(all.findLastIndex((severity) => severity === 'page') <= 160, true);
});

test('a slow leak is a ticket and no page', () => {
  const all = alerts([...repeated(60, sound), ...repeated(3 * 1440, { bad: 1.2, total: 600 })]);
  assert.equal(all.includes('page'), false);
  assert.equal(all.at(-1), 'ticket');
});

test('one error in a quiet hour pages nobody', () => {
  const quiet = repeated(60, { bad: 0, total: 1 });
  assert.equal(alerts([...quiet, { bad: 1, total: 1 }, ...quiet]).includes('page'), false);
});

test('a trickle that fails pages, although its short windows are empty for most of the time', () => {
  const hourly = [{ bad: 1, total: 1 }, ...repeated(59, { bad: 0, total: 0 })];
  const failing = Array.from({ length: 8 }, () => hourly).flat();
  const all = alerts(failing);
  assert.equal(all.indexOf('page'), 240, 'from the fifth failure on');
  assert.ok(all.slice(240).every((severity) => severity === 'page'));
  const over = alerts([...failing, ...repeated(130, { bad: 0, total: 1 })]);
  assert.notEqual(over.at(-1), 'page', 'and ends two hours after the last');
});

test('a slow page is not hidden by a quick one that rests on too few events', () => {
  const rule = firingRule((windowMs) => (windowMs <= 3_600_000 ? { bad: 4, total: 100 } : { bad: 40, total: 4000 }), {
    target: 0.999,
    windowMs: MONTH_MS,
    minPerSecond: 0,
  });
  assert.deepEqual([rule?.rule.name, rule?.severity], ['page-slow', 'page']);
});

test('EventHistory adds counts, not ratios: a quiet hour weighs little', () => {
  const history = new EventHistory();
  history.add(0, { bad: 1, total: 1 });
  history.add(10 * MINUTE_MS, { bad: 0, total: 999 });
  assert.deepEqual(history.over(60 * MINUTE_MS, 11 * MINUTE_MS), { bad: 1, total: 1000 });
  assert.deepEqual(history.over(5 * MINUTE_MS, 11 * MINUTE_MS), { bad: 0, total: 999 });
});

test('EventHistory is bounded over a year, and survives in a file', () => {
  const history = new EventHistory();
  for (let hour = 0; hour < 24 * 365; hour++) history.add(hour * 3_600_000, { bad: 1, total: 2 });
  const saved = history.saved();
  assert.ok(saved.every(({ stretches }) => stretches.length <= 4321));
  const restored = new EventHistory();
  restored.restore(JSON.parse(JSON.stringify(saved)) as typeof saved);
  const nowMs = (24 * 365 - 1) * 3_600_000;
  assert.deepEqual(restored.over(MONTH_MS, nowMs), history.over(MONTH_MS, nowMs));
  assert.deepEqual(history.over(MONTH_MS, nowMs), { bad: 720, total: 1440 });
});
