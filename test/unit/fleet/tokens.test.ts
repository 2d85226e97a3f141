import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkTokens, oneBucket, type TokenUse } from '../../fleet/checkers/tokens.ts';

/** Ten a second, five at once, 150 ms between use and the bucket. */
const rule = { perSecond: 10, burst: 5, lagMs: 150 };
const at = (...times: readonly number[]): TokenUse[] => times.map((atMs) => ({ atMs, tokens: 1 }));
const every = (stepMs: number, count: number, fromMs = 0): TokenUse[] =>
  at(...Array.from({ length: count }, (_, index) => fromMs + index * stepMs));

test('checkTokens accepts a burst and the rate behind it', () => {
  const admitted = [...at(0, 0, 0, 0, 0), ...every(100, 20, 100)];
  const { overSinceStart, overInWindow, givenShare } = checkTokens(admitted, admitted, rule);
  assert.ok(overSinceStart <= 1e-9);
  assert.ok(overInWindow < 0);
  assert.equal(givenShare, 1);
});

test('checkTokens finds one token too many since the start', () => {
  const { overSinceStart, overInWindow } = checkTokens(at(0, 0, 0, 0, 0, 0), at(0), rule);
  assert.equal(overSinceStart, 1);
  assert.equal(overInWindow, 6 - 5 - 3);
});

test('checkTokens finds a burst that two hosts gave twice after a quiet time, which the count from the start hides', () => {
  // 10 s without a request would pay for a hundred, but a bucket holds five; its rule allows five and three for the lag.
  const admitted = [...at(0), ...at(...Array.from({ length: 10 }, () => 10_000))];
  const { overSinceStart, overInWindow } = checkTokens(admitted, admitted, rule);
  assert.ok(overSinceStart < 0);
  assert.equal(overInWindow, 10 - 5 - 3);
});

test('checkTokens says how much of one bucket was given', () => {
  const offered = [...at(0, 0, 0, 0, 0), ...every(100, 20, 100)];
  assert.equal(checkTokens(offered.slice(0, 20), offered, rule).givenShare, 20 / 25);
  assert.equal(checkTokens([], [], rule).givenShare, 1);
});

test('what one bucket admits is never over the limit, and is all of it', () => {
  const demands = fc.array(fc.tuple(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 1, max: 3 })), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(demands, (steps) => {
      let atMs = 0;
      const offered = steps.map(([laterMs, tokens]) => ({ atMs: (atMs += laterMs), tokens }));
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
