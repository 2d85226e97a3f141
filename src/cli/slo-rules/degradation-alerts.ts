import { LEAST_BAD_FOR_PAGE } from '../../policy/slo/burn-rate.ts';
import { type DegradationRule, JUDGED_MS, limitText } from '../../policy/slo/degradation.ts';
import { allOf, promNumber, type PromRule, promDuration } from './promql.ts';
import { degradationSeries } from './sli-series.ts';

const names = {
  p95: 'RampartP95Degraded',
  p99: 'RampartP99Degraded',
  errors: 'RampartErrorsDegraded',
  'hit-rate': 'RampartHitRateDegraded',
  pool: 'RampartPoolDegraded',
} as const satisfies Record<DegradationRule['kind'], string>;

/** At least so many events within `for`. */
export const leastTotal = ({ minPerSecond, forMs }: DegradationRule): number => (minPerSecond * forMs) / 1000;

/** Whether five bad events say more than the number of all events and the share do. */
export const needsLeastBad = (rule: DegradationRule): boolean => leastTotal(rule) * rule.badShare < LEAST_BAD_FOR_PAGE;

/** The alert of a rule on degradation; undefined if it could never fire. */
export function degradationAlert(rule: DegradationRule, bounds: readonly number[]): PromRule | undefined {
  const expr = rule.kind === 'pool' ? poolExpr(rule) : countedExpr(rule, bounds);
  if (expr === undefined) return undefined;
  const subject = rule.endpoint ?? 'the database pools of {{ $labels.role }}';
  return {
    alert: names[rule.kind],
    expr,
    for: promDuration(rule.forMs),
    labels: {
      cause: `${rule.kind}-degraded`,
      severity: 'ticket',
      ...(rule.endpoint === undefined ? {} : { endpoint: rule.endpoint }),
    },
    annotations: {
      summary: `${subject}: ${limitText(rule)} for ${promDuration(rule.forMs)}`,
      runbook: `docs/runbook.md#${rule.kind}-degraded`,
    },
  };
}

function countedExpr(rule: DegradationRule, bounds: readonly number[]): string | undefined {
  const series = degradationSeries(rule, bounds);
  if (series === undefined) return undefined;
  const [judged, held] = [promDuration(JUDGED_MS), promDuration(rule.forMs)];
  const least = leastTotal(rule);
  return allOf([
    `${series.bad(judged)} / ${series.total(judged)} > ${promNumber(rule.badShare)}`,
    ...(least > 0 ? [`${series.total(held)} >= ${promNumber(least)}`] : []),
    ...(needsLeastBad(rule) ? [`${series.bad(held)} >= ${LEAST_BAD_FOR_PAGE}`] : []),
  ]);
}

function poolExpr({ badShare }: DegradationRule): string {
  const connections = (state: string): string =>
    `sum by (role) (sum_over_time(rampart_db_pool_connections{state="${state}"}[${promDuration(JUDGED_MS)}]))`;
  return `${connections('busy')} / ${connections('max')} > ${promNumber(badShare)}`;
}
