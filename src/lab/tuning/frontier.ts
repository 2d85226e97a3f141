import { type Configuration, distance } from './configuration.ts';
import { excess, meets, type Merits, type TuningObjective, objectives, type TuneTargets } from './merits.ts';

/** A configuration and what was measured of it. */
export interface Evaluation {
  readonly configuration: Configuration;
  readonly merits: Merits;
}

export interface Judging {
  readonly baseline: Configuration;
  readonly targets: TuneTargets;
}

/** By more than the noise. */
export function isClearlyBetter(one: Merits, other: Merits, { better, within, valueOf }: TuningObjective): boolean {
  const [high, low] = better === 'more' ? [valueOf(one), valueOf(other)] : [valueOf(other), valueOf(one)];
  return high > low * (1 + within);
}

/** Whether the other one is clearly better in nothing, so that nothing is lost without it. */
export const covers = (one: Evaluation, other: Evaluation): boolean =>
  objectives.every((objective) => !isClearlyBetter(other.merits, one.merits, objective));

/**
 * The Pareto frontier of throughput, RSS and p99, up to the noise: an epsilon-approximate set (Papadimitriou and Yannakakis
 * 2000). The preferred one is taken and what it covers is dropped, until none is left; so each of all is covered by one of
 * these, and two that differ by noise are one. Dominance beyond the noise would not do: it can go in a circle, and leave none.
 */
export function frontier<T extends Evaluation>(evaluations: readonly T[], baseline: Configuration): T[] {
  const found: T[] = [];
  for (let left = evaluations; left.length > 0;) {
    const next = preferred(left, baseline);
    found.push(next);
    left = left.filter((each) => each !== next && !covers(next, each));
  }
  return found;
}

/**
 * The best first. Of those that meet the targets: the frontier, then the frontier of what remains, and so on (non-dominated
 * sorting, Deb 2002). After them the others, those first that miss by the least.
 */
export function ranked<T extends Evaluation>(evaluations: readonly T[], { baseline, targets }: Judging): T[] {
  const [meeting, missing] = parted(evaluations, targets);
  const order: T[] = [];
  for (let left = meeting; left.length > 0;) {
    const front = frontier(left, baseline);
    order.push(...front);
    left = left.filter((each) => !front.includes(each));
  }
  return [...order, ...missing];
}

/** The first configuration on the frontier of those that meet the targets; if none does, the one that misses by the least. */
export function choice(evaluations: readonly Evaluation[], { baseline, targets }: Judging): Evaluation {
  const [meeting, missing] = parted(evaluations, targets);
  return meeting.length > 0 ? preferred(meeting, baseline) : (missing[0] as Evaluation);
}

function parted<T extends Evaluation>(evaluations: readonly T[], targets: TuneTargets): [T[], T[]] {
  const by = (each: Evaluation): number => excess(each.merits, targets);
  return [
    evaluations.filter(({ merits }) => meets(merits, targets)),
    evaluations.filter(({ merits }) => !meets(merits, targets)).sort((left, right) => by(left) - by(right)),
  ];
}

/** The highest throughput; among those as high within the noise the lowest RSS, then the lowest p99, then the closest to the baseline. */
function preferred<T extends Evaluation>(evaluations: readonly T[], baseline: Configuration): T {
  let left = evaluations;
  for (const objective of objectives) {
    const best = left.reduce((one, other) => (isBetter(other, one, objective) ? other : one));
    left = left.filter((each) => !isClearlyBetter(best.merits, each.merits, objective));
  }
  const by = ({ configuration }: Evaluation): number => distance(baseline, configuration);
  return left.reduce((one, other) => (by(other) < by(one) ? other : one));
}

const isBetter = (one: Evaluation, other: Evaluation, objective: TuningObjective): boolean =>
  isClearlyBetter(one.merits, other.merits, { ...objective, within: 0 });
