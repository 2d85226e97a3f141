import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkJobs } from '../../fleet/checkers/jobs.ts';

const sound = {
  acknowledged: ['a.1', 'a.2', 'b.1'],
  unanswered: ['c.1', 'c.2'],
  results: ['a.1', 'a.2', 'b.1', 'c.2'],
  attempts: ['a.1', 'a.2', 'a.2', 'b.1', 'c.2', 'c.2'],
};
const nothing = { lost: [], doubled: [], unexpected: [], unworked: [] };

test('checkJobs accepts more attempts than results, and an unanswered item with or without a result', () => {
  assert.deepEqual(checkJobs(sound), { ...nothing, attemptsPerResult: 1.5 });
});

test('checkJobs finds a lost result, a doubled one, one that nobody sent, and one that nobody worked on', () => {
  const { attemptsPerResult, ...found } = checkJobs({
    ...sound,
    results: ['a.1', 'a.1', 'b.1', 'c.2', 'x.9'],
    attempts: ['a.1', 'b.1', 'x.9'],
  });
  assert.deepEqual(found, { lost: ['a.2'], doubled: ['a.1'], unexpected: ['x.9'], unworked: ['c.2'] });
  assert.equal(attemptsPerResult, 3 / 4);
});

test('checkJobs names exactly the items whose results were removed or written twice', () => {
  const items = fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(items, fc.nat(), fc.nat(), (acknowledged, one, other) => {
      const lost = acknowledged[one % acknowledged.length] ?? '';
      const doubled = acknowledged[other % acknowledged.length] ?? '';
      const results = [...acknowledged, doubled].filter((item) => item !== lost);
      const { lost: foundLost, doubled: foundDoubled } = checkJobs({
        acknowledged,
        unanswered: [],
        results,
        attempts: acknowledged,
      });
      assert.deepEqual(foundLost, [lost]);
      assert.deepEqual(foundDoubled, doubled === lost ? [] : [doubled]);
    }),
  );
});
