import { type Change, changesBetween, type Configuration } from './configuration.ts';
import type { Evaluation } from './frontier.ts';
import { type Gain, gainOf, medians } from './gain.ts';
import type { Merits, TuneTargets } from './merits.ts';

/** A configuration on the way from the baseline to the choice: one variable more than the one before it. */
export interface Stage {
  /** Undefined of the baseline. */
  readonly change: Change | undefined;
  readonly configuration: Configuration;
}

/** A stage with the medians of its runs, and the gain of its change over the stage before. */
export interface JudgedStage extends Stage {
  readonly merits: Merits;
  readonly gain: Gain | undefined;
}

/** The steps from the baseline to the choice, one variable at a time; the change with the largest gain in throughput comes first. */
export function ladder(evaluations: readonly Evaluation[], baseline: Configuration, chosen: Configuration): Stage[] {
  const changes = changesBetween(baseline, chosen)
    .map((change) => ({ change, effect: effectOf(evaluations, change) }))
    .sort((left, right) => right.effect - left.effect)
    .map(({ change }) => change);
  const stages: Stage[] = [{ change: undefined, configuration: baseline }];
  for (const change of changes) stages.push({ change, configuration: changed(stages.at(-1)?.configuration, change) });
  return stages;
}

/** The mean difference of throughput over all pairs that differ in this variable alone (the main effect of a factorial plan). */
export function effectOf(evaluations: readonly Evaluation[], { name, from, to }: Change): number {
  const rest = ({ configuration }: Evaluation): string => JSON.stringify({ ...configuration, [name]: 0 });
  const before = evaluations.filter(({ configuration }) => configuration[name] === from);
  const differences = evaluations.flatMap((after) => {
    if (after.configuration[name] !== to) return [];
    const pair = before.find((each) => rest(each) === rest(after));
    return pair === undefined ? [] : after.merits.throughputPerSecond - pair.merits.throughputPerSecond;
  });
  return differences.reduce((sum, difference) => sum + difference, 0) / Math.max(1, differences.length);
}

export function judge(
  stages: readonly Stage[],
  runs: readonly (readonly Merits[])[],
  targets: TuneTargets,
): JudgedStage[] {
  return stages.map((stage, index) => {
    const before = runs[index - 1];
    const own = runs[index] ?? [];
    return { ...stage, merits: medians(own), gain: before === undefined ? undefined : gainOf(before, own, targets) };
  });
}

/** The baseline with those changes that bought something. */
export function worthwhile(stages: readonly JudgedStage[], baseline: Configuration): Configuration {
  return stages.reduce(
    (configuration, { change, gain }) =>
      change !== undefined && gain?.verdict === 'better' ? changed(configuration, change) : configuration,
    baseline,
  );
}

const changed = (configuration: Configuration | undefined, { name, to }: Change): Configuration =>
  ({ ...configuration, [name]: to }) as Configuration;
