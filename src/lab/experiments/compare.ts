import type { Random } from '../../core/random.ts';
import type { Gate, ExperimentOutcome, Series } from '../report/run-record.ts';
import { compareSamples } from '../statistics/comparison.ts';
import type { System } from '../system/system.ts';
import type { Mix } from '../load/mix.ts';
import { describeMix } from './slo-mix.ts';
import { bottleneckOf, type Resources } from './bottleneck.ts';
import { disturbances, type LabContext, runStep, START_MS, type Step } from './step.ts';
import { stepLine } from './sweep.ts';

export interface CompareOptions {
  /** Both are given anew for every run, and stopped after it: what a process has got used to is no difference of theirs. */
  readonly start: (name: 'A' | 'B') => Promise<System>;
  readonly runs: number;
  readonly connections: number;
  readonly holdMs: number;
  /** Smaller changes do not matter. */
  readonly thresholds: { readonly throughput: number; readonly p95: number };
  readonly targetMs: number;
  readonly resources: Resources;
  readonly mixFor: (system: System, context: LabContext) => Promise<Mix>;
  /** Whether both run already, and are not started anew. */
  readonly areRunning: boolean;
}

const SETTLE_MS = 2000;

/** Runs of two configurations in turns, A B B A A B …, so that what changes with time meets both alike. */
export async function compare(options: CompareOptions, context: LabContext): Promise<ExperimentOutcome> {
  const steps: Record<'A' | 'B', Step[]> = { A: [], B: [] };
  const settings: Partial<Record<'A' | 'B', System['settings']>> = {};
  let scenario = '';
  let left = 2 * options.runs;
  const runMs = (options.areRunning ? 0 : START_MS) + SETTLE_MS + options.holdMs;
  for (let run = 0; run < options.runs; run++) {
    for (const name of run % 2 === 0 ? (['A', 'B'] as const) : (['B', 'A'] as const)) {
      context.expect(left-- * runMs);
      const system = await options.start(name);
      try {
        settings[name] = system.settings;
        const mix = await options.mixFor(system, context);
        scenario = describeMix(mix);
        steps[name].push(await measured(system, mix, options, context));
      } finally {
        await system.stop();
      }
    }
  }
  const series = (['A', 'B'] as const).map((name): Series => ({
    name,
    loadUnit: 'connections',
    settings: settings[name] ?? {},
    steps: steps[name],
    confirmations: [],
    usl: undefined,
    limit: bottleneckOf(steps[name].at(-1) as Step, options.resources),
  }));
  return outcomeOf(series, scenario, options, context.random);
}

async function measured(system: System, mix: Mix, options: CompareOptions, context: LabContext): Promise<Step> {
  const { connections, holdMs, targetMs } = options;
  const plan = { kind: 'closed', connections, cycleDelayMs: 0, durationMs: SETTLE_MS + holdMs } as const;
  const step = await runStep({ system, mix, plan, settleMs: SETTLE_MS, targetMs, attempts: 2 }, context);
  context.say(`  ${system.name}: ${stepLine(step)}`);
  return step;
}

function outcomeOf(
  [first, second]: readonly Series[],
  sent: string,
  options: CompareOptions,
  random: Random,
): ExperimentOutcome {
  const [a, b] = [first as Series, second as Series];
  const results = judge(a, b, options, random);
  return {
    scenario: `${sent}; closed loop; A and B in turns, ${options.areRunning ? 'both of which run already' : 'each run in new processes'}`,
    configuration: {
      runs: `${options.runs} of each, ${options.holdMs / 1000} s after ${SETTLE_MS / 1000} s that are not counted`,
      concurrency: String(options.connections),
      'cycle delay': '0 ms',
      'changes that matter': `throughput ${options.thresholds.throughput * 100} %, p95 ${options.thresholds.p95 * 100} %`,
    },
    series: [a, b],
    gates: [
      ...results.map(({ name, verdict, change }): Gate => ({
        name: `B against A, ${name}`,
        expected: 'not worse',
        got: `${verdict}, ${known(change, percent)}`,
        passed: verdict !== 'worse',
      })),
      failedAgainst(a, b),
    ],
    findings: results.map(({ name, verdict, change, interval, p }) =>
      [change, interval.low, interval.high, p].every(Number.isFinite)
        ? `${name} of B is ${verdict}: ${percent(change)}, 95 % interval ${percent(interval.low)} to ${percent(interval.high)}, p ${p.toFixed(3)}.`
        : `${name} of B is ${verdict}, as one of the two is not known.`,
    ),
    reasons: [a, b].flatMap(({ name, steps }) =>
      steps.flatMap((step) => [...step.validity.reasons, ...disturbances(step)].map((reason) => `${name}: ${reason}`)),
    ),
    marks: { throughput: [], p95: [] },
  };
}

/** The samples of B against those of A. */
function judge(a: Series, b: Series, { thresholds }: CompareOptions, random: Random) {
  const judged = [
    {
      name: 'throughput',
      threshold: thresholds.throughput,
      better: 'more',
      valueOf: ({ figures }: Step) => figures.throughputPerSecond,
    },
    {
      name: 'p95 latency',
      threshold: thresholds.p95,
      better: 'less',
      valueOf: ({ figures }: Step) => figures.latency.p95Ms,
    },
  ] as const;
  return judged.map(({ name, threshold, better, valueOf }) => ({
    name,
    ...compareSamples(a.steps.map(valueOf), b.steps.map(valueOf), { threshold, better, random }),
  }));
}

/** Above this difference of the failed share, B fails or refuses more than A. */
const MORE_FAILED = 0.01;

/** A quick refusal has a good latency: so what was refused is judged by itself. */
function failedAgainst(a: Series, b: Series): Gate {
  const [ofA, ofB] = [a, b].map(({ steps }) => {
    const requests = steps.reduce((sum, { figures }) => sum + figures.requests, 0);
    const failed = steps.reduce(
      (sum, { figures }) => sum + (figures.errorShare + figures.refusedShare) * figures.requests,
      0,
    );
    return failed / Math.max(1, requests);
  }) as [number, number];
  return {
    name: 'B against A, errors and refusals',
    expected: `at most ${percent(MORE_FAILED)} more than ${(ofA * 100).toFixed(1)} %`,
    got: `${(ofB * 100).toFixed(1)} %`,
    passed: ofB <= ofA + MORE_FAILED,
  };
}

const known = (share: number, text: (share: number) => string): string =>
  Number.isFinite(share) ? text(share) : 'not known';
const percent = (share: number): string => `${share > 0 ? '+' : ''}${(share * 100).toFixed(1)} %`;
