import assert from 'node:assert/strict';
import { test } from 'node:test';
import { START_MS, type LabContext, type Step } from '../../../../src/lab/experiments/step.ts';
import { tune } from '../../../../src/lab/experiments/tune.ts';
import { type Measure, NotStarted } from '../../../../src/lab/experiments/tune-measure.ts';
import { type Configuration, type Grid, isSame } from '../../../../src/lab/tuning/configuration.ts';
import { seededRandom } from '../../../../src/core/random.ts';
import { baseline, having, targets } from '../tuning/configurations.ts';

interface Planted {
  readonly throughput: number;
  readonly p99Ms?: number;
  readonly rss?: number;
  readonly refused?: number;
  readonly foreign?: number;
}

function step({ throughput, p99Ms = 50, rss = 1000, refused = 0, foreign = 0 }: Planted): Step {
  const figures = {
    throughputPerSecond: throughput,
    latency: { p99Ms },
    errorShare: 0,
    refusedShare: refused,
    exec: { meanMs: 5 },
  };
  const process = { role: 'gateway', instance: 0, pid: 1, cpuShare: 0.5, maxRssBytes: (rss / 2) * 1024 ** 2 };
  const use = { machineCpuShare: 0.5, foreignCpuShare: foreign, processes: [process, process] };
  return { figures, endpoints: [], use, validity: { reasons: [] } } as unknown as Step;
}

const nothing: Grid = {
  GENERATOR_INSTANCES: [],
  GENERATOR_CONCURRENCY: [],
  GATEWAY_WORKERS: [],
  QUEUE_CAPACITY: [],
  LEDGER_BATCH_SIZE: [],
};

/** Tunes over what is planted; every measurement is a little higher than the one before, as machines get warm. */
async function tuned(grid: Partial<Grid>, plant: (configuration: Configuration, isFinal: boolean) => Planted) {
  const measured: { configuration: Configuration; holdMs: number; attempts: number }[] = [];
  const said: string[] = [];
  const measure: Measure = async (configuration, hold) => {
    measured.push({ configuration, ...hold });
    const planted = plant(configuration, hold.attempts === 3);
    return step({ ...planted, throughput: planted.throughput * (1 + measured.length / 1e5) });
  };
  const options = {
    baseline,
    grid: { ...nothing, ...grid },
    settings: { GENERATOR_KIND: 'barcode' },
    users: 24,
    targets,
    holdMs: 2000,
    settleMs: 1500,
    repeats: 3,
    attempts: { search: 2, final: 3 },
  };
  const expected: number[] = [];
  const context = {
    random: seededRandom(1),
    say: (line: string) => void said.push(line),
    expect: (leftMs: number) => void expected.push(leftMs),
  } as unknown as LabContext;
  const outcome = await tune(options, measure, context);
  return { ...outcome, measured, said, expected };
}

const threeByThree = { GENERATOR_INSTANCES: [1, 2, 4], GENERATOR_CONCURRENCY: [2, 4, 8] };
/** Throughput by generators alone. */
const byInstances = ({ GENERATOR_INSTANCES: instances }: Configuration): Planted => ({
  throughput: { 1: 500, 2: 1000, 4: 1500 }[instances] ?? 0,
});

test('tune halves: nine for 2 s, three for 6 s, then what each change buys for 18 s / 3', async () => {
  const { tuning, measured, said, expected } = await tuned(threeByThree, byInstances);
  assert.deepEqual(
    tuning.rungs.map(({ holdMs, evaluations }) => [holdMs, evaluations.length]),
    // The baseline is carried, beside the third that was promoted.
    [
      [2000, 9],
      [6000, 4],
    ],
  );
  for (const { evaluations } of tuning.rungs) {
    assert.equal(evaluations.filter(({ configuration }) => isSame(configuration, baseline)).length, 1);
  }
  assert.deepEqual(
    measured.slice(13).map(({ configuration, holdMs, attempts }) => [configuration, holdMs, attempts]),
    [2, 4, 4, 2, 2, 4].map((instances) => [having({ GENERATOR_INSTANCES: instances }), 6000, 3]),
    'in turns, there and back',
  );
  assert.deepEqual(new Set(measured.slice(0, 13).map(({ attempts }) => attempts)), new Set([2]));
  // One measurement more where the baseline is carried, although it was not promoted.
  const more = expected.slice(1).map((leftMs, index) => leftMs - (expected[index] ?? 0));
  assert.ok(Math.max(...more) <= START_MS + 1500 + 6000, `less and less is left: ${expected.join()}`);
  assert.equal(expected.at(-1), 6 * (START_MS + 1500 + 6000), 'the final comparison');
  assert.match(said[0] ?? '', /^9 configurations by successive halving, 24 users; it takes \d to \d min\. As it is: /);
});

test('tune takes the one that is better, in the variable that made it so, and says what it bought', async () => {
  const { tuning, findings, series, reasons, gates } = await tuned(threeByThree, byInstances);
  assert.deepEqual(tuning.chosen, having({ GENERATOR_INSTANCES: 4 }), 'the concurrency does nothing, so it stays');
  assert.deepEqual(tuning.result, tuning.chosen);
  assert.equal(tuning.bought?.gain.by, 'throughput');
  assert.match(findings.at(-2) ?? '', /^GENERATOR_INSTANCES 2 → 4 bought throughput \+50\.0 %/);
  assert.deepEqual(
    series.map(({ name, steps, settings }) => [name, steps.length, settings['GENERATOR_INSTANCES']]),
    [
      ['as it was', 3, '2'],
      ['+ GENERATOR_INSTANCES=4', 3, '4'],
    ],
  );
  assert.deepEqual(reasons, []);
  assert.deepEqual(
    gates.map(({ name, passed }) => [name, passed]),
    [['the result keeps the targets', true]],
  );
});

