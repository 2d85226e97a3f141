import type { Gate, Outcome, Series } from '../report/run-record.ts';
import type { Mix } from '../load/mix.ts';
import { fitUsl, MIN_USL_POINTS } from '../statistics/usl.ts';
import type { System } from '../system/system.ts';
import { classify } from './classify.ts';
import { errorGate, latencyGate, timeoutGate } from './gates.ts';
import { describeKnee, kneeOf } from './knee.ts';
import { limitOf, type Resources } from './limit.ts';
import { describeProfiles, type ProfileName, profileMix, recordedBarcode } from './profiles.ts';
import { disturbances, type LabContext, runStep, type Step } from './step.ts';
import { stepLine } from './sweep.ts';

export interface MatrixOptions {
  readonly system: System;
  readonly profiles: readonly ProfileName[];
  readonly concurrency: readonly number[];
  readonly cycleDelaysMs: readonly number[];
  readonly holdMs: number;
  readonly p99Ms: number;
  readonly resources: Resources;
}

const SETTLE_MS = 1000;

/** Every profile at every concurrency, and what keeps each back: the same matrix before and after a change tells what it did. */
export async function matrix(options: MatrixOptions, context: LabContext): Promise<Outcome> {
  const id = await recordedBarcode(options.system, context);
  const series: Series[] = [];
  for (const profile of options.profiles) {
    const mix = profileMix(profile, options.system.key, id);
    for (const cycleDelayMs of options.cycleDelaysMs) {
      const name = options.cycleDelaysMs.length === 1 ? profile : `${profile}, ${cycleDelayMs} ms between`;
      series.push(await measured({ name, mix, cycleDelayMs }, options, context));
    }
  }
  const gates = series.flatMap((each) => gatesOf(each, options.p99Ms));
  const isKept = gates.every(({ passed }) => passed);
  return {
    scenario: `${options.profiles.join(', ')}; closed loop`,
    configuration: {
      concurrency: options.concurrency.join(', '),
      'cycle delay': `${options.cycleDelaysMs.join(', ')} ms`,
      steps: `${options.holdMs / 1000} s each, after ${SETTLE_MS / 1000} s that are not counted`,
      profiles: describeProfiles,
    },
    series,
    gates,
    findings: series.flatMap((each) => findingsOf(each, options.p99Ms)),
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
  { name, mix, cycleDelayMs }: { name: string; mix: Mix; cycleDelayMs: number },
  options: MatrixOptions,
  context: LabContext,
): Promise<Series> {
  const { system, concurrency, holdMs, p99Ms, resources } = options;
  const steps: Step[] = [];
  for (const connections of concurrency) {
    const plan = { kind: 'closed', connections, cycleDelayMs, durationMs: SETTLE_MS + holdMs } as const;
    const step = await runStep({ system, mix, plan, settleMs: SETTLE_MS, targetMs: p99Ms, attempts: 2 }, context);
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
    knee: kneeOf(steps, { p99Ms }).load,
    limit: limitOf(steps.at(-1) as Step, resources),
  };
}

function gatesOf({ name, steps }: Series, p99Ms: number): Gate[] {
  const errors = Math.max(...steps.map(({ figures }) => figures.errorShare));
  const timeouts = steps.reduce((sum, { figures }) => sum + (figures.outcomes.timeout ?? 0), 0);
  const p99 = Math.max(...steps.map(({ figures }) => figures.latency.p99Ms));
  return [
    errorGate(`${name}, errors`, errors),
    timeoutGate(`${name}, client timeouts`, timeouts),
    latencyGate(`${name}, p99`, p99, p99Ms),
  ];
}

function findingsOf({ name, loadUnit, steps }: Series, p99Ms: number): string[] {
  const { name: kind, evidence, action } = classify(steps);
  const knee = describeKnee(kneeOf(steps, { p99Ms }), loadUnit);
  return [
    `${name}: class ${kind} (${evidence}); ${action}.`,
    ...(knee === undefined ? [] : [`${name}: ${knee.charAt(0).toLowerCase()}${knee.slice(1)}`]),
  ];
}
