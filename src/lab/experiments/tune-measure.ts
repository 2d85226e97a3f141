import { messageOf } from '../../core/errors.ts';
import type { System } from '../system/system.ts';
import { type Configuration, describe, type Grid, isSame, settingsOf } from '../tuning/configuration.ts';
import type { Stage } from '../tuning/ladder.ts';
import type { Merits, TuneTargets } from '../tuning/merits.ts';
import type { Measured } from '../tuning/tuning.ts';
import { createBarcodeMix } from './barcode-mix.ts';
import { disturbances, type LabContext, runStep, type Step } from './step.ts';
import { stepLine } from './sweep.ts';

export interface TuneOptions {
  /** Given anew for every measurement: what a process has got used to is no merit of its configuration. */
  readonly start: (name: string, settings: Readonly<Record<string, string>>) => Promise<System>;
  /** The settings as they are; always among the candidates, and carried through all rungs. */
  readonly baseline: Configuration;
  readonly grid: Grid;
  /** Everything else that is set. */
  readonly settings: Readonly<Record<string, string>>;
  readonly users: number;
  readonly targets: TuneTargets;
  /** Of the first rung. */
  readonly holdMs: number;
  readonly settleMs: number;
  /** Runs of each configuration in the final comparison. */
  readonly repeats: number;
  /** How often a measurement may be made when the machine was busy with other things. */
  readonly attempts: { readonly search: number; readonly final: number };
}

/** What was measured of a stage of the ladder, run by run. */
export interface Runs {
  readonly stage: Stage;
  readonly settings: System['settings'];
  readonly steps: readonly Step[];
}

const NOTHING: Merits = {
  throughputPerSecond: 0,
  p99Ms: Number.POSITIVE_INFINITY,
  rssBytes: 0,
  failedShare: 1,
};

/** One that does not start is none to choose: a database that has too few connections for it, say. */
export async function evaluate(
  configuration: Configuration,
  holdMs: number,
  options: TuneOptions,
  context: LabContext,
): Promise<Measured> {
  let system: System;
  try {
    system = await started(configuration, options);
  } catch (error) {
    if (isSame(configuration, options.baseline)) throw error;
    const [reason = ''] = messageOf(error).split('\n', 1);
    context.say(`  ${describe(configuration)}: ${reason}`);
    return { configuration, merits: NOTHING, doubts: [], failure: reason };
  }
  try {
    const step = await load(system, { holdMs, attempts: options.attempts.search }, options, context);
    return { configuration, merits: meritsOf(step), doubts: doubtsOf(step) };
  } finally {
    await system.stop();
  }
}

/** Runs in turns, there and back, so that what changes with time meets all alike. */
export class FinalComparison {
  readonly #options: TuneOptions;
  readonly #holdMs: number;
  readonly #context: LabContext;

  constructor(options: TuneOptions, holdMs: number, context: LabContext) {
    this.#options = options;
    this.#holdMs = holdMs;
    this.#context = context;
  }

  async measure(stages: readonly Stage[]): Promise<Runs[]> {
    const { repeats, settings } = this.#options;
    const runs = stages.map((stage) => ({
      stage,
      settings: { ...settings, ...settingsOf(stage.configuration) },
      steps: [] as Step[],
    }));
    this.#context.say(
      `what each change buys: ${runs.length} configurations, ${repeats} times ${this.#holdMs / 1000} s each`,
    );
    for (let run = 0; run < repeats; run++) {
      for (const { stage, steps } of run % 2 === 0 ? runs : runs.toReversed()) {
        const system = await started(stage.configuration, this.#options);
        try {
          const held = { holdMs: this.#holdMs, attempts: this.#options.attempts.final };
          steps.push(await load(system, held, this.#options, this.#context));
        } finally {
          await system.stop();
        }
      }
    }
    return runs;
  }

  /** The baseline and this one: measured already, or else anew and in turns. */
  async pair(runs: readonly Runs[], wanted: Configuration): Promise<readonly [Runs, Runs]> {
    const [baseline] = runs as [Runs];
    const found = runs.find(({ stage }) => isSame(stage.configuration, wanted));
    if (found !== undefined) return [baseline, found];
    const [before, after] = await this.measure([baseline.stage, { change: undefined, configuration: wanted }]);
    return [before as Runs, after as Runs];
  }
}

const started = (configuration: Configuration, { start, settings }: TuneOptions): Promise<System> =>
  start(describe(configuration), { ...settings, ...settingsOf(configuration) });

async function load(
  system: System,
  { holdMs, attempts }: { holdMs: number; attempts: number },
  { users, settleMs, targets }: TuneOptions,
  context: LabContext,
): Promise<Step> {
  const plan = { kind: 'closed', connections: users, cycleDelayMs: 0, durationMs: settleMs + holdMs } as const;
  const more = { settleMs, targetMs: targets.p99Ms, attempts };
  const step = await runStep({ system, mix: createBarcodeMix(system.key), plan, ...more }, context);
  context.say(`  ${system.name}: ${stepLine(step)}`);
  return step;
}

export function meritsOf({ figures, use }: Step): Merits {
  const { throughputPerSecond, latency, errorShare, refusedShare } = figures;
  return {
    throughputPerSecond,
    p99Ms: Number.isNaN(latency.p99Ms) ? Number.POSITIVE_INFINITY : latency.p99Ms,
    rssBytes: use.processes.reduce((sum, { maxRssBytes }) => sum + maxRssBytes, 0),
    failedShare: errorShare + refusedShare,
  };
}

export const doubtsOf = (step: Step): string[] => [...step.validity.reasons, ...disturbances(step)];
