import type { EventCounts } from './event-counts.ts';

export type Severity = 'page' | 'ticket';

/** An alert on how fast an error budget is used up: over a long window, and over a short one, so that it ends soon. */
export interface BurnRule {
  readonly name: 'page-quick' | 'page-slow' | 'page-trickle' | 'ticket-quick' | 'ticket-slow';
  readonly severity: Severity;
  readonly longMs: number;
  readonly shortMs: number;
  /** The alert fires above this many times the rate that would use up the budget within the window exactly. */
  readonly factor: number;
}

const HOUR_MS = 3_600_000;
/** Fewer bad events than this in the long window are chance, and page nobody. */
export const LEAST_BAD_FOR_PAGE = 5;

const shapes = [
  { name: 'page-quick', severity: 'page', budget: 0.02, longMs: HOUR_MS, shortMs: HOUR_MS / 12 },
  { name: 'page-slow', severity: 'page', budget: 0.05, longMs: 6 * HOUR_MS, shortMs: HOUR_MS / 2 },
  { name: 'ticket-quick', severity: 'ticket', budget: 0.1, longMs: 24 * HOUR_MS, shortMs: 2 * HOUR_MS },
  { name: 'ticket-slow', severity: 'ticket', budget: 0.1, longMs: 72 * HOUR_MS, shortMs: 6 * HOUR_MS },
] as const;

/**
 * The four alerts of an objective, after Google's SRE workbook (chapter 5): factor = part of the budget × window / long window;
 * for 30 days 14.4, 6, 3 and 1.
 */
export const burnRules = (windowMs: number): readonly BurnRule[] =>
  shapes.map(({ budget, ...shape }) => ({ ...shape, factor: (budget * windowMs) / shape.longMs }));

/** Whether the alert could fire if every event were bad: a burn rate is at most 1 / (1 - target). */
export const canFire = ({ factor }: BurnRule, target: number): boolean => factor * (1 - target) < 1;

/** How many times as fast as the objective allows the budget is used up; 0 without events. */
export const burnRate = ({ bad, total }: EventCounts, target: number): number =>
  total === 0 ? 0 : bad / total / (1 - target);

/** The part of the budget that is left of the events of the window; below 0 if more is used up than there was. */
export const budgetLeft = (events: EventCounts, target: number): number => 1 - burnRate(events, target);

/** A page for an endpoint with fewer requests a second than its minimum, whose short windows have too few events. */
export const trickleRule = (windowMs: number): BurnRule => ({
  name: 'page-trickle',
  severity: 'page',
  longMs: 6 * HOUR_MS,
  shortMs: 2 * HOUR_MS,
  factor: (0.05 * windowMs) / (6 * HOUR_MS),
});

/** The terms of an objective that its alerts depend on. */
export interface BurnTerms {
  readonly target: number;
  readonly windowMs: number;
  /** An endpoint with fewer requests a second is a trickle. */
  readonly minPerSecond: number;
}

export interface FiringRule {
  readonly rule: BurnRule;
  readonly severity: Severity;
  readonly burnRate: number;
}

/** All alerts that fire; a page that rests on too few events is a ticket. */
export function firingRules(
  over: (windowMs: number) => EventCounts,
  { target, windowMs, minPerSecond }: BurnTerms,
): FiringRule[] {
  const isBurning = ({ longMs, shortMs, factor }: BurnRule): boolean =>
    burnRate(over(longMs), target) > factor && burnRate(over(shortMs), target) > factor;
  const isTrickle = ({ longMs }: BurnRule): boolean => over(longMs).total < (minPerSecond * longMs) / 1000;
  const trickle = trickleRule(windowMs);
  const burning = burnRules(windowMs).filter(isBurning);
  if (isBurning(trickle) && isTrickle(trickle)) burning.push(trickle);
  return burning.map((rule): FiringRule => {
    const long = over(rule.longMs);
    const severity = rule.severity === 'page' && long.bad < LEAST_BAD_FOR_PAGE ? 'ticket' : rule.severity;
    return { rule, severity, burnRate: burnRate(long, target) };
  });
}

/** The gravest alert that fires. */
export function firingRule(over: (windowMs: number) => EventCounts, terms: BurnTerms): FiringRule | undefined {
  const firing = firingRules(over, terms);
  return firing.find(({ severity }) => severity === 'page') ?? firing[0];
}
