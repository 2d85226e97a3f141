import { type DegradationRule, degradationRules } from '../../policy/slo/degradation.ts';
import type { Slo } from '../../policy/slo/slo.ts';
import { degradationAlert, leastTotal, needsLeastBad } from './degradation-alerts.ts';
import type { PromRule } from './promql.ts';
import { type AlertCheck, expectedAlert, type RuleTest } from './rule-test.ts';
import { cacheInput, errorInput, eventInput, type EventGrowth, latencyInput, type TestSeries } from './test-series.ts';

interface DegradationCase {
  readonly name: string;
  readonly growths: readonly EventGrowth[];
  readonly resetAfter?: number;
  readonly fires: boolean;
}

/** Minutes that are sound, of trouble until the alert fires, and of a short one. */
const SOUND = 10;
const SHORT = 2;

/** For each rule on degradation, what fires it, and what just does not; the rules share a group for each case. */
export function degradationTests(slo: Slo, bounds: readonly number[]): RuleTest[] {
  const groups: RuleTest[][] = [];
  for (const rule of degradationRules(slo)) {
    const alert = degradationAlert(rule, bounds);
    if (alert === undefined) continue;
    const tests =
      rule.kind === 'pool' ? poolTests(rule, alert) : casesOf(rule).map((one) => testOf(rule, alert, one, bounds));
    for (const test of tests) {
      const group = groups.find((one) => one.every((other) => goTogether(other, test)));
      if (group === undefined) groups.push([test]);
      else group.push(test);
    }
  }
  return groups.map(together);
}

/** The same case at the same moment, and no series that would have to grow in two ways. */
function goTogether(other: RuleTest, test: RuleTest): boolean {
  if (other.name !== test.name || other.alert_rule_test[0]?.eval_time !== test.alert_rule_test[0]?.eval_time)
    return false;
  const known = new Map(other.input_series.map(({ series, values }) => [series, values]));
  return test.input_series.every(({ series, values }) => (known.get(series) ?? values) === values);
}

/** One group of several, with each series once: both percentiles have the same number of replies. */
function together(tests: readonly RuleTest[]): RuleTest {
  const series = new Map(tests.flatMap((one) => one.input_series.map((input) => [input.series, input] as const)));
  const checks = new Map<string, AlertCheck>();
  for (const check of tests.flatMap((one) => one.alert_rule_test)) {
    const key = `${check.alertname} ${check.eval_time}`;
    const before = checks.get(key)?.exp_alerts ?? [];
    checks.set(key, { ...check, exp_alerts: [...before, ...check.exp_alerts] });
  }
  const [first] = tests;
  return {
    name: first?.name ?? '',
    interval: '1m',
    input_series: [...series.values()],
    alert_rule_test: [...checks.values()],
  };
}

function casesOf(rule: DegradationRule): DegradationCase[] {
  const forMinutes = Math.ceil(rule.forMs / 60_000);
  const trouble = forMinutes + 3;
  const least = leastTotal(rule) / forMinutes;
  const busy = Math.max(600, 4 * least);
  const growth = (minutes: number, badShare: number, perMinute = busy): EventGrowth => ({
    minutes,
    bad: perMinute * badShare,
    good: perMinute * (1 - badShare),
  });
  const above = Math.min(1.4 * rule.badShare, (1 + rule.badShare) / 2);
  const cases: DegradationCase[] = [
    { name: 'above its limit for long enough', growths: [growth(SOUND, 0), growth(trouble, above)], fires: true },
    { name: 'just below its limit', growths: [growth(SOUND + trouble, 0.8 * rule.badShare)], fires: false },
    { name: 'above it for a short time', growths: [growth(SOUND, 0), growth(SHORT, 1)], fires: false },
    { name: 'over again', growths: [growth(SOUND, 0), growth(trouble, above), growth(3, 0)], fires: false },
    { name: 'no traffic', growths: [growth(SOUND, 0, 0)], fires: false },
    { name: 'counters begin again', growths: [growth(SOUND + trouble, 0)], resetAfter: SOUND, fires: false },
    {
      name: 'counters begin again in trouble',
      growths: [growth(SOUND + trouble, above)],
      resetAfter: SOUND,
      fires: true,
    },
  ];
  if (least > 0) {
    cases.push(
      {
        name: 'enough events',
        growths: [growth(trouble + forMinutes, 1, 1.5 * Math.max(least, 5 / forMinutes))],
        fires: true,
      },
      { name: 'too few events', growths: [growth(trouble + forMinutes, 1, 0.7 * least)], fires: false },
    );
  }
  return needsLeastBad(rule) ? [...cases, ...fewBad(rule, trouble, forMinutes, least)] : cases;
}

