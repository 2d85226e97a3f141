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
  /** The settings as they are; always among the candidates, and carried through all rungs. */
  readonly baseline: Configuration;
  readonly grid: Grid;
  /** Everything else that is set. */
  readonly settings: Readonly<Record<string, string>>;
  readonly users: number;
  readonly targets: TuneTargets;
  /** The length of a measurement of the first rung. */
  readonly holdMs: number;
  readonly settleMs: number;
  /** Runs of each configuration in the final comparison. */
  readonly repeats: number;
  /** How often a measurement may be made when the machine was busy with other things. */
  readonly attempts: { readonly search: number; readonly final: number };
}

/** The measured runs of a stage of the ladder. */
export interface Runs {
  readonly stage: Stage;
  readonly settings: System['settings'];
  readonly steps: readonly Step[];
}

/** How long, and how often when the machine was busy with other things. */
interface Hold {
  readonly holdMs: number;
  readonly attempts: number;
}

/** Starts a system of this configuration, loads it, and stops it. Rejects with NotStarted where it does not start. */
export type Measure = (configuration: Configuration, hold: Hold) => Promise<Step>;

export class NotStarted extends Error {}

/** In new processes every time: what a process has got used to is no merit of its configuration. */
export function measuring(
  start: (name: string, settings: Readonly<Record<string, string>>) => Promise<System>,
  { settings, users, settleMs, targets }: TuneOptions,
  context: LabContext,
): Measure {
  return async (configuration, { holdMs, attempts }) => {
    const system = await start(describe(configuration), { ...settings, ...settingsOf(configuration) }).catch(
      (error: unknown) => {
        throw new NotStarted(messageOf(error), { cause: error });
      },
    );
    try {
      const plan = { kind: 'closed', connections: users, cycleDelayMs: 0, durationMs: settleMs + holdMs } as const;
      const more = { settleMs, targetMs: targets.p99Ms, attempts };
      const step = await runStep({ system, mix: createBarcodeMix(system.key), plan, ...more }, context);
      context.say(`  ${system.name}: ${stepLine(step)}`);
      return step;
    } finally {
      await system.stop();
    }
  };
}

const NOTHING: Merits = {
  throughputPerSecond: 0,
  p99Ms: Number.POSITIVE_INFINITY,
  rssBytes: 0,
  failedShare: 1,
};

/** A configuration that does not start cannot be chosen: its database may have too few connections for it. */
export async function evaluate(
  configuration: Configuration,
  holdMs: number,
  { baseline, attempts }: TuneOptions,
  measure: Measure,
): Promise<Measured> {
  try {
    const step = await measure(configuration, { holdMs, attempts: attempts.search });
    return { configuration, merits: meritsOf(step), doubts: doubtsOf(step) };
  } catch (error) {
    if (!(error instanceof NotStarted) || isSame(configuration, baseline)) throw error;
    const [failure = ''] = error.message.split('\n', 1);
    return { configuration, merits: NOTHING, doubts: [], failure };
  }
}

/** Runs of all stages in turns, there and back, so that what changes with time meets all alike. */
export async function inTurns(
  stages: readonly Stage[],
  holdMs: number,
  { repeats, settings, attempts }: TuneOptions,
  measure: Measure,
): Promise<Runs[]> {
  const runs = stages.map((stage) => ({
    stage,
    settings: { ...settings, ...settingsOf(stage.configuration) },
    steps: [] as Step[],
  }));
  for (let run = 0; run < repeats; run++) {
    for (const { stage, steps } of run % 2 === 0 ? runs : runs.toReversed()) {
      steps.push(await measure(stage.configuration, { holdMs, attempts: attempts.final }));
    }
  }
  return runs;
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
