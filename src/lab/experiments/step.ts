import type { Clock } from '../../core/clock.ts';
import type { Random } from '../../core/random.ts';
import { runClosedLoop } from '../load/closed-loop.ts';
import type { ClosedPlan, LoadResult, LoadTarget, OpenPlan } from '../load/engine.ts';
import type { Mix } from '../load/mix.ts';
import { runOpenLoad } from '../load/open-loop-processes.ts';
import { type EndpointFigures, type Figures, figuresByEndpoint, figuresOf } from '../measure/figures.ts';
import { type Validity, validityOf } from '../measure/validity.ts';
import { ProcessWatch, type SystemUse } from '../system/process-watch.ts';
import type { System } from '../system/system.ts';

/** What an experiment is given. */
export interface LabContext {
  readonly clock: Clock;
  readonly random: Random;
  /** The number of the next request: each has one of its own. */
  readonly numbers: { next: number };
  /** Tells the person who waits what is going on. */
  readonly say: (line: string) => void;
}

export interface StepOptions {
  readonly system: System;
  readonly mix: Mix;
  readonly plan: OpenPlan | ClosedPlan;
  /** What comes before is not counted: connections, compilers, queues that fill. */
  readonly settleMs: number;
  /** The latency that is judged; see validityOf. */
  readonly targetMs: number;
}

/** One load, held for a while, and what came of it. */
export interface Step {
  readonly load: LoadDescription;
  /** Requests under way on average, as counted. */
  readonly concurrency: number;
  readonly figures: Figures;
  readonly endpoints: readonly EndpointFigures[];
  readonly validity: Validity;
  readonly use: SystemUse;
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
export const CLIENT_TIMEOUT_MS = 5000;
const ATTEMPTS = 3;
/** What other programs may take of the processors before a run is made again, whatever came of it. */
const MAX_FOREIGN_SHARE = 0.2;
/** Numbers of requests are not used again, nor those of other runs against the same system. */
const NUMBERS_APART = 1000;

/**
 * Offers a load; up to twice again where the run was invalid or the machine busy with other things, which says nothing of the
 * system: neither good nor bad. The last attempt counts; it may be invalid.
 */
export async function runStep(options: StepOptions, context: LabContext): Promise<Step> {
  const discarded: string[] = [];
  for (;;) {
    const step = await attempt(options, context);
    const reason = disturbance(step);
    if (reason === undefined || discarded.length === ATTEMPTS - 1) return { ...step, discarded };
    context.say(`    once more, as ${reason}`);
    discarded.push(reason);
  }
}

function disturbance({ validity, use }: Omit<Step, 'discarded'>): string | undefined {
  if (!validity.valid) return validity.reasons.join('; ');
  if (use.foreignCpuShare <= MAX_FOREIGN_SHARE) return undefined;
  return `other programs used ${Math.round(use.foreignCpuShare * 100)} % of the processors`;
}

async function attempt(options: StepOptions, context: LabContext): Promise<Omit<Step, 'discarded'>> {
  const { system, mix, plan, settleMs, targetMs } = options;
  const { clock, numbers } = context;
  const target: LoadTarget = { origin: system.url, mix, firstNumber: numbers.next, timeoutMs: CLIENT_TIMEOUT_MS };
  const watch = new ProcessWatch(await system.processes(), clock);
  const result = await load(target, plan, clock);
  const use = watch.stop();
  numbers.next += result.requests.count + NUMBERS_APART;
  const window = { fromMs: settleMs, toMs: plan.durationMs };
  const validity = validityOf(result, window, targetMs);
  return {
    load: describe(plan, settleMs),
    concurrency: validity.littlesLaw.counted,
    figures: figuresOf(result, window),
    endpoints: figuresByEndpoint(result, window, mix.endpoints.map(({ endpoint }) => endpoint)),
    validity,
    use,
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
