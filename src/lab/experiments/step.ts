import type { Clock } from '../../core/clock.ts';
import type { Random } from '../../core/random.ts';
import { runClosedLoop } from '../load/closed-loop.ts';
import type { ClosedPlan, LoadResult, LoadTarget, OpenPlan } from '../load/engine.ts';
import type { Mix } from '../load/mix.ts';
import { runOpenLoad } from '../load/open-loop-processes.ts';
import {
  countOver,
  type EndpointFigures,
  type Figures,
  figuresByEndpoint,
  figuresOf,
  type Window,
} from '../measure/figures.ts';
import type { ServerFigures } from '../measure/server-figures.ts';
import { underWayOverTime } from '../measure/under-way.ts';
import { type Validity, validityOf } from '../measure/validity.ts';
import { ProcessWatch, type SystemUse } from '../system/process-watch.ts';
import { MetricsWatch } from '../system/metrics-watch.ts';
import { lookAt } from '../system/look.ts';
import type { System } from '../system/system.ts';

/** The means of an experiment. */
export interface LabContext {
  readonly clock: Clock;
  readonly random: Random;
  /** The number of the next request: each has one of its own. */
  readonly numbers: { next: number };
  /** Prints a line of progress. */
  readonly say: (line: string) => void;
  /** Tells how long the experiment still takes from now on, as far as is known. */
  readonly expect: (leftMs: number) => void;
}

/** The time in which a system starts and stops, about. */
export const START_MS = 4500;

export interface StepOptions {
  readonly system: System;
  readonly mix: Mix;
  readonly plan: OpenPlan | ClosedPlan;
  /** This much of the beginning is not counted: connections, compilers, queues that fill. */
  readonly settleMs: number;
  /** The latency that is judged; see validityOf. */
  readonly targetMs: number;
  /** That of each endpoint, where they differ. */
  readonly targetMsOf?: (endpoint: string) => number;
  /** How often it may be made when the machine is busy with other things or the sender was; whatever came of it. */
  readonly attempts: number;
}

/** A load that was held for a while, and its results. */
export interface Step {
  readonly load: LoadDescription;
  /** Requests under way on average, as counted. */
  readonly concurrency: number;
  /** The same in each twentieth of what is counted, in order. */
  readonly underWay: readonly number[];
  readonly figures: Figures;
  /** Successes that took longer than the latency that is judged. */
  readonly overTarget: number;
  readonly endpoints: readonly EndpointFigures[];
  readonly validity: Validity;
  readonly use: SystemUse;
  /** The metrics of the system; undefined if they cannot be read. */
  readonly server: ServerFigures | undefined;
  /** Why earlier attempts at it say nothing. */
  readonly discarded: readonly string[];
}

export interface LoadDescription {
  readonly kind: 'open' | 'closed';
  /** Requests a second, or connections. */
  readonly amount: number;
  readonly cycleDelayMs: number;
  readonly settleMs: number;
  readonly durationMs: number;
}

/** Longest wait of a user; beyond it a request counts as a timeout. */
const CLIENT_TIMEOUT_MS = 5000;
/** The share of the processors that other programs may take before a run counts as disturbed. */
const MAX_FOREIGN_SHARE = 0.2;
/** Parts of a step; the requests in flight are counted in each. */
const PARTS = 20;
/** Distance between the request numbers of two runs, so that no number is used twice against the same system. */
export const NUMBERS_APART = 1000;

/**
 * Offers a load; again where the run was invalid or disturbed, which says nothing of the system: neither good nor bad. The
 * last attempt counts, and may be invalid.
 */
export async function runStep(options: StepOptions, context: LabContext): Promise<Step> {
  const discarded: string[] = [];
  for (;;) {
    const step = await attempt(options, context);
    if (isLost(step)) await lookAt(options.system);
    const reasons = [...step.validity.reasons, ...disturbances(step)];
    if (reasons.length === 0 || discarded.length === options.attempts - 1) return { ...step, discarded };
    context.say(`    once more, as ${reasons.join('; ')}`);
    discarded.push(reasons.join('; '));
  }
}

/** No connection has succeeded: then it is looked whether anybody is there, and else the run ends with the reason. */
const isLost = ({ figures }: Pick<Step, 'figures'>): boolean =>
  figures.requests > 0 && figures.outcomes['connection-error'] === figures.requests;

/** Other programs on the machine: they can make figures worse, but not better. */
export function disturbances({ use }: Pick<Step, 'use'>): string[] {
  // An unknown share is no reason.
  if (!(use.foreignCpuShare > MAX_FOREIGN_SHARE)) return [];
  return [`other programs used ${Math.round(use.foreignCpuShare * 100)} % of the processors`];
}

async function attempt(options: StepOptions, context: LabContext): Promise<Omit<Step, 'discarded'>> {
  const { system, mix, plan, settleMs, targetMs, targetMsOf = () => targetMs } = options;
  const { clock, numbers } = context;
  const target = targetOf(system, mix, numbers.next);
  const processes = await system.processes();
  const metrics = await MetricsWatch.start(system, clock);
  const watch = new ProcessWatch(processes, clock);
  const result = await load(target, plan, clock);
  const use = watch.stop();
  const server = await metrics?.stop();
  numbers.next += result.requests.count + NUMBERS_APART;
  const window = { fromMs: settleMs, toMs: plan.durationMs };
  return { load: describe(plan, settleMs), ...measuredOf(result, { window, mix, targetMs, targetMsOf }), use, server };
}

/** Where a load on a system goes. */
export const targetOf = ({ url, insecure = false }: System, mix: Mix, firstNumber: number): LoadTarget => ({
  origin: url,
  mix,
  firstNumber,
  timeoutMs: CLIENT_TIMEOUT_MS,
  insecure,
});

/** The figures of a window of a run. */
export function measuredOf(
  result: LoadResult,
  {
    window,
    mix,
    targetMs,
    targetMsOf = () => targetMs,
  }: { window: Window; mix: Mix; targetMs: number; targetMsOf?: (endpoint: string) => number },
): Omit<Step, 'load' | 'use' | 'server' | 'discarded'> {
  const validity = validityOf(result, window, targetMs);
  const names = mix.endpoints.map(({ endpoint }) => endpoint);
  const limits = names.map(targetMsOf);
  const overOf = (isCounted: (index: number) => boolean): number =>
    countOver(result, window, (index) => (isCounted(index) ? (limits[index] as number) : Number.POSITIVE_INFINITY));
  return {
    concurrency: validity.littlesLaw.counted,
    underWay: underWayOverTime(result.requests, window, PARTS),
    figures: figuresOf(result, window),
    overTarget: overOf(() => true),
    endpoints: figuresByEndpoint(result, window, names).map((each, at) => ({
      ...each,
      overTarget: overOf((index) => index === at),
    })),
    validity,
  };
}

function load(target: LoadTarget, plan: OpenPlan | ClosedPlan, clock: Clock): Promise<LoadResult> {
  return plan.kind === 'open' ? runOpenLoad(target, plan, clock) : runClosedLoop(target, plan, clock);
}

function describe(plan: OpenPlan | ClosedPlan, settleMs: number): LoadDescription {
  const { kind, durationMs } = plan;
  return plan.kind === 'open'
    ? { kind, amount: (plan.arrivals.length * 1000) / durationMs, cycleDelayMs: 0, settleMs, durationMs }
    : { kind, amount: plan.connections, cycleDelayMs: plan.cycleDelayMs, settleMs, durationMs };
}
