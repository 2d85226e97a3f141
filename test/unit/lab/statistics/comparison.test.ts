import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Random, seededRandom } from '../../../../src/core/random.ts';
import { compareSamples } from '../../../../src/lab/statistics/comparison.ts';

/** p95 of ten runs: 100 ms, with 2 % of noise, and now and then a run that something disturbed. */
function runs(random: Random, center: number): number[] {
  return Array.from({ length: 10 }, () => {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return center * (1 + 0.02 * normal) * (random() < 0.03 ? 1.3 : 1);
  });
}

const count = (center: number, verdict: string): number => {
  const random = seededRandom(11);
  const options = { threshold: 0.03, better: 'less', random } as const;
  return Array.from({ length: 100 }, () => compareSamples(runs(random, 100), runs(random, center), options)).filter(
    (comparison) => comparison.verdict === verdict,
  ).length;
};

test('compareSamples of a system with itself: at most 5 false alarms in 100', () => {
  const alarms = count(100, 'worse') + count(100, 'better');
  assert.ok(alarms <= 5, `${alarms}`);
});

test('compareSamples finds a slowdown of 5 % in 90 of 100, and never takes it for the opposite', () => {
  assert.ok(count(105, 'worse') >= 90, `${count(105, 'worse')}`);
  assert.equal(count(105, 'better'), 0);
});

test('compareSamples: what is certain but too small to matter is the same, what is uncertain is inconclusive', () => {
  const options = { threshold: 0.03, better: 'more', random: seededRandom(1) } as const;
  const [steady, little] = [
    Array.from({ length: 10 }, (_, i) => 100 + i / 100),
    Array.from({ length: 10 }, (_, i) => 101 + i / 90),
  ];
  assert.equal(compareSamples(steady, little, options).verdict, 'same');
  const wild = [60, 140, 80, 120, 100, 70, 130, 90, 110, 101];
  assert.equal(
    compareSamples(
      wild,
      wild.map((value) => value + 3.5),
      options,
    ).verdict,
    'inconclusive',
  );
  assert.equal(
    compareSamples(
      steady,
      steady.map((value) => value * 1.1),
      options,
    ).verdict,
    'better',
  );
});
