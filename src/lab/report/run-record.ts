import type { NamedTable } from './table.ts';
import type { Step } from '../experiments/step.ts';
import type { Drift } from '../measure/drift.ts';
import type { Tuning } from '../tuning/tuning.ts';
import type { UslFit } from '../statistics/usl.ts';
import type { EndpointGate } from '../../policy/slo/slo.ts';
import type { PlotOptions } from './plot-options.ts';

/** A gate: the expected and the measured value. */
export interface Gate {
  readonly name: string;
  readonly expected: string;
  readonly got: string;
  readonly passed: boolean;
}

/** A topology under growing load. */
export interface Series {
  readonly name: string;
  /** The unit of the steps' amounts: connections, or requests a second. */
  readonly loadUnit: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly steps: readonly Step[];
  /** A load held for longer, for the gates. */
  readonly confirmations: readonly Step[];
  readonly usl: UslFit | undefined;
  /** The load that the findings call the knee, if they do. */
  readonly knee?: number | undefined;
  /** By which its loads count as carried; undefined where the loads themselves are not judged. */
  readonly targets?: SeriesTargets | undefined;
  /** The bottleneck, in a sentence. */
  readonly limit: string;
}

/** The targets of all requests together, or those of each endpoint. */
export interface SeriesTargets {
  readonly all?: Partial<EndpointGate>;
  readonly endpoints?: Readonly<Record<string, Partial<EndpointGate>>>;
}

/** Horizontal lines to compare a series with. */
export interface PlotMarks {
  readonly throughput: readonly PlotMark[];
  readonly p95: readonly PlotMark[];
}

interface PlotMark {
  readonly name: string;
  readonly series: string;
  readonly y: number;
}

/** Stands in a report for a fact that the target does not tell. */
export const NOT_KNOWN = 'not known';

export interface Machine {
  readonly processors: string;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
}

/** Invalid: the measurement says nothing about the system. */
export type RunVerdict = 'passed' | 'failed' | 'invalid';

/** All that a report shows; run.json is this. */
export interface RunRecord {
  readonly schema: 1;
  readonly id: string;
  readonly experiment: string;
  readonly startedAt: string;
  readonly seconds: number;
  /** The measured system. */
  readonly target?: string;
  /** The commit, version and machine of the measured system; NOT_KNOWN where it does not tell them. */
  readonly commit: string;
  readonly version: string;
  readonly machine: Machine;
  readonly scenario: string;
  /** Everything that was set, by name. */
  readonly configuration: Readonly<Record<string, string>>;
  readonly series: readonly Series[];
  /** Sentences that follow from the figures. */
  readonly findings: readonly string[];
  readonly gates: readonly Gate[];
  readonly marks: PlotMarks;
  /** Figures over time, drawn in place of the plots over the load. */
  readonly timelines?: readonly PlotOptions[];
  /** Which figures grew in the course of a long run. */
  readonly drifts?: readonly Drift[];
  /** Tables of an experiment whose measurements are no steps of a load. */
  readonly tables?: readonly NamedTable[];
  /** The search of `tune`; undefined for other experiments. */
  readonly tuning?: Tuning;
  readonly verdict: RunVerdict;
  /** Why it is invalid. */
  readonly reasons: readonly string[];
}

/** The outcome of an experiment; the rest of the record is the same for all. */
export type ExperimentOutcome = Pick<
  RunRecord,
  | 'scenario'
  | 'configuration'
  | 'series'
  | 'gates'
  | 'findings'
  | 'reasons'
  | 'marks'
  | 'timelines'
  | 'drifts'
  | 'tables'
  | 'tuning'
>;

export function verdictOf(gates: readonly Gate[], reasons: readonly string[]): RunVerdict {
  if (reasons.length > 0) return 'invalid';
  return gates.every(({ passed }) => passed) ? 'passed' : 'failed';
}
