import assert from 'node:assert/strict';
import { test } from 'node:test';
import { classify, describeClass } from '../../../../src/lab/experiments/classify.ts';
import { type RampOptions, rampOutcome } from '../../../../src/lab/experiments/ramp.ts';
import { disturbances, measuredOf, type Step } from '../../../../src/lab/experiments/step.ts';
import {
  commonP95Ms,
  p95Marks,
  p95TargetOf,
  strictestP95Ms,
  type Targets,
} from '../../../../src/lab/experiments/targets.ts';
import { Requests } from '../../../../src/lab/load/requests.ts';
import { phaseChart } from '../../../../src/lab/report/main-charts.ts';
import { stepTable } from '../../../../src/lab/report/tables.ts';
import { useOverTime } from '../../../../src/lab/system/use-over-time.ts';
import type { Series } from '../../../../src/lab/report/run-record.ts';

const unknown = { count: 0, meanMs: Number.NaN, p50Ms: Number.NaN, p95Ms: Number.NaN, p99Ms: Number.NaN };
const times = (ms: number) => ({ count: 9, meanMs: ms, p50Ms: ms, p90Ms: ms, p95Ms: ms, p99Ms: ms, maxMs: ms });

interface Planted {
  readonly amount?: number;
  readonly exec?: object;
  readonly wait?: object;
  readonly runQueueShare?: number;
  readonly timeouts?: number;
  readonly reasons?: readonly string[];
  readonly foreign?: number;
  readonly isWatched?: boolean;
}

function step({ amount = 1, exec = unknown, wait = unknown, timeouts = 0, reasons = [], ...rest }: Planted): Step {
  const { runQueueShare = 0, foreign = Number.NaN, isWatched = false } = rest;
  return {
    load: { kind: 'open', amount },
    underWay: [],
    endpoints: [],
    discarded: [],
    figures: {
      requests: 1000,
      offeredPerSecond: 100,
      throughputPerSecond: 100,
      outcomes: { '2xx': 1000 - timeouts, timeout: timeouts },
      errorShare: timeouts / 1000,
      refusedShare: 0,
      latency: times(20),
      wait,
      exec,
    },
    validity: { valid: reasons.length === 0, reasons },
    use: {
      machineCpuShare: 0.5,
      foreignCpuShare: foreign,
      processes: isWatched ? [{ role: 'gateway', cpuShare: 0.5, runQueueShare }] : [],
    },
  } as unknown as Step;
}

