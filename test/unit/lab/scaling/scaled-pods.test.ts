import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseLoad, podPlan, runScaler, scalers } from '../../../../src/lab/scaling/scaled-pods.ts';

const load = (text: string): ReturnType<typeof parseLoad> =>
  parseLoad('made up', `second,requests_per_second\n${text}`);
const recorded = (name: string): ReturnType<typeof parseLoad> =>
  parseLoad(name, readFileSync(new URL(`../../../data/loads/${name}.csv`, import.meta.url), 'utf8'));

test('a load within the first pods changes nothing, and is served whole', () => {
  // 100 requests/s of 55 ms: 5.5 in flight, two pods of 4 permits at 70 %.
  for (const scaler of scalers) {
    const { mostPods, changes, refusedShare, idleShare } = runScaler(scaler, load('0,100\n300,100\n'));
    assert.deepEqual([mostPods, changes, refusedShare], [2, 0, 0], scaler);
    assert.ok(Math.abs(idleShare - (1 - 5.5 / 8)) < 1e-9);
  }
});

test('what waits for longer than the timeout is refused, and nothing else', () => {
  const plan = { ...podPlan, startSeconds: 1e9 };
  const { refusedShare } = runScaler('HPA on demand', load('0,100\n60,290.909091\n120,290.909091\n'), plan);
  // Two pods serve 145.45 requests/s: for two minutes half of 290.9, but for the second that may wait.
  const refused = 120 * 145.4545 - 145.4545;
  assert.ok(Math.abs(refusedShare - refused / (60 * 100 + 120 * 290.909)) < 1e-4, `${refusedShare}`);
});

test('an HPA that does not see what waits follows a step more slowly', () => {
  const step = load('0,100\n60,1000\n180,1000\n');
  const [demand, inFlight] = [runScaler('HPA on demand', step), runScaler('HPA on requests in flight', step)];
  assert.ok(inFlight.refusedShare > 1.2 * demand.refusedShare, `${inFlight.refusedShare} ${demand.refusedShare}`);
});

test('in the recorded spike Knative refuses less than a half of what the HPA refuses', () => {
  const spike = recorded('spike');
  const [hpa, kpa] = [runScaler('HPA on demand', spike), runScaler('KPA on demand', spike)];
  assert.ok(kpa.refusedShare < hpa.refusedShare / 2, `${kpa.refusedShare} ${hpa.refusedShare}`);
});

test('the recorded day is a day, and a line that is no load is refused with its text', () => {
  assert.equal(recorded('day').lengthSeconds, 86_400);
  assert.throws(() => load('0,many\n'), /made up: not a second and a rate: '0,many'/);
});