test('tune keeps the settings where nothing is better, and does not compare them with themselves', async () => {
  const { tuning, measured, series, findings } = await tuned(threeByThree, () => ({ throughput: 1000 }));
  assert.deepEqual([tuning.chosen, tuning.result, tuning.ladder, tuning.bought], [baseline, baseline, [], undefined]);
  assert.equal(measured.length, 9 + 3);
  assert.deepEqual(series, []);
  assert.match(findings.join(), /Nothing was better/);
});

test('tune takes back a change that buys nothing by itself, and measures what is left', async () => {
  const grid = { GENERATOR_INSTANCES: [2, 4], GENERATOR_CONCURRENCY: [4, 8] };
  // While searching both seem to help, the concurrency more; in the end the generators alone do.
  const { tuning, measured, series } = await tuned(grid, (configuration, isFinal) => {
    const [instances, concurrency] = [configuration.GENERATOR_INSTANCES / 2, configuration.GENERATOR_CONCURRENCY / 4];
    return { throughput: isFinal ? 500 + 500 * instances : 200 * instances * concurrency + 400 * concurrency };
  });
  assert.deepEqual(tuning.chosen, having({ GENERATOR_INSTANCES: 4, GENERATOR_CONCURRENCY: 8 }));
  assert.deepEqual(
    tuning.ladder.map(({ change, gain }) => [change?.name, gain?.verdict]),
    [
      [undefined, undefined],
      ['GENERATOR_CONCURRENCY', 'nothing'],
      ['GENERATOR_INSTANCES', 'better'],
    ],
  );
  assert.deepEqual(tuning.result, having({ GENERATOR_INSTANCES: 4 }));
  assert.equal(measured.length, 4 + 3 * 3 + 3 * 2);
  assert.deepEqual(
    series.map(({ name }) => name),
    ['as it was', '+ GENERATOR_CONCURRENCY=8', '+ GENERATOR_INSTANCES=4', 'as it was', 'only what was worthwhile'],
  );
});

test('tune keeps the settings where what is left buys nothing after all', async () => {
  let finals = 0;
  const { tuning, findings } = await tuned(
    { GENERATOR_INSTANCES: [2, 4], GENERATOR_CONCURRENCY: [4, 8] },
    (configuration, isFinal) => {
      const [instances, concurrency] = [configuration.GENERATOR_INSTANCES / 2, configuration.GENERATOR_CONCURRENCY / 4];
      if (isFinal && finals++ >= 9) return { throughput: 1000 };
      return { throughput: isFinal ? 500 + 500 * instances : 200 * instances * concurrency + 400 * concurrency };
    },
  );
  assert.deepEqual([tuning.result, tuning.bought], [baseline, undefined]);
  assert.match(findings.at(-1) ?? '', /What remains bought nothing/);
});

test('tune leaves out what does not start; where the settings as they are do not, it rejects', async () => {
  const failing = (wrong: number) => (configuration: Configuration) => {
    if (configuration.GENERATOR_INSTANCES === wrong) throw new NotStarted('too few connections\nand a log');
    return byInstances(configuration);
  };
  const { tuning, said, reasons } = await tuned({ GENERATOR_INSTANCES: [1, 2, 4] }, failing(4));
  assert.deepEqual(tuning.rungs[0]?.evaluations.at(-1)?.failure, 'too few connections');
  assert.ok(
    said.some((line) => line.endsWith('generators 4 × 4, workers 2, queue 256, batch 200: too few connections')),
  );
  assert.deepEqual([tuning.chosen, reasons], [baseline, []]);
  let tries = 0;
  const first = (configuration: Configuration) => {
    tries++;
    return failing(2)(configuration);
  };
  await assert.rejects(tuned({ GENERATOR_INSTANCES: [1, 2, 4] }, first), /too few connections/);
  assert.ok(tries <= 3, 'at once, not in the final comparison');
  const broken = (configuration: Configuration) => {
    if (configuration.GENERATOR_INSTANCES === 4) throw new TypeError('a bug');
    return byInstances(configuration);
  };
  await assert.rejects(tuned({ GENERATOR_INSTANCES: [1, 2, 4] }, broken), /a bug/);
});

test('tune: a disturbance of the final comparison makes the run invalid, one while searching does not', async () => {
  const grid = { GENERATOR_INSTANCES: [2, 4] };
  let count = 0;
  const disturbedIn = (first: number, last: number) => (configuration: Configuration) => {
    count++;
    return { ...byInstances(configuration), foreign: count >= first && count <= last ? 0.3 : 0 };
  };
  assert.deepEqual((await tuned(grid, disturbedIn(1, 2))).reasons, []);
  count = 0;
  assert.deepEqual((await tuned(grid, disturbedIn(3, 3))).reasons, [
    'as it was: other programs used 30 % of the processors',
  ]);
  count = 0;
  const unchanged = await tuned(grid, (configuration) => ({ ...disturbedIn(1, 1)(configuration), throughput: 1000 }));
  assert.equal(unchanged.reasons.length, 1, 'there is no other comparison than the last rung');
});

test('tune: where nothing meets the targets, it goes by what misses them least', async () => {
  const { tuning, findings } = await tuned(threeByThree, (configuration) => ({
    ...byInstances(configuration),
    p99Ms: configuration.GENERATOR_INSTANCES === 1 ? 400 : 600,
  }));
  assert.equal(tuning.chosen.GENERATOR_INSTANCES, 1);
  assert.equal(tuning.frontier.length, 1);
  assert.match(findings[0] ?? '', /No configuration meets the targets/);
});
