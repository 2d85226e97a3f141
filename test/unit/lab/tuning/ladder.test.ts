import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gainOf, medians } from '../../../../src/lab/tuning/gain.ts';
import { effectOf, judge, ladder, worthwhile } from '../../../../src/lab/tuning/ladder.ts';
import type { Merits } from '../../../../src/lab/tuning/merits.ts';
import { baseline, having, merits, targets } from './configurations.ts';

const runs = (throughputs: readonly number[], p99Ms = 100, rssMib = 1000, failedShare = 0) =>
  throughputs.map((throughput, index) => merits(throughput, p99Ms + index, rssMib + index, failedShare));
const verdict = (old: readonly Merits[], now: readonly Merits[]): string => {
  const { verdict, by } = gainOf(old, now, targets);
  return `${verdict} ${by}`.trim();
};
const before = runs([1000, 1010, 1005]);

test('gainOf: throughput decides where every run is beyond every other, and by more than 3 %', () => {
  assert.equal(verdict(before, runs([1050, 1060, 1055])), 'better throughput');
  assert.equal(verdict(before, runs([950, 960, 955])), 'worse throughput');
  assert.equal(verdict(before, runs([1020, 1030, 1025])), 'nothing', 'certain, but too little');
  assert.equal(verdict(before, runs([1001, 1200, 1300])), 'nothing', 'much, but not certain');
});

test('gainOf: then RSS, then p99; throughput that is higher pays for both', () => {
  assert.equal(verdict(before, runs([1000, 1011, 1004], 100, 800)), 'better RSS');
  assert.equal(verdict(before, runs([1000, 1011, 1004], 80, 1200)), 'worse RSS');
  assert.equal(verdict(before, runs([1000, 1011, 1004], 80, 1000)), 'better p99');
  assert.equal(verdict(before, runs([1050, 1060, 1055], 200, 1200)), 'better throughput');
});

test('gainOf: targets that are met now, or no longer, decide before all else', () => {
  assert.equal(verdict(before, runs([2000, 2010, 2020], 301)), 'worse the targets');
  assert.equal(verdict(before, runs([2000, 2010, 2020], 100, 1000, 0.02)), 'worse the targets');
  assert.equal(verdict(runs([2000, 2010, 2020], 301), before), 'better the targets');
  assert.equal(verdict(runs([1000, 1010, 1005], 298), runs([1001, 1009, 1004], 300)), 'nothing', 'within the noise');
});

test('gainOf: changes are those of the medians', () => {
  const { throughput, p99, rss } = gainOf(before, runs([1206, 1300, 1100], 50, 1500), targets);
  assert.deepEqual([throughput.toFixed(3), p99.toFixed(3), rss.toFixed(3)], ['0.200', '-0.495', '0.500']);
  const nothing = gainOf([merits(0, Infinity, 0)], [merits(0, Infinity, 0)], targets);
  assert.deepEqual([nothing.throughput, nothing.p99, nothing.rss], [0, 0, 0]);
});

test('medians are those of each figure by itself', () => {
  assert.deepEqual(medians([merits(1, 30, 7), merits(2, 10, 9, 0.1), merits(3, 20, 8)]), merits(2, 20, 8));
});

const grid = [
  { configuration: having({}), merits: merits(1000, 100, 1000) },
  { configuration: having({ GENERATOR_INSTANCES: 4 }), merits: merits(1100, 100, 1000) },
  { configuration: having({ QUEUE_CAPACITY: 64 }), merits: merits(1300, 100, 1000) },
  { configuration: having({ GENERATOR_INSTANCES: 4, QUEUE_CAPACITY: 64 }), merits: merits(1600, 100, 1000) },
  { configuration: having({ GENERATOR_INSTANCES: 8 }), merits: merits(9000, 100, 1000) },
];

test('effectOf: the mean over the pairs that differ in that variable alone', () => {
  assert.equal(effectOf(grid, { name: 'GENERATOR_INSTANCES', from: 2, to: 4 }), (100 + 300) / 2);
  assert.equal(effectOf(grid, { name: 'QUEUE_CAPACITY', from: 256, to: 64 }), (300 + 500) / 2);
  assert.equal(effectOf(grid, { name: 'LEDGER_BATCH_SIZE', from: 200, to: 50 }), 0);
});

test('ladder: one variable a stage, from the baseline to the choice, the strongest first', () => {
  const chosen = having({ GENERATOR_INSTANCES: 4, QUEUE_CAPACITY: 64 });
  assert.deepEqual(ladder(grid, baseline, chosen), [
    { change: undefined, configuration: baseline },
    { change: { name: 'QUEUE_CAPACITY', from: 256, to: 64 }, configuration: having({ QUEUE_CAPACITY: 64 }) },
    { change: { name: 'GENERATOR_INSTANCES', from: 2, to: 4 }, configuration: chosen },
  ]);
  assert.equal(ladder(grid, baseline, baseline).length, 1);
});

test('worthwhile keeps the changes that bought something over the stage before, and no other', () => {
  const chosen = having({ GENERATOR_INSTANCES: 4, QUEUE_CAPACITY: 64, LEDGER_BATCH_SIZE: 50 });
  const stages = ladder(grid, baseline, chosen);
  const judged = judge(
    stages,
    [before, runs([1001, 1011, 1004]), runs([1200, 1210, 1205]), runs([1100, 1110, 1105])],
    targets,
  );
  assert.deepEqual(
    judged.map(({ change, gain }) => [change?.name, gain?.verdict]),
    [
      [undefined, undefined],
      ['QUEUE_CAPACITY', 'nothing'],
      ['GENERATOR_INSTANCES', 'better'],
      ['LEDGER_BATCH_SIZE', 'worse'],
    ],
  );
  assert.equal(judged[2]?.merits.throughputPerSecond, 1205);
  assert.deepEqual(worthwhile(judged, baseline), having({ GENERATOR_INSTANCES: 4 }));
});
