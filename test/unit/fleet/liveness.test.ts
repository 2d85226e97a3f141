import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkLiveness, timeToFull } from '../../fleet/checkers/liveness.ts';

const span = (count: number, startMs: number, endMs: number) =>
  Array.from({ length: count }, () => ({ startMs, endMs }));
const rule = { cap: 4, settleMs: 100, stretchMs: 1000 };
const demand = span(6, 0, 5100);

test('checkLiveness finds the stretch in which a permit lay idle', () => {
  const served = [...span(3, 0, 5100), ...span(1, 0, 2100), ...span(1, 3100, 5100)];
  const found = checkLiveness(served, demand, [], rule);
  assert.deepEqual(found, { stretches: 5, worstShare: 0.75, worstAtMs: 2100, meanShare: 0.95 });
});

test('checkLiveness judges neither the time of a fault nor what follows within the time to settle', () => {
  const served = [...span(4, 0, 2000), ...span(4, 3100, 5100)];
  const troubled = [{ startMs: 1900, endMs: 3000 }];
  assert.deepEqual(checkLiveness(served, demand, troubled, rule), {
    stretches: 3,
    worstShare: 1,
    worstAtMs: 100,
    meanShare: 1,
  });
  assert.equal(checkLiveness(served, demand, troubled, { ...rule, settleMs: 0 }).worstShare, 0.9);
});

test('checkLiveness asks for nothing while the demand is below the cap', () => {
  const found = checkLiveness([], span(3, 0, 5000), [], rule);
  assert.deepEqual({ ...found, worstAtMs: 0 }, { stretches: 0, worstShare: 1, worstAtMs: 0, meanShare: 1 });
});

test('checkLiveness takes the moment between a reply and the next request for no end of the demand', () => {
  const broken = [...span(3, 0, 2200), ...span(1, 0, 1000), ...span(1, 1005, 2200)];
  assert.equal(checkLiveness(span(4, 0, 2200), broken, [], rule).stretches, 2);
});

test('timeToFull says when the cap was in use for good', () => {
  const window = { startMs: 1000, endMs: 3000 };
  const lacking = [...span(3, 0, 4000), ...span(1, 0, 1100), ...span(1, 1800, 4000)];
  assert.equal(timeToFull(span(4, 0, 4000), 4, window), 0);
  assert.equal(timeToFull(lacking, 4, window), 800);
  assert.equal(timeToFull(span(3, 0, 4000), 4, window), undefined);
  assert.equal(timeToFull([...span(3, 0, 4000), ...span(1, 0, 2900)], 4, window), undefined);
});

test('timeToFull sees no lack between a request and the next', () => {
  const served = [...span(3, 0, 4000), ...span(1, 0, 2000), ...span(1, 2020, 4000)];
  assert.equal(timeToFull(served, 4, { startMs: 1000, endMs: 3000 }), 0);
});
