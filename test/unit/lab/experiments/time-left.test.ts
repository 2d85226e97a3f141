import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextMove, type Probe, probesLeft } from '../../../../src/lab/experiments/capacity-search.ts';
import { START_MS } from '../../../../src/lab/experiments/step.ts';
import { agendaOf } from '../../../../src/lab/ingest/agenda.ts';

const MOST = 30;

test('probesLeft is right once a load was carried and another was not, and not far off before', () => {
  for (const truth of [37, 63, 141, 260, 900]) {
    const history: Probe[] = [];
    const guesses: { readonly left: number; readonly isBracketed: boolean }[] = [];
    for (;;) {
      const move = nextMove(history, { guess: 100, maxProbes: MOST });
      if (move.kind !== 'probe') break;
      const { search, confirm } = probesLeft(history, MOST);
      const outcomes = new Set(history.map(({ passed }) => passed));
      guesses.push({ left: search + confirm, isBracketed: outcomes.size === 2 });
      history.push({ rate: move.rate, role: move.role, passed: move.rate <= truth });
    }
    for (const [index, { left, isBracketed }] of guesses.entries()) {
      const actual = guesses.length - index;
      assert.ok(Math.abs(left - actual) <= (isBracketed ? 1 : 5), `${truth}: ${left} of ${actual}`);
    }
    assert.equal(guesses.at(-1)?.left, 1);
  }
});

test('probesLeft never tells more than the search may try', () => {
  assert.deepEqual(probesLeft([], 2), { search: 2, confirm: 2 });
  assert.deepEqual(probesLeft([{ rate: 5, passed: true, role: 'confirm' }], 2), { search: 0, confirm: 1 });
});

test('agendaOf has a piece for each measurement of an ingest, in order', () => {
  const options = {
    rates: [1, 2],
    workers: [1, 2],
    batches: [10],
    queues: [100],
    holdMs: 2000,
    items: 100_000,
    runs: 2,
    durabilities: ['wal', 'sync'],
    ledgerBatches: [10],
  };
  const point = 4500;
  assert.deepEqual(agendaOf(options), [
    START_MS + point,
    point,
    point,
    point,
    point,
    START_MS + point,
    START_MS + 4500,
    START_MS + 4500,
    START_MS + 6000,
    START_MS + 6000,
  ]);
  assert.equal(agendaOf({ ...options, rates: [], durabilities: [] }).length, 2);
});
