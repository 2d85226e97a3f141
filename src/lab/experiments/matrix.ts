import type { Gate, ExperimentOutcome, Series } from '../report/run-record.ts';
import { fitUsl, MIN_USL_POINTS } from '../statistics/usl.ts';
import type { System } from '../system/system.ts';
import { classify } from './classify.ts';
import { errorGate, failedGate, latencyGate, timeoutGate } from './gates.ts';
import { describeKnee, kneeOf, type KneeTarget } from './knee.ts';
import { bottleneckOf, type Resources } from './bottleneck.ts';
import type { NamedMix } from './loads.ts';
import { describeMix } from './slo-mix.ts';
import { disturbances, type LabContext, runStep, type Step } from './step.ts';
import { stepLine } from './sweep.ts';
import {
  commonP95Ms,
  describeTargets,
  p95TargetOf,
  seriesTargets,
  strictestP95Ms,
  type Targets,
  violations,
} from './targets.ts';

export interface MatrixOptions {
  readonly system: System;
  readonly loads: readonly NamedMix[];
  readonly concurrency: readonly number[];
  readonly cycleDelaysMs: readonly number[];
  readonly holdMs: number;
  /** Undefined where the targets say what each endpoint must keep. */
  readonly p99Ms: number | undefined;
  readonly targets: Targets;
  readonly resources: Resources;
}

const SETTLE_MS = 1000;

/** Every profile at every concurrency, and the limiting resource of each; a matrix before a change and one after it show the effect. */
export async function matrix(options: MatrixOptions, context: LabContext): Promise<ExperimentOutcome> {
  const series: Series[] = [];
  const { loads, cycleDelaysMs, concurrency, holdMs } = options;
  const perSeriesMs = concurrency.length * (SETTLE_MS + holdMs);
  const count = loads.length * cycleDelaysMs.length;
  for (const { name: load, mix } of loads) {
    for (const cycleDelayMs of cycleDelaysMs) {
      const name = cycleDelaysMs.length === 1 ? load : `${load}, ${cycleDelayMs} ms between`;
      const laterMs = (count - 1 - series.length) * perSeriesMs;
      series.push(await measured({ name, mix, cycleDelayMs, laterMs }, options, context));
    }
  }
  const gates = series.flatMap((each) => gatesOf(each, options));
  const isKept = gates.every(({ passed }) => passed);
  return {
    scenario: `${options.loads.map(({ name }) => name).join(', ')}; closed loop`,
    configuration: {
      concurrency: options.concurrency.join(', '),
      'cycle delay': `${options.cycleDelaysMs.join(', ')} ms`,
      steps: `${options.holdMs / 1000} s each, after ${SETTLE_MS / 1000} s that are not counted`,
      profiles: options.loads.map(({ name, mix }) => `${name}: ${describeMix(mix)}`).join('; '),
      targets: describeTargets(options.targets),
    },
    series,
    gates,
    findings: series.flatMap((each) => findingsOf(each, options)),
    reasons: series.flatMap(({ name, steps }) =>
      steps.flatMap((step) =>
        // Other programs can make a system slower, but not faster: what passes in spite of them has passed.
        [...step.validity.reasons, ...(isKept ? [] : disturbances(step))].map(
          (reason) => `${name} at ${step.load.amount}: ${reason}`,
        ),
      ),
    ),
    marks: { throughput: [], p95: [] },
  };
}

async function measured(
  { name, mix, cycleDelayMs, laterMs }: NamedMix & { readonly cycleDelayMs: number; readonly laterMs: number },
  options: MatrixOptions,
  context: LabContext,
): Promise<Series> {
  const { system, concurrency, holdMs, resources, targets } = options;
  const targetMs = options.p99Ms ?? strictestP95Ms(targets);
  const steps: Step[] = [];
  for (const connections of concurrency) {
    context.expect(laterMs + (concurrency.length - steps.length) * (SETTLE_MS + holdMs));
    const plan = { kind: 'closed', connections, cycleDelayMs, durationMs: SETTLE_MS + holdMs } as const;
    const more = { settleMs: SETTLE_MS, targetMs, targetMsOf: p95TargetOf(targets), attempts: 2 };
    const step = await runStep({ system, mix, plan, ...more }, context);
    context.say(`  ${name}, ${connections} connections: ${stepLine(step)}`);
    steps.push(step);
  }
  const points = steps.map(({ concurrency, figures }) => ({ concurrency, throughput: figures.throughputPerSecond }));
  return {
    name,
    loadUnit: 'connections',
    settings: system.settings,
    steps,
    confirmations: [],
    usl: points.length < MIN_USL_POINTS ? undefined : fitUsl(points),
    knee: kneeOf(steps, kneeTarget(options)).load,
    targets:
      targets.endpoints === undefined
        ? { all: { p99Ms: options.p99Ms, maxFailedShare: targets.maxFailedShare, maxTimeouts: 0 } }
        : seriesTargets(targets),
    limit: bottleneckOf(steps.at(-1) as Step, resources),
  };
}

const kneeTarget = ({ p99Ms, targets }: MatrixOptions): KneeTarget =>
  p99Ms === undefined ? { p95Ms: commonP95Ms(targets) } : { p99Ms };

function gatesOf({ name, steps }: Series, { p99Ms, targets }: MatrixOptions): Gate[] {
  const errors = Math.max(...steps.map(({ figures }) => figures.errorShare));
  const failed = Math.max(...steps.map(({ figures }) => figures.errorShare + figures.refusedShare));
  const timeouts = steps.reduce((sum, { figures }) => sum + (figures.outcomes.timeout ?? 0), 0);
  const p99 = Math.max(...steps.map(({ figures }) => figures.latency.p99Ms));
  const wrong = steps.flatMap((step) => violations(step, targets).map((each) => `at ${step.load.amount}: ${each}`));
  return [
    errorGate(`${name}, errors`, errors),
    failedGate(`${name}, errors and refusals`, failed, targets.maxFailedShare),
    timeoutGate(`${name}, client timeouts`, timeouts),
    ...(p99Ms === undefined ? [] : [latencyGate(`${name}, p99`, p99, p99Ms)]),
    ...(targets.endpoints === undefined
      ? []
      : [
          {
            name: `${name}, targets of its endpoints`,
            expected: 'kept at every load',
            got: wrong.length === 0 ? 'kept' : wrong.join('; '),
            passed: wrong.length === 0,
          },
        ]),
  ];
}

function findingsOf({ name, loadUnit, steps }: Series, options: MatrixOptions): string[] {
  const { name: kind, evidence, action } = classify(steps);
  const knee = describeKnee(kneeOf(steps, kneeTarget(options)), loadUnit);
  return [
    `${name}: class ${kind} (${evidence}); ${action}.`,
    ...(knee === undefined ? [] : [`${name}: ${knee.charAt(0).toLowerCase()}${knee.slice(1)}`]),
  ];
}
