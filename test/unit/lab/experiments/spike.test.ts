import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBarcodeMix } from '../../../../src/lab/experiments/barcode-mix.ts';
import { type SpikeOptions, spikeOutcome, type SpikePhases } from '../../../../src/lab/experiments/spike-outcome.ts';
import type { Step } from '../../../../src/lab/experiments/step.ts';
import type { Figures } from '../../../../src/lab/measure/figures.ts';
import { verdictOf } from '../../../../src/lab/report/run-record.ts';

interface Planted {
  readonly p95Ms?: number;
  readonly refused?: number;
  readonly foreign?: number;
}

/** A thousand requests in ten seconds. */
function step({ p95Ms = 50, refused = 0, foreign = 0 }: Planted): Step {
  const latency = { p50Ms: 40, p95Ms, p99Ms: 90 };
  const figures = {
    requests: 1000,
    outcomes: { '2xx': 1000 - refused, refused },
    throughputPerSecond: 100,
    errorShare: 0,
    refusedShare: refused / 1000,
    latency,
    exec: { meanMs: 40 },
  };
  const use = { foreignCpuShare: foreign, machineCpuShare: 0.5, processes: [] };
  return { load: { durationMs: 3000 }, figures, validity: { reasons: [] }, use } as unknown as Step;
}

const options = {
  system: { name: 'own', settings: {} },
  normalUsers: 10,
  peakUsers: 100,
  normalMs: 3000,
  riseMs: 1000,
  holdMs: 3000,
  recoveryMs: 3000,
  mix: createBarcodeMix(''),
  cycleDelayMs: 0,
  heldFactor: 2,
  targets: { p95Ms: 150, maxFailedShare: 0.01 },
  resources: { slots: 8 },
} as unknown as SpikeOptions;

const calm = {
  normal: step({}),
  rise: step({}),
  held: step({ p95Ms: 99, refused: 900 }),
  recovery: step({ p95Ms: 74 }),
};

function judged(phases: Partial<SpikePhases>, outcomes: Figures['outcomes'] = { '2xx': 3000, refused: 900 }) {
  const seconds = [50, 50, 50, 70, 99, 99, 99, 99, 76, 50].map((p95Ms, index) => ({
    atMs: index * 1000,
    users: 10,
    figures: step({ p95Ms }).figures,
  }));
  const measured = { phases: { ...calm, ...phases }, seconds, whole: { outcomes } as Figures };
  const outcome = spikeOutcome(measured, options);
  const failed = outcome.gates.filter(({ passed }) => !passed).map(({ name }) => name);
  return { ...outcome, verdict: verdictOf(outcome.gates, outcome.reasons), failed };
}

test('a spike passes whose crowd is refused in part, and says how many', () => {
  const { verdict, findings } = judged({});
  assert.equal(verdict, 'passed');
  assert.match(findings.join('\n'), /0 of 1000 .* in the rise, 900 of 1000 requests \(90\.00 %\) while held/);
  assert.match(findings.join('\n'), /from second 3 after the crowd has left/);
});

const cases: readonly (readonly [string, Partial<SpikePhases>, Figures['outcomes'], string])[] = [
  ['5xx other than 503', {}, { '2xx': 10, '5xx': 1 }, '5xx other than 503'],
  ['a user without an answer', {}, { '2xx': 10, timeout: 1 }, 'timeouts and lost connections'],
  ['a lost connection', {}, { '2xx': 10, 'connection-error': 1 }, 'timeouts and lost connections'],
  ['twice the latency while held', { held: step({ p95Ms: 100 }) }, {}, 'p95 of those let in, while held'],
  ['nobody let in while held', { held: step({ p95Ms: Number.NaN }) }, {}, 'p95 of those let in, while held'],
  ['1.5 times the latency afterwards', { recovery: step({ p95Ms: 75 }) }, {}, 'p95 afterwards'],
  ['refusals afterwards', { recovery: step({ refused: 11 }) }, {}, 'errors and refusals afterwards'],
  ['a normal load that is none', { normal: step({ refused: 11 }) }, {}, 'normal load'],
];
for (const [name, phases, outcomes, gate] of cases) {
  test(`a spike fails by ${name}`, () => {
    const { verdict, failed } = judged(phases, outcomes);
    assert.deepEqual([verdict, failed], ['failed', [gate]]);
  });
}

test('a spike that fails on a busy machine is invalid', () => {
  const { verdict, reasons } = judged({ held: step({ p95Ms: 200, foreign: 0.4 }) });
  assert.deepEqual([verdict, reasons], ['invalid', ['other programs used 40 % of the processors']]);
});
