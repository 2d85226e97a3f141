import type { EventCounts } from './event-counts.ts';

export type Severity = 'page' | 'ticket';

/** An alert on how fast an error budget is used up: over a long window, and over a short one, so that it ends soon. */
export interface BurnRule {
  readonly name: 'page-quick' | 'page-slow' | 'ticket-quick' | 'ticket-slow';
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

/** The gravest alert that fires; a page that rests on too few events is a ticket. */
export function firingRule(
  over: (windowMs: number) => EventCounts,
  target: number,
  windowMs: number,
): { readonly rule: BurnRule; readonly severity: Severity; readonly burnRate: number } | undefined {
  for (const rule of burnRules(windowMs)) {
    const [long, short] = [over(rule.longMs), over(rule.shortMs)];
    if (burnRate(long, target) <= rule.factor || burnRate(short, target) <= rule.factor) continue;
    const severity = rule.severity === 'page' && long.bad < LEAST_BAD_FOR_PAGE ? 'ticket' : rule.severity;
    return { rule, severity, burnRate: burnRate(long, target) };
  }
  return undefined;
}
