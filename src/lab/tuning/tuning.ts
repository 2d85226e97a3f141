import type { Configuration } from './configuration.ts';
import type { Evaluation } from './frontier.ts';
import type { Gain } from './gain.ts';
import type { JudgedStage } from './ladder.ts';
import type { Merits, TuneTargets } from './merits.ts';

export interface Measured extends Evaluation {
  /** Why its figures may say nothing; empty when they are sound. */
  readonly doubts: readonly string[];
  /** Why it did not start. */
  readonly failure?: string;
}

/** Configurations that were measured for the same time, the best first. */
export interface MeasuredRung {
  readonly holdMs: number;
  readonly evaluations: readonly Measured[];
}

/** The results of `tune`. */
export interface Tuning {
  readonly users: number;
  readonly targets: TuneTargets;
  readonly baseline: Configuration;
  readonly rungs: readonly MeasuredRung[];
  /** The frontier of the last rung. */
  readonly frontier: readonly Evaluation[];
  /** The choice from the frontier; the baseline where nothing is better. */
  readonly chosen: Configuration;
  /** The steps from the baseline to the choice; empty if the two are the same. */
  readonly ladder: readonly JudgedStage[];
  /** The choice without the changes that bought nothing. */
  readonly result: Configuration;
  /** Baseline and result, measured in turns; undefined where they are the same. */
  readonly bought: { readonly before: Merits; readonly after: Merits; readonly gain: Gain } | undefined;
}
