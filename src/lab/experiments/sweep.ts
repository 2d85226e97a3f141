import type { Series } from '../report/run-record.ts';
import { known } from '../report/tables.ts';
import { fitUsl, MIN_USL_POINTS } from '../statistics/usl.ts';
import type { Mix } from '../load/mix.ts';
import type { System } from '../system/system.ts';
import { kneeOf } from './knee.ts';
import { bottleneckOf, type Resources } from './bottleneck.ts';
import { type LabContext, runStep, type Step } from './step.ts';

export interface SweepOptions {
  readonly system: System;
  readonly connections: readonly number[];
  readonly stepMs: number;
  /** The steps that confirm the best load. */
  readonly confirmMs: number;
  readonly settleMs: number;
  readonly targetMs: number;
  readonly resources: Resources;
  readonly mixFor: (key: string) => Mix;
  /** How good a step is: the best one is confirmed. */
  readonly merit: (step: Step) => number;
  /** What comes after it. */
  readonly laterMs: number;
}

const CONFIRM_ATTEMPTS = 3;

/** Closed loads of growing concurrency, then the best of them for longer. */
export async function sweep(options: SweepOptions, context: LabContext): Promise<Series> {
  const { system, connections, stepMs, confirmMs, targetMs, resources, merit, laterMs } = options;
  const steps: Step[] = [];
  for (const count of connections) {
    context.expect((connections.length - steps.length) * stepMs + confirmMs + laterMs);
    steps.push(await closedStep(options, { connections: count, durationMs: stepMs, attempts: 1 }, context));
  }
  const best = steps.toSorted((left, right) => merit(right) - merit(left))[0] as Step;
  const load = { connections: best.load.amount, durationMs: confirmMs, attempts: CONFIRM_ATTEMPTS };
  context.expect(confirmMs + laterMs);
  const confirmed = await closedStep(options, load, context);
  const points = steps.map(({ concurrency, figures }) => ({ concurrency, throughput: figures.throughputPerSecond }));
  return {
    name: system.name,
    loadUnit: 'connections',
    settings: system.settings,
    steps,
    confirmations: [confirmed],
    usl: points.length < MIN_USL_POINTS ? undefined : fitUsl(points),
    knee: kneeOf(steps, { p95Ms: targetMs }).load,
    limit: bottleneckOf(confirmed, resources),
  };
}

async function closedStep(
  { system, settleMs, targetMs, mixFor }: SweepOptions,
  { connections, durationMs, attempts }: { connections: number; durationMs: number; attempts: number },
  context: LabContext,
): Promise<Step> {
  const plan = { kind: 'closed', connections, cycleDelayMs: 0, durationMs } as const;
  const mix = mixFor(system.key);
  const step = await runStep({ system, mix, plan, settleMs, targetMs, attempts }, context);
  context.say(`  ${system.name}, ${connections} connections: ${stepLine(step)}`);
  return step;
}

/** A line of progress for the terminal. */
export function stepLine({ figures, use }: Pick<Step, 'figures' | 'use'>): string {
  const { throughputPerSecond, latency, errorShare, refusedShare } = figures;
  const bad = errorShare + refusedShare;
  const remark =
    bad === 0 ? '' : `, ${(errorShare * 100).toFixed(1)} % errors, ${(refusedShare * 100).toFixed(1)} % refused`;
  return `${throughputPerSecond.toFixed(1)} requests/s, p95 ${known(latency.p95Ms, 1, ' ms')}${remark}, processors ${Math.round(use.machineCpuShare * 100)} %`;
}
