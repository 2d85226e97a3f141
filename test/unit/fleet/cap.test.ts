import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkCap, clipped, type Interval, inFlightSteps } from '../../fleet/checkers/cap.ts';

const requests = (...times: readonly (readonly [number, number])[]): Interval[] =>
  times.map(([startMs, endMs]) => ({ startMs, endMs }));

test('checkCap finds the one instant at which a history has one request too many', () => {
  const within = requests([0, 10], [0, 10], [10, 20], [10, 20]);
  const window = { startMs: 0, endMs: 20 };
  assert.deepEqual(checkCap(within, 2, window), {
    maxInFlight: 2,
    maxAtMs: 0,
    excursions: 0,
    overMs: 0,
    overPermitMs: 0,
    usedShare: 1,
  });
  const { maxInFlight, maxAtMs, excursions, overMs, overPermitMs } = checkCap(
    [...within, ...requests([8, 11])],
    2,
    window,
  );
  assert.deepEqual(
    { maxInFlight, maxAtMs, excursions, overMs, overPermitMs },
    { maxInFlight: 3, maxAtMs: 8, excursions: 1, overMs: 3, overPermitMs: 3 },
  );
});

test('checkCap weighs an excess by how many and how long, and counts each time that the cap was crossed', () => {
  const history = requests([0, 4], [1, 3], [1, 3], [5, 8], [6, 7]);
  const found = checkCap(history, 1, { startMs: 0, endMs: 10 });
  assert.deepEqual(found, {
    maxInFlight: 3,
    maxAtMs: 1,
    excursions: 2,
    overMs: 3,
    overPermitMs: 2 * 2 + 1,
    usedShare: 0.7,
  });
});

test('checkCap sees only what lies in its window', () => {
  const history = requests([0, 5], [0, 5], [4, 9]);
  assert.equal(checkCap(history, 1, { startMs: 5, endMs: 9 }).maxInFlight, 1);
  assert.equal(checkCap(history, 1, { startMs: 0, endMs: 5 }).maxInFlight, 3);
  assert.deepEqual(clipped(history, { startMs: 4, endMs: 6 }), requests([4, 5], [4, 5], [4, 6]));
});

test('checkCap says that nothing was used where nothing was sent', () => {
  const { maxInFlight, usedShare } = checkCap([], 4, { startMs: 0, endMs: 10 });
  assert.deepEqual({ maxInFlight, usedShare }, { maxInFlight: 0, usedShare: 0 });
});

const histories = fc.array(
  fc
    .tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 1, max: 15 }))
    .map(([startMs, lasts]) => ({ startMs, endMs: startMs + lasts })),
  { maxLength: 40 },
);

test('checkCap agrees with counting at each millisecond', () => {
  const window = { startMs: 5, endMs: 45 };
  fc.assert(
    fc.property(histories, fc.integer({ min: 1, max: 10 }), (history, cap) => {
      const counts = Array.from({ length: 40 }, (_, index) => {
        const atMs = window.startMs + index;
        return history.filter(({ startMs, endMs }) => startMs <= atMs && atMs < endMs).length;
      });
      const found = checkCap(history, cap, window);
      assert.equal(found.maxInFlight, Math.max(...counts));
      assert.equal(found.overMs, counts.filter((count) => count > cap).length);
      assert.equal(
        found.overPermitMs,
        counts.reduce((sum, count) => sum + Math.max(0, count - cap), 0),
      );
    }),
  );
});

test('inFlightSteps ends at zero and is never below it', () => {
  fc.assert(
    fc.property(histories, (history) => {
      const steps = inFlightSteps(history).map(({ inFlight }) => inFlight);
      assert.ok(steps.every((inFlight) => inFlight >= 0));
      assert.equal(steps.at(-1) ?? 0, 0);
    }),
  );
});

test('inFlightSteps counts an end before a start of the same instant', () => {
  const steps = inFlightSteps(requests([5, 9], [1, 5])).map(({ inFlight }) => inFlight);
  assert.deepEqual(steps, [1, 0, 1, 0]);
});
