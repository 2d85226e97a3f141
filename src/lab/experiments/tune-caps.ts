import type { ExperimentOutcome, Series } from '../report/run-record.ts';
import { gainText, meritsText } from '../tuning/findings.ts';
import { type Gain, gainOf, medians } from '../tuning/gain.ts';
import {
  describeTuneTargets,
  meets,
  type Merits,
  type TuningObjective,
  objectives,
  type TuneTargets,
} from '../tuning/merits.ts';
import { bottleneckOf } from './bottleneck.ts';
import type { LabContext, Step } from './step.ts';
import { doubtsOf, meritsOf } from './tune-measure.ts';

const [throughput] = objectives as [TuningObjective];

export interface TuneCapsOptions {
  readonly upstream: string;
  /** The cap of each of its backends as it is; always among the candidates. */
  readonly baseline: number;
  /** All candidates. */
  readonly caps: readonly number[];
  readonly users: number;
  readonly targets: TuneTargets;
  /** The requests that are sent, in words. */
  readonly scenario: string;
  readonly holdMs: number;
  readonly settleMs: number;
  /** Runs of each cap. */
  readonly repeats: number;
}

/** Sets the cap of each backend and loads the system. */
export type MeasureCap = (cap: number) => Promise<Step>;

/** The measured runs of one cap. */
interface CapRuns {
  readonly cap: number;
  readonly steps: Step[];
}

/** The result of the comparison. */
interface Found {
  readonly chosen: number;
  /** The gain of the choice over the present cap; undefined where the present cap is the choice. */
  readonly gain: Gain | undefined;
  readonly before: Merits;
  readonly after: Merits;
}

/**
 * Tries the caps of one upstream of a system that runs, in turns, there and back, so that what changes with time meets all
 * alike. A cap other than the present one is recommended only when all its runs are beyond those of the present one.
 */
export async function tuneCaps(
  options: TuneCapsOptions,
  measure: MeasureCap,
  context: LabContext,
): Promise<ExperimentOutcome> {
  const { caps, repeats, holdMs, settleMs, upstream, baseline } = options;
  const seconds = Math.round((caps.length * repeats * (holdMs + settleMs)) / 1000);
  context.say(`caps ${caps.join(', ')} for each backend of ${upstream}, ${repeats} runs of each: about ${seconds} s`);
  const runs = caps.map((cap): CapRuns => ({ cap, steps: [] }));
  let left = caps.length * repeats;
  for (let run = 0; run < repeats; run++) {
    for (const { cap, steps } of run % 2 === 0 ? runs : runs.toReversed()) {
      context.expect(left-- * (holdMs + settleMs));
      steps.push(await measure(cap));
    }
  }
  return outcomeOf(runs, judgeCaps(meritsByCap(runs), { baseline, targets: options.targets }), options);
}

const meritsByCap = (runs: readonly CapRuns[]): Map<number, readonly Merits[]> =>
  new Map(runs.map(({ cap, steps }) => [cap, steps.map(meritsOf)]));

/**
 * Of the caps that are certainly better than the present one, the highest throughput; of equal ones, up to the noise, the
 * smallest.
 */
export function judgeCaps(
  runs: ReadonlyMap<number, readonly Merits[]>,
  { baseline, targets }: { readonly baseline: number; readonly targets: TuneTargets },
): Found {
  const present = runs.get(baseline) ?? [];
  const better = [...runs]
    .map(([cap, merits]) => ({ cap, gain: gainOf(present, merits, targets), merits: medians(merits) }))
    .filter(({ cap, gain }) => cap !== baseline && gain.verdict === 'better')
    .sort((left, right) => left.cap - right.cap);
  const most = Math.max(...better.map(({ merits }) => merits.throughputPerSecond));
  const best = better.find(({ merits }) => merits.throughputPerSecond * (1 + throughput.within) >= most);
  const before = medians(present);
  return { chosen: best?.cap ?? baseline, gain: best?.gain, before, after: best?.merits ?? before };
}

function outcomeOf(runs: readonly CapRuns[], found: Found, options: TuneCapsOptions): ExperimentOutcome {
  const { upstream, baseline, users, targets, scenario, holdMs, settleMs, repeats } = options;
  const series = runs.map(({ cap, steps }): Series => ({
    name: cap === baseline ? `cap ${cap}, as it is` : `cap ${cap}`,
    loadUnit: 'connections',
    settings: { upstream, cap: String(cap) },
    steps,
    confirmations: [],
    usl: undefined,
    limit: bottleneckOf(steps.at(-1) as Step, { slots: undefined }),
  }));
  return {
    scenario: `${scenario}; closed loop, no delay between requests; one running system whose caps are changed`,
    configuration: {
      users: String(users),
      targets: describeTuneTargets(targets),
      upstream,
      'caps of each backend': runs.map(({ cap }) => cap).join(', '),
      runs: `${repeats} of each, in turns, ${holdMs / 1000} s; the first ${settleMs / 1000} s before that not counted`,
    },
    series,
    gates: [
      {
        name: 'the result keeps the targets',
        expected: describeTuneTargets(targets),
        got: meritsText(found.after),
        passed: meets(found.after, targets),
      },
    ],
    findings: findingsOf(found, options),
    reasons: series.flatMap(({ name, steps }) => steps.flatMap(doubtsOf).map((doubt) => `${name}: ${doubt}`)),
    marks: { throughput: [], p95: [] },
  };
}

function findingsOf({ chosen, gain, before, after }: Found, { upstream, baseline }: TuneCapsOptions): string[] {
  if (gain === undefined) {
    return [`No other cap is better than the present one, ${baseline}, by more than noise: ${meritsText(before)}.`];
  }
  return [
    `Cap ${chosen} is better than ${baseline}: ${meritsText(after)}, where it was ${meritsText(before)}; ${gainText(gain)}.`,
    `To keep it, set cap: ${chosen} of upstream ${upstream} in the configuration file; for the own generators, GENERATOR_CONCURRENCY=${chosen}.`,
  ];
}
