import { availableParallelism } from 'node:os';
import type { Gate, ExperimentOutcome, Series } from '../report/run-record.ts';
import { known } from '../report/tables.ts';
import type { Mix } from '../load/mix.ts';
import type { System } from '../system/system.ts';
import { createBarcodeMix, productBarcodeMix } from './barcode-mix.ts';
import { describeKnee, kneeOf } from './knee.ts';
import { disturbances, type LabContext, START_MS, type Step } from './step.ts';
import { sweep } from './sweep.ts';
import { USUAL_WARM_UPS, WARM_UP_MS } from './warm-up.ts';

/** A calibrated generator: this many slots of this service time. */
const SLOTS = 4;
const SERVICE_MS = 55;
const SINGLE_PER_SECOND = (SLOTS * 1000) / SERVICE_MS;
const GENERATORS = 6;

/** The promises of the proof. */
const promises = {
  single: { perSecond: 72, tolerance: 0.05 },
  /** The share of six times the single topology, as it was measured in the same run: a slow machine slows both. */
  scaledShare: 0.95,
  p95Ms: 1.5 * SERVICE_MS,
  realPerSecond: 4 * SINGLE_PER_SECOND,
} as const;

export interface ProveOptions {
  readonly quick: boolean;
  readonly workers: number;
  readonly start: (name: string, settings: Readonly<Record<string, string>>) => Promise<System>;
}

interface Topology {
  readonly name: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly connections: readonly number[];
  readonly slots: number;
  readonly merit: (step: Step, before: readonly Series[]) => number;
  readonly mixFor: (key: string) => Mix;
}

/**
 * Both topologies in one run: a single generator of known capacity, six of them, and as many real ones as there are
 * processors. The load is closed, as its concurrency is then known and an overload impossible; each step is judged from
 * what its users saw.
 */
export async function prove(options: ProveOptions, context: LabContext): Promise<ExperimentOutcome> {
  const timing = options.quick
    ? { stepMs: 2500, settleMs: 1000, confirmMs: 4000 }
    : { stepMs: 5000, settleMs: 1500, confirmMs: 15_000 };
  const series: Series[] = [];
  const all = topologies(options);
  const takesMs = ({ connections }: Topology): number =>
    START_MS + USUAL_WARM_UPS * WARM_UP_MS + connections.length * timing.stepMs + timing.confirmMs;
  for (const [index, topology] of all.entries()) {
    const laterMs = all.slice(index + 1).reduce((sum, later) => sum + takesMs(later), 0);
    context.expect(takesMs(topology) + laterMs);
    context.say(`${topology.name}: starting ${describe(topology.settings)}`);
    const system = await options.start(topology.name, topology.settings);
    try {
      const { connections, slots } = topology;
      const merit = (step: Step): number => topology.merit(step, series);
      const target = { targetMs: promises.p95Ms, resources: { slots }, mixFor: topology.mixFor };
      series.push(await sweep({ system, connections, merit, laterMs, ...timing, ...target }, context));
    } finally {
      await system.stop();
    }
  }
  return outcomeOf(series, options, timing);
}

function topologies({ quick, workers }: ProveOptions): Topology[] {
  const calibrated = {
    GENERATOR_KIND: 'calibrated',
    GENERATOR_CONCURRENCY: String(SLOTS),
    CALIBRATED_SERVICE_TIME_MS: String(SERVICE_MS),
  };
  const processors = availableParallelism();
  return [
    {
      name: 'single',
      settings: { ...calibrated, GATEWAY_WORKERS: '1', GENERATOR_INSTANCES: '1' },
      connections: quick ? [5] : [1, 2, 3, 4, 5, 6],
      slots: SLOTS,
      merit: ({ figures }) => figures.throughputPerSecond * (1 - figures.refusedShare),
      mixFor: createBarcodeMix,
    },
    {
      name: 'scaled',
      settings: { ...calibrated, GATEWAY_WORKERS: String(workers), GENERATOR_INSTANCES: String(GENERATORS) },
      connections: quick ? [25, 26] : [4, 8, 12, 16, 20, 24, 25, 26, 27, 28, 30],
      slots: GENERATORS * SLOTS,
      merit: scaledMerit,
      mixFor: createBarcodeMix,
    },
    {
      name: 'real barcodes',
      settings: {
        GENERATOR_KIND: 'barcode',
        GATEWAY_WORKERS: String(processors),
        GENERATOR_INSTANCES: String(processors),
      },
      connections: quick ? [4] : [1, 2, 3, 4, 6, 8, 12],
      slots: processors * SLOTS,
      merit: ({ figures }) => (isClean(figures) ? figures.throughputPerSecond : 0),
      mixFor: productBarcodeMix,
    },
  ];
}

const isClean = ({ errorShare, refusedShare }: Step['figures']): boolean => errorShare === 0 && refusedShare === 0;

/** The proof ignores throughput above this factor, which only repeated runs could tell from chance. */
const ENOUGH_THROUGHPUT = 1.015;