test('no class is pronounced of a server that tells no times, nor from one load', () => {
  const silent = [step({}), step({ amount: 9 })];
  assert.equal(classify(silent).name, 'not known');
  assert.match(describeClass(silent), /class not known \(wait and exec not known, its processors not known, 0\.0 %/);
  const half = [step({ wait: times(1), exec: times(5) }), step({ amount: 9 })];
  assert.equal(classify(half).name, 'not known');
  assert.equal(classify([step({ wait: times(1), exec: times(5) })]).name, 'not known');
  for (const steps of [silent, half, []]) assert.doesNotMatch(describeClass(steps), /NaN|Infinity/);
});

test('what clients see is evidence by itself', () => {
  assert.equal(classify([step({}), step({ timeouts: 50 })]).name, 'C capacity control');
});

test('time that has become less is not said to be negative', () => {
  const [low, high] = [0.9, 0.2].map((runQueueShare) =>
    step({ wait: times(1), exec: times(5), isWatched: true, runQueueShare }),
  ) as [Step, Step];
  assert.match(classify([low, high]).evidence, /not longer ready without a processor/);
  assert.match(classify([high, low]).evidence, /ready without a processor \+7\.0 ms per request/);
  assert.doesNotMatch(classify([low, high]).evidence, /[−-]\d/);
});

const targets: Targets = {
  p95Ms: 150,
  maxFailedShare: 0.01,
  endpoints: {
    cpu: { p95Ms: 200, p99Ms: undefined, maxFailedShare: undefined, maxTimeouts: undefined },
    items: { p95Ms: 50, p99Ms: undefined, maxFailedShare: undefined, maxTimeouts: undefined },
    free: { p95Ms: undefined, p99Ms: 9, maxFailedShare: undefined, maxTimeouts: undefined },
  },
};

test('the targets that are drawn and counted are those of the SLO file', () => {
  assert.deepEqual(
    p95Marks('own', targets).map(({ name, y }) => [name, y]),
    [
      ['target of cpu: 200', 200],
      ['target of items: 50', 50],
    ],
  );
  assert.deepEqual(['cpu', 'items', 'free', 'none'].map(p95TargetOf(targets)), [200, 50, Infinity, Infinity]);
  assert.equal(strictestP95Ms(targets), 50);
  assert.equal(commonP95Ms(targets), Infinity);
  const { endpoints: _, ...alone } = targets;
  assert.deepEqual([p95Marks('own', alone)[0]?.y, p95TargetOf(alone)('cpu'), commonP95Ms(alone)], [150, 150, 150]);
});

test('successes over the target are counted against that of their endpoint', () => {
  const requests = new Requests();
  for (const [endpoint, latencyMs] of [
    [0, 199],
    [0, 201],
    [1, 49],
    [1, 51],
    [1, 199],
    [2, 9999],
  ] as const) {
    requests.settle(requests.begin(endpoint, 0, 0), '2xx', 200, latencyMs);
  }
  const mix = {
    endpoints: ['cpu', 'items', 'free'].map((endpoint) => ({ endpoint, weight: 1, method: 'GET', path: '/' }) as const),
    headers: {},
    rows: [],
    seed: 1,
  };
  const sender = { cpuShare: 0, eventLoopDelayP99Ms: 0, sampledAtMs: [0], inFlight: [0] };
  const { overTarget, endpoints } = measuredOf(
    { requests, durationMs: 1000, senders: [sender as never] },
    { window: { fromMs: 0, toMs: 1000 }, mix, targetMs: 50, targetMsOf: p95TargetOf(targets) },
  );
  assert.deepEqual([overTarget, ...endpoints.map((each) => each.overTarget)], [3, 1, 2, 0]);
});

test('a load whose step is invalid is not said to be carried', () => {
  const options = { system: { name: 'own', settings: {} }, targets: { p95Ms: 150, maxFailedShare: 0.01 } };
  const more = { from: 100, to: 300, by: 100, holdMs: 1000, gatePerSecond: 100, resources: {}, mix: { endpoints: [] } };
  const late = ['the sender was late'];
  const findings = (...reasons: (readonly string[])[]): string[] =>
    rampOutcome(
      reasons.map((each, index) => step({ amount: 100 * (index + 1), reasons: each })),
      '',
      { ...options, ...more } as unknown as RampOptions,
    ).findings as string[];
  const some = findings([], late, late);
  assert.match(some[0] ?? '', /up to 100 requests\/s/);
  assert.match(some[1] ?? '', /^Nothing is known of 200 requests\/s, as that step is invalid: the sender was late\.$/);
  assert.match(some[2] ?? '', /of 300 requests\/s/);
  const all = findings(late);
  assert.match(all[0] ?? '', /^No load was carried/);
  assert.match(findings([], late, [])[0] ?? '', /up to 300 requests\/s/);
});

test('what others used is unknown where no process is watched: a dash, and no disturbance', () => {
  const column = (foreign: number): string | undefined => {
    const { columns, rows } = stepTable({ loadUnit: 'x', steps: [step({ foreign })], confirmations: [] } as never);
    return rows[0]?.[columns.indexOf('others')];
  };
  assert.match(column(Number.NaN) ?? '', /^–/);
  assert.equal(column(0.67), '67 %');
  assert.deepEqual([disturbances(step({})).length, disturbances(step({ foreign: 0.67 })).length], [0, 1]);
  const over = (...shares: number[]): number =>
    useOverTime(shares.map((foreign) => step({ foreign }).use)).foreignCpuShare;
  assert.deepEqual([over(Number.NaN, 0.2, 0.4).toFixed(1), over(Number.NaN)], ['0.3', Number.NaN]);
});

test('where the time goes is drawn only of a server that tells it', () => {
  const chart = (exec: object) =>
    phaseChart({
      steps: [1, 2, 3].map((amount) => step({ amount, exec, wait: exec })),
      loadUnit: 'x',
    } as unknown as Series);
  assert.equal(chart(unknown), undefined);
  assert.deepEqual(
    chart(times(5))?.panels[0]?.lines.map(({ name, points }) => [name, points.map(({ y }) => y)]),
    [
      ['exec', [5, 5, 5]],
      ['wait', [5, 5, 5]],
    ],
  );
});