/** Six bad events within the time are enough, four are not. */
function fewBad({ badShare }: DegradationRule, trouble: number, forMinutes: number, least: number): DegradationCase[] {
  return [6, 4].flatMap((count): DegradationCase[] => {
    const bad = count / forMinutes;
    const perMinute = Math.max(1.3 * least, bad);
    if (bad / perMinute <= badShare) return [];
    const growths = [{ minutes: trouble + forMinutes, bad, good: perMinute - bad }];
    return [{ name: `${count} bad events in its time`, growths, fires: count >= 5 }];
  });
}

function testOf(
  rule: DegradationRule,
  alert: PromRule,
  { name, growths, resetAfter, fires }: DegradationCase,
  bounds: readonly number[],
): RuleTest {
  const end = growths.reduce((sum, { minutes }) => sum + minutes, 0);
  return {
    name: `degradation: ${name}`,
    interval: '1m',
    input_series: inputOf(rule, eventInput(growths, resetAfter), bounds),
    alert_rule_test: [check(alert, end, fires)],
  };
}

const check = (alert: PromRule, minute: number, fires: boolean): AlertCheck => ({
  eval_time: `${minute}m`,
  alertname: 'alert' in alert ? alert.alert : '',
  exp_alerts: fires ? [expectedAlert(alert)] : [],
});

function inputOf(
  { kind, endpoint = '', slowerThanMs = 0 }: DegradationRule,
  grown: ReturnType<typeof eventInput>,
  bounds: readonly number[],
): TestSeries[] {
  if (kind === 'errors') return errorInput(endpoint, grown);
  if (kind === 'hit-rate') return cacheInput(endpoint, grown);
  const bound = bounds.find((one) => one >= slowerThanMs / 1000) ?? 0;
  return latencyInput(endpoint, bound, [], grown);
}

function poolTests(rule: DegradationRule, alert: PromRule): RuleTest[] {
  const minutes = Math.ceil(rule.forMs / 60_000) + 3;
  const pool = (name: string, values: string, fires: boolean): RuleTest => {
    const { alertname, eval_time, exp_alerts } = check(alert, minutes + SOUND, fires);
    return {
      name: `degradation: ${name}`,
      interval: '1m',
      input_series: [
        { series: 'rampart_db_pool_connections{role="gateway",state="busy"}', values },
        { series: 'rampart_db_pool_connections{role="gateway",state="max"}', values: `10x${minutes + SOUND}` },
      ],
      alert_rule_test: [
        {
          alertname,
          eval_time,
          exp_alerts: exp_alerts.map(({ exp_labels, exp_annotations }) => ({
            exp_labels: { ...exp_labels, role: 'gateway' },
            exp_annotations: {
              ...exp_annotations,
              summary: (exp_annotations['summary'] ?? '').replace('{{ $labels.role }}', 'gateway'),
            },
          })),
        },
      ],
    };
  };
  const above = 5 * (1 + rule.badShare);
  return [
    pool('above its limit for long enough', `0x${SOUND - 1} ${above}x${minutes}`, true),
    pool('just below its limit', `${8 * rule.badShare}x${minutes + SOUND}`, false),
    pool('above it for a short time', `0x${SOUND + minutes - 3} 10x2`, false),
    pool('over again', `${above}x${SOUND + minutes - 4} 0x4`, false),
  ];
}
