import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  choice,
  covers,
  type Evaluation,
  frontier,
  isClearlyBetter,
  ranked,
} from '../../../../src/lab/tuning/frontier.ts';
import { meets, objectives } from '../../../../src/lab/tuning/merits.ts';
import { baseline, instancesOf, measured, merits, targets } from './configurations.ts';

const judging = { baseline, targets };
const front = (...evaluations: Evaluation[]): number[] => instancesOf(frontier(evaluations, baseline));
const chosen = (...evaluations: Evaluation[]): number => choice(evaluations, judging).configuration.GENERATOR_INSTANCES;

test('isClearlyBetter: 3 % of throughput and 5 % of RSS and p99 are noise', () => {
  const [throughput, rss, p99] = objectives;
  assert.ok(throughput && rss && p99);
  const base = merits(1000, 100, 1000);
  assert.equal(isClearlyBetter(merits(1030, 100, 1000), base, throughput), false);
  assert.equal(isClearlyBetter(merits(1031, 100, 1000), base, throughput), true);
  assert.equal(isClearlyBetter(base, merits(1000, 105, 1050), rss), false);
  assert.equal(isClearlyBetter(base, merits(1000, 105, 1051), rss), true);
  assert.equal(isClearlyBetter(base, merits(1000, 105, 1050), p99), false);
  assert.equal(isClearlyBetter(base, merits(1000, 106, 1050), p99), true);
});

test('frontier: what another one beats in everything is left out, what is best in something stays', () => {
  const fast = measured(4, 1000, 100, 1000);
  const small = measured(1, 500, 100, 500);
  const steady = measured(2, 800, 50, 900);
  const beaten = measured(3, 490, 110, 600);
  assert.deepEqual(front(beaten, small, steady, fast), [4, 2, 1]);
});

test('frontier: two that differ by noise are one, the closest to the baseline', () => {
  assert.deepEqual(front(measured(4, 1020, 100, 1000), measured(2, 1000, 104, 1040)), [2]);
  assert.deepEqual(front(measured(2, 1000, 104, 1040), measured(4, 1020, 100, 1000)), [2]);
});

test('frontier: a lead by noise alone, at the price of memory, is no lead', () => {
  assert.deepEqual(front(measured(8, 1010, 100, 2000), measured(2, 1000, 100, 1000)), [2]);
});

const sets = fc.array(
  fc.record({
    instances: fc.integer({ min: 1, max: 20 }),
    throughput: fc.integer({ min: 900, max: 1100 }),
    p99: fc.integer({ min: 90, max: 110 }),
    rss: fc.integer({ min: 450, max: 550 }),
    failed: fc.constantFrom(0, 0, 0, 0.02),
  }),
  { minLength: 1, maxLength: 25 },
);
const evaluationsOf = (set: readonly Readonly<Record<string, number>>[]): Evaluation[] =>
  set.map(({ instances = 0, throughput = 0, p99 = 0, rss = 0, failed = 0 }) =>
    measured(instances, throughput, p99, rss, failed),
  );

test('frontier, whatever was measured: there is one, each is covered by one of it, and none by one before it', () => {
  fc.assert(
    fc.property(sets, (set) => {
      const all = evaluationsOf(set);
      const found = frontier(all, baseline);
      assert.ok(found.length > 0);
      assert.equal(new Set(found).size, found.length);
      for (const each of all) assert.ok(found.some((member) => member === each || covers(member, each)));
      for (const [index, later] of found.entries()) {
        for (const earlier of found.slice(0, index)) assert.ok(!covers(earlier, later));
      }
    }),
  );
});

test('frontier, where everything differs by more than the noise: exactly what nothing dominates', () => {
  const apart = fc.uniqueArray(fc.tuple(fc.nat(9), fc.nat(9), fc.nat(9)), {
    minLength: 1,
    maxLength: 25,
    selector: String,
  });
  fc.assert(
    fc.property(apart, (points) => {
      const all = points.map(([x, y, z]) => measured(2, 100 * 1.1 ** x, 100 * 1.1 ** y, 100 * 1.1 ** z));
      const isDominated = (each: Evaluation): boolean => all.some((other) => other !== each && covers(other, each));
      assert.deepEqual(new Set(frontier(all, baseline)), new Set(all.filter((each) => !isDominated(each))));
    }),
  );
});

test('choice: the highest throughput within the targets, then RSS, then p99, then the baseline', () => {
  assert.equal(chosen(measured(2, 1000, 100, 500), measured(4, 1040, 200, 900)), 4);
  assert.equal(chosen(measured(2, 1000, 100, 500), measured(4, 1040, 301, 900)), 2, 'over the target');
  assert.equal(chosen(measured(2, 1000, 100, 500), measured(4, 1040, 200, 900, 0.02)), 2, 'it refuses');
  assert.equal(chosen(measured(4, 1020, 100, 900), measured(1, 1000, 200, 800)), 1, 'less memory');
  assert.equal(chosen(measured(4, 1020, 200, 800), measured(1, 1000, 100, 830)), 1, 'lower p99');
  assert.equal(chosen(measured(4, 1020, 100, 800), measured(2, 1000, 104, 830)), 2, 'as it is');
});

test('choice: where none meets the targets, the one that misses by the least', () => {
  assert.equal(chosen(measured(1, 900, 700, 500), measured(3, 500, 310, 900), measured(4, 1000, 100, 500, 0.5)), 3);
  assert.equal(chosen(measured(1, 0, Number.POSITIVE_INFINITY, 0, 1), measured(4, 10, 900, 500, 0.02)), 4);
});

test('ranked: front by front, and those that miss the targets last', () => {
  const order = ranked(
    [
      measured(1, 2000, 400, 500),
      measured(2, 900, 100, 600),
      measured(3, 1000, 100, 900),
      measured(4, 890, 120, 700),
      measured(5, 2000, 100, 500, 0.5),
    ],
    judging,
  );
  assert.deepEqual(instancesOf(order), [3, 2, 4, 1, 5]);
});

test('ranked, whatever was measured: all of them once, the choice first, and none that misses before one that meets', () => {
  fc.assert(
    fc.property(sets, (set) => {
      const all = evaluationsOf(set);
      const order = ranked(all, judging);
      assert.deepEqual(new Set(order), new Set(all));
      assert.equal(order.length, all.length);
      assert.equal(order[0], choice(all, judging));
      const meeting = order.map(({ merits }) => meets(merits, targets));
      assert.deepEqual(
        meeting,
        meeting.toSorted((left, right) => Number(right) - Number(left)),
      );
    }),
  );
});