/** What six generators must serve beside this run of one. */
const promisedOf = (single: Step | undefined): number =>
  Math.ceil(promises.scaledShare * GENERATORS * (single?.figures.throughputPerSecond ?? SINGLE_PER_SECOND));

/** The run with the least p95 among those that reach the promised throughput; if none does, the one with the most throughput. */
function scaledMerit({ figures }: Step, [single]: readonly Series[]): number {
  if (!isClean(figures)) return 0;
  const { throughputPerSecond, latency } = figures;
  const served = throughputPerSecond / promisedOf(single?.confirmations[0]);
  return served < ENOUGH_THROUGHPUT ? served : ENOUGH_THROUGHPUT + promises.p95Ms / latency.p95Ms;
}

function outcomeOf(
  series: readonly Series[],
  options: ProveOptions,
  timing: Readonly<Record<string, number>>,
): ExperimentOutcome {
  const [single, scaled, real] = series.map(({ confirmations }) => confirmations[0]) as [Step, Step, Step];
  const rate = (step: Step): number => step.figures.throughputPerSecond;
  const ratio = rate(scaled) / rate(single);
  const gates = [...calibratedGates(single, scaled), realGate(real)];
  const isKept = gates.every(({ passed }) => passed);
  return {
    scenario: `createBarcode (POST /v1/barcodes), each text once, real barcodes with names of products; closed loop, no delay between requests${options.quick ? '; quick form' : ''}`,
    configuration: {
      concurrency: series
        .map(({ name, steps }) => `${name} ${steps.map(({ load }) => load.amount).join(', ')}`)
        .join('; '),
      'cycle delay': '0 ms',
      steps: `${timing['stepMs']} ms each, confirmation ${timing['confirmMs']} ms; the first ${timing['settleMs']} ms not counted; before them a warm-up until the throughput no longer grows`,
    },
    series,
    gates,
    findings: [
      `The scaled topology serves ${rate(scaled).toFixed(1)} requests/s, ${ratio.toFixed(2)} times the ${rate(single).toFixed(1)} of the single one; six times would be ${(6 * rate(single)).toFixed(0)}.`,
      `Real barcodes: ${rate(real).toFixed(0)} requests/s, ${(rate(real) / SINGLE_PER_SECOND).toFixed(1)} times the single topology's capacity.`,
      ...series.map(({ name, limit }) => `${name} is limited by ${limit}.`),
      ...series.flatMap(({ name, loadUnit, steps }) => {
        const knee = describeKnee(kneeOf(steps, promises), loadUnit);
        return knee === undefined ? [] : [`${name}: ${knee}`];
      }),
    ],
    // Other programs can make a capacity smaller, but not larger: what passes in spite of them has passed.
    reasons: series.flatMap(({ name, confirmations }) =>
      confirmations
        .flatMap((step) => [...step.validity.reasons, ...(isKept ? [] : disturbances(step))])
        .map((reason) => `${name}: ${reason}`),
    ),
    marks: {
      throughput: [{ name: `promised: ${promisedOf(single)}`, series: 'scaled', y: promisedOf(single) }],
      p95: [{ name: `promised: ${promises.p95Ms}`, series: 'scaled', y: promises.p95Ms }],
    },
  };
}

function calibratedGates(one: Step, { figures: scaled }: Step): Gate[] {
  const { perSecond, tolerance } = promises.single;
  const rate = one.figures.throughputPerSecond;
  const promised = promisedOf(one);
  return [
    {
      name: 'single topology, requests/s',
      expected: `${perSecond} ± ${tolerance * 100} %`,
      got: rate.toFixed(1),
      passed: Math.abs(rate - perSecond) <= tolerance * perSecond,
    },
    {
      name: 'scaled topology, requests/s',
      expected: `at least ${promised}, ${promises.scaledShare * 100} % of six times the single topology`,
      got: scaled.throughputPerSecond.toFixed(1),
      passed: scaled.throughputPerSecond >= promised,
    },
    {
      name: 'scaled topology, p95',
      expected: `at most ${promises.p95Ms} ms, 1.5 service times`,
      got: known(scaled.latency.p95Ms, 1, ' ms'),
      passed: scaled.latency.p95Ms <= promises.p95Ms,
    },
    {
      name: 'scaled topology, errors and refusals',
      expected: 'none',
      got: `${scaled.requests - (scaled.outcomes['2xx'] ?? 0)} of ${scaled.requests}`,
      passed: isClean(scaled),
    },
  ];
}

function realGate({ figures }: Step): Gate {
  return {
    name: 'real barcodes, requests/s',
    expected: `at least ${promises.realPerSecond.toFixed(1)}, four times the single topology, no errors`,
    got: figures.throughputPerSecond.toFixed(1),
    passed: figures.throughputPerSecond >= promises.realPerSecond && isClean(figures),
  };
}

const describe = (settings: Readonly<Record<string, string>>): string =>
  Object.entries(settings)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
