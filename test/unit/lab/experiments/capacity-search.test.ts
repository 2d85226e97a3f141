import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Move, nextMove, type Probe } from '../../../../src/lab/experiments/capacity-search.ts';
import { seededRandom } from '../../../../src/core/random.ts';

function search(isCarried: (rate: number) => boolean, guess: number): { end: Move; history: Probe[] } {
  const history: Probe[] = [];
  for (;;) {
    const move = nextMove(history, { guess, maxProbes: 40 });
    if (move.kind !== 'probe') return { end: move, history };
    history.push({ rate: move.rate, role: move.role, passed: isCarried(move.rate) });
  }
}

test('nextMove finds any capacity to 5 %, from any guess, confirmed and refuted', () => {
  const positive = (most: number) => fc.double({ min: 1, max: most, noNaN: true });
  fc.assert(
    fc.property(positive(5000), positive(50), fc.boolean(), (truth, factor, isLow) => {
      const { end, history } = search((rate) => rate <= truth, isLow ? truth / factor : truth * factor);
      assert.equal(end.kind, 'found');
      if (end.kind !== 'found') return;
      assert.ok(end.capacity <= truth && end.capacity * 1.05 > truth, `${end.capacity} of ${truth}`);
      assert.deepEqual(
        history.slice(-2).map(({ role, passed }) => `${role} ${passed}`),
        ['confirm true', 'refute false'],
      );
      const failed = history.filter(({ role, passed }) => role === 'search' && !passed).map(({ rate }) => rate);
      assert.ok(Math.min(...failed) / end.capacity <= 1.03, 'what passes and what fails are 3 % apart');
      assert.ok(history.length <= 30, `${history.length} probes`);
    }),
  );
});

test('nextMove gallops by half as much again, then halves the ratio', () => {
  const { history } = search((rate) => rate <= 200, 100);
  assert.deepEqual(
    history.slice(0, 4).map(({ rate }) => Math.round(rate)),
    [100, 150, 225, 184],
  );
});

test('nextMove believes what was tried last: a pass forgets the failures below it, a failure the passes above it', () => {
  const probe = (rate: number, passed: boolean): Probe => ({ rate, passed, role: 'search' });
  const options = { guess: 100, maxProbes: 40 };
  const gallop = nextMove([probe(100, false), probe(110, true)], options);
  assert.deepEqual(gallop, { kind: 'probe', rate: 165, role: 'search' });
  const down = nextMove([probe(120, true), probe(90, false)], options);
  assert.deepEqual(down, { kind: 'probe', rate: 60, role: 'search' });
});

test('nextMove of a noisy system ends, near its capacity', () => {
  for (let seed = 1; seed <= 50; seed++) {
    const random = seededRandom(seed);
    const { end } = search((rate) => rate <= 300 * (1 + 0.06 * (random() - 0.5)), 100);
    assert.equal(end.kind, 'found', `seed ${seed}`);
    if (end.kind === 'found') assert.ok(Math.abs(end.capacity - 300) < 18, `${end.capacity} with seed ${seed}`);
  }
});

test('nextMove gives up where nothing is carried, and where it has tried often enough', () => {
  const nothing = search(() => false, 100);
  assert.equal(nothing.end.kind, 'given-up');
  assert.ok(nothing.history.length < 20);
  const everything = search(() => true, 100);
  assert.equal(everything.end.kind, 'given-up');
  assert.equal(everything.history.length, 40);
});
