import type { Gate, ExperimentOutcome, Series } from '../report/run-record.ts';
import { describe, isSame } from '../tuning/configuration.ts';
import { tuningFindings } from '../tuning/findings.ts';
import type { Stage } from '../tuning/ladder.ts';
import { describeTuneTargets, meets } from '../tuning/merits.ts';
import type { Tuning } from '../tuning/tuning.ts';
import { bottleneckOf } from './bottleneck.ts';
import type { Step } from './step.ts';
import { doubtsOf, type Runs, type TuneOptions } from './tune-measure.ts';

export type TuneOutcome = ExperimentOutcome & { readonly tuning: Tuning };

export function tuneOutcome(tuning: Tuning, runs: readonly Runs[], options: TuneOptions): TuneOutcome {
  const { users, targets, holdMs, settleMs, repeats, grid, settings } = options;
  const last = tuning.rungs.at(-1);
  const series = runs.map(({ stage, settings, steps }): Series => {
    const { GENERATOR_INSTANCES: instances, GENERATOR_CONCURRENCY: concurrency } = stage.configuration;
    return {
      name: nameOf(stage, tuning),
      loadUnit: 'connections',
      settings,
      steps,
      confirmations: [],
      usl: undefined,
      limit: bottleneckOf(steps.at(-1) as Step, { slots: instances * concurrency }),
    };
  });
  return {
    scenario:
      'createBarcode (POST /v1/barcodes), each text once; closed loop, no delay between requests; each measurement in new processes',
    configuration: {
      users: String(users),
      targets: describeTuneTargets(targets),
      values: Object.entries(grid)
        .map(([name, values]) => `${name} ${values.join(', ')}`)
        .join('; '),
      'other settings': Object.entries(settings)
        .map(([name, value]) => `${name}=${value}`)
        .join(' '),
      rungs: `${tuning.rungs.map(({ evaluations, holdMs: held }) => `${evaluations.length} for ${held / 1000} s`).join(', ')}; in the end ${repeats} times ${(last?.holdMs ?? holdMs) / 1000} s each; the first ${settleMs / 1000} s not counted`,
    },
    series,
    gates: [targetsGate(tuning)],
    findings: tuningFindings(tuning),
    reasons:
      series.length > 0
        ? series.flatMap(({ name, steps }) => steps.flatMap(doubtsOf).map((doubt) => `${name}: ${doubt}`))
        : (last?.evaluations ?? []).flatMap(({ configuration, doubts }) =>
            doubts.map((doubt) => `${describe(configuration)}: ${doubt}`),
          ),
    marks: { throughput: [], p95: [] },
    tuning,
  };
}

function nameOf({ change, configuration }: Stage, { baseline }: Tuning): string {
  if (change !== undefined) return `+ ${change.name}=${change.to}`;
  return isSame(configuration, baseline) ? 'as it was' : 'only what was worthwhile';
}

/** The written result must keep the targets: where no configuration does, nothing was found. */
function targetsGate({ rungs, result, bought, targets }: Tuning): Gate {
  const evaluations = rungs.at(-1)?.evaluations ?? [];
  const merits = bought?.after ?? evaluations.find(({ configuration }) => isSame(configuration, result))?.merits;
  return {
    name: 'the result keeps the targets',
    expected: describeTuneTargets(targets),
    got:
      merits === undefined
        ? 'it did not come to the last round'
        : `p99 ${merits.p99Ms.toFixed(1)} ms, ${(merits.failedShare * 100).toFixed(2)} % errors and refusals`,
    passed: merits !== undefined && meets(merits, targets),
  };
}
