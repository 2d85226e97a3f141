import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Interval } from '../../fleet/checkers/cap.ts';
import { checkTokens, oneBucket } from '../../fleet/checkers/tokens.ts';

/** Ten a second, five at once, 150 ms between use and the bucket. */
const rule = { perSecond: 10, burst: 5, lagMs: 150 };
/** Calls that were answered at once. */
const at = (...times: readonly number[]): Interval[] => times.map((atMs) => ({ startMs: atMs, endMs: atMs }));
const atOnce = (count: number, atMs: number): Interval[] => at(...Array.from({ length: count }, () => atMs));
const every = (stepMs: number, count: number, fromMs: number): Interval[] =>
  at(...Array.from({ length: count }, (_, index) => fromMs + index * stepMs));

test('checkTokens accepts a burst and the rate behind it', () => {
  const admitted = [...atOnce(5, 0), ...every(100, 20, 100)];
  const { overSinceStart, overInWindow, givenShare } = checkTokens(admitted, admitted, rule);
  assert.equal(overSinceStart, 0);
  assert.equal(overInWindow, -3);
  assert.equal(givenShare, 1);
});

test('checkTokens finds one call too many since the start', () => {
  assert.equal(checkTokens(atOnce(6, 0), at(0), rule).overSinceStart, 1);
});

test('checkTokens finds a burst that two hosts gave twice after a quiet time, which the count from the start hides', () => {
  // Ten quiet seconds would pay for a hundred, but a bucket holds five, and the lag allows three more.
  const admitted = [...at(0), ...atOnce(10, 10_000)];
  const { overSinceStart, overInWindow } = checkTokens(admitted, admitted, rule);
  assert.ok(overSinceStart <= 0);
  assert.equal(overInWindow, 10 - 5 - 3);
});

test('checkTokens blames no call that may have been admitted earlier or later', () => {
  const early = Array.from({ length: 10 }, (_, index) => ({ startMs: 9000 + index * 100, endMs: 10_000 }));
  assert.ok(checkTokens([...at(0), ...early], early, rule).overInWindow <= 0);
});

test('checkTokens says how much of one bucket was given', () => {
  const offered = [...atOnce(5, 0), ...every(100, 20, 100)];
  assert.equal(checkTokens(offered.slice(0, 20), offered, rule).givenShare, 20 / 25);
  assert.equal(checkTokens([], [], rule).givenShare, 1);
});

test('what one bucket admits is never over the limit, and is all of it', () => {
  const demands = fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 60 });
  fc.assert(
    fc.property(demands, (steps) => {
      let atMs = 0;
      const offered = at(...steps.map((laterMs) => (atMs += laterMs)));
      const given = offered.filter(
        (_, index) => oneBucket(offered.slice(0, index + 1), rule) > oneBucket(offered.slice(0, index), rule),
      );
      const found = checkTokens(given, offered, { ...rule, lagMs: 0 });
      assert.ok(found.overSinceStart <= 1e-9, `since the start: ${found.overSinceStart}`);
      assert.ok(found.overInWindow <= 1e-9, `in a window: ${found.overInWindow}`);
      assert.equal(found.givenShare, 1);
    }),
  );
});
