import type { Series } from '../report/run-record.ts';
import { known } from '../report/tables.ts';
import { fitUsl, MIN_USL_POINTS } from '../statistics/usl.ts';
import type { Mix } from '../load/mix.ts';
import type { System } from '../system/system.ts';
import { kneeOf } from './knee.ts';
import { bottleneckOf, type Resources } from './bottleneck.ts';
import { type LabContext, runStep, type Step } from './step.ts';
import { isWarm, WARM_UP_MS } from './warm-up.ts';

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

/** Closed loads of growing concurrency on a warm system, then the best of them for longer. */
export async function sweep(options: SweepOptions, context: LabContext): Promise<Series> {
  const { system, connections, stepMs, confirmMs, targetMs, resources, merit, laterMs } = options;
  await warmUp(options, context);
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

async function warmUp(options: SweepOptions, context: LabContext): Promise<void> {
  const load = { connections: Math.max(...options.connections), durationMs: WARM_UP_MS, attempts: 1 };
  const rates: number[] = [];
  while (!isWarm(rates)) {
    const { figures } = await runClosed({ ...options, settleMs: 0 }, load, context);
    rates.push(figures.throughputPerSecond);
  }
  context.say(`  ${options.system.name}, warm-up: ${rates.map((rate) => rate.toFixed(0)).join(', ')} requests/s`);
}

async function closedStep(options: SweepOptions, load: ClosedLoad, context: LabContext): Promise<Step> {
  const step = await runClosed(options, load, context);
  context.say(`  ${options.system.name}, ${load.connections} connections: ${stepLine(step)}`);
  return step;
}

interface ClosedLoad {
  readonly connections: number;
  readonly durationMs: number;
  readonly attempts: number;
}

function runClosed(
  { system, settleMs, targetMs, mixFor }: SweepOptions,
  { connections, durationMs, attempts }: ClosedLoad,
  context: LabContext,
): Promise<Step> {
  const plan = { kind: 'closed', connections, cycleDelayMs: 0, durationMs } as const;
  return runStep({ system, mix: mixFor(system.key), plan, settleMs, targetMs, attempts }, context);
}

/** A line of progress for the terminal. */
export function stepLine({ figures, use }: Pick<Step, 'figures' | 'use'>): string {
  const { throughputPerSecond, latency, errorShare, refusedShare } = figures;
  const bad = errorShare + refusedShare;
  const remark =
    bad === 0 ? '' : `, ${(errorShare * 100).toFixed(1)} % errors, ${(refusedShare * 100).toFixed(1)} % refused`;
  return `${throughputPerSecond.toFixed(1)} requests/s, p95 ${known(latency.p95Ms, 1, ' ms')}${remark}, processors ${Math.round(use.machineCpuShare * 100)} %`;
}
