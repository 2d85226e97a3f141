import type { Random } from '../../core/random.ts';

export const lawNames = ['deterministic', 'exponential', 'pareto', 'bimodal'] as const;
export type LawName = (typeof lawNames)[number];

/** Tail index: a finite variance (squared coefficient of variation 2.3), but no third moment. */
const PARETO_ALPHA = 2.2;

/**
 * Service times as multiples of their mean, which is 1 for every law. Bimodal: nine of ten take 0.5, the tenth takes
 * 5.5, so that it varies as much as Pareto (squared coefficient of variation 2.25) without its tail.
 */
export const laws: Readonly<Record<LawName, (random: Random) => number>> = {
  deterministic: () => 1,
  exponential: (random) => -Math.log(1 - random()),
  pareto: (random) => (PARETO_ALPHA - 1) / PARETO_ALPHA / (1 - random()) ** (1 / PARETO_ALPHA),
  bimodal: (random) => (random() < 0.9 ? 0.5 : 5.5),
};
