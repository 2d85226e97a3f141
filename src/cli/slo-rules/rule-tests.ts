import { boundOf } from '../../metrics/latency-bounds.ts';
import { firingRules } from '../../policy/slo/burn-rate.ts';
import { EventHistory } from '../../policy/slo/event-counts.ts';
import type { Slo } from '../../policy/slo/slo.ts';
import { type BurnScenario, scenariosOfDays, scenariosOfMinutes } from './burn-scenarios.ts';
import { degradationTests } from './degradation-tests.ts';
import { burnAlerts, type NamedObjective } from './objective-rules.ts';
import { type PromRule, quoted } from './promql.ts';
import { historyAnnotations, namedObjectives, yamlText } from './rule-file.ts';
import { type AlertCheck, expectedAlert, type RuleTest } from './rule-test.ts';
import { objectiveInput, type TestSeries } from './test-series.ts';

/** An objective with the history that it is tested with. */
interface Told {
  readonly named: NamedObjective;
  readonly scenario: BurnScenario;
}

/**
 * promtool computes every rule for every group, so that objectives share a group where they can: those whose histories have the
 * same name and the same moments, at most one latency of each endpoint.
 */
function burnTests(all: readonly NamedObjective[], scenariosOf: (terms: Terms) => BurnScenario[]): RuleTest[] {
  const groups = new Map<string, Told[]>();
  for (const named of all) {
    const round = all
      .filter((one) => one.endpoint === named.endpoint && one.objective.sli === named.objective.sli)
      .indexOf(named);
    for (const scenario of scenariosOf(termsOf(named))) {
      const key = JSON.stringify([scenario.name, scenario.checks, round]);
      groups.set(key, [...(groups.get(key) ?? []), { named, scenario }]);
    }
  }
  return [...groups.values()].map((told) => burnTest(told, all));
}

type Terms = Parameters<typeof scenariosOfDays>[0];

const termsOf = ({ objective, endpoint }: NamedObjective): Terms => ({
  budget: 1 - objective.target,
  leastPerMinute: endpoint.alerts.minPerSecond * 60,
});

function burnTest(told: readonly Told[], all: readonly NamedObjective[]): RuleTest {
  const [{ scenario } = { scenario: undefined }] = told;
  return {
    name: `${scenario?.name}: ${told.map(({ named }) => named.labels.sloth_slo).join(', ')}`,
    interval: '1m',
    input_series: told.flatMap((one) => burnInput(one, all)),
    alert_rule_test: (scenario?.checks ?? []).flatMap((minute) =>
      checksAt(
        minute,
        told.flatMap((one) => expectedBurns(one, minute, all)),
      ),
    ),
  };
}

function burnInput({ named: { endpoint, objective }, scenario }: Told, all: readonly NamedObjective[]): TestSeries[] {
  const latencies = all.flatMap((one) =>
    one.endpoint === endpoint && one.objective.sli === 'latency' ? [boundOf(one.objective.withinMs)] : [],
  );
  const own = objective.sli === 'latency' ? boundOf(objective.withinMs) : undefined;
  const otherBounds = [...new Set(latencies)].filter((bound) => bound !== own);
  const growths = scenario.stretches.map(({ minutes, perMinute, badShare }) => ({
    minutes,
    bad: perMinute * badShare,
    good: perMinute * (1 - badShare),
  }));
  return objectiveInput(endpoint.id, objective, growths, { resetAfter: scenario.resetAfter, otherBounds });
}

/** The alerts that control's policy fires; objectives that count the same events are alike. */
function expectedBurns({ named, scenario }: Told, minute: number, all: readonly NamedObjective[]): PromRule[] {
  const history = new EventHistory();
  let at = 0;
  for (const { minutes, perMinute, badShare } of scenario.stretches) {
    for (let each = 0; each < minutes && at < minute; each++, at++)
      history.add(at * 60_000 + 30_000, { bad: perMinute * badShare, total: perMinute });
  }
  return all
    .filter((one) => countsAlike(one, named))
    .flatMap((one) => firingAlerts(one, (windowMs) => history.over(windowMs, minute * 60_000)));
}

function countsAlike(one: NamedObjective, other: NamedObjective): boolean {
  if (one.endpoint !== other.endpoint) return false;
  const [left, right] = [one.objective, other.objective];
  return left.sli === 'latency' ? right.sli === 'latency' && left.withinMs === right.withinMs : left.sli === right.sli;
}

function firingAlerts(named: NamedObjective, over: Parameters<typeof firingRules>[0]): PromRule[] {
  const { objective, windowMs, endpoint } = named;
  const { minPerSecond } = endpoint.alerts;
  const firing = firingRules(over, { target: objective.target, windowMs, minPerSecond });
  const isTrickle = firing.some(({ rule, severity }) => rule.name === 'page-trickle' && severity === 'page');
  const lasting = firing.filter(({ rule }) => rule.name !== 'page-trickle');
  return burnAlerts(named).filter((rule) => {
    if (!('alert' in rule)) return false;
    if (rule.alert === 'RampartTrickleBurning') return isTrickle;
    return rule.labels['severity'] === 'page'
      ? lasting.some(({ severity }) => severity === 'page')
      : lasting.length > 0;
  });
}

const checksAt = (minute: number, firing: readonly PromRule[]): AlertCheck[] =>
  ['RampartObjectiveBurning', 'RampartTrickleBurning'].map((alertname) => ({
    eval_time: `${minute}m`,
    alertname,
    exp_alerts: firing.flatMap((rule) => ('alert' in rule && rule.alert === alertname ? [expectedAlert(rule)] : [])),
  }));

/** Tests that look by the minute. */
export const testsOfMinutes = (slo: Slo, bounds: readonly number[]): RuleTest[] => [
  ...burnTests(namedObjectives(slo), scenariosOfMinutes),
  ...degradationTests(slo, bounds),
];

/** Tests that go over hours and days, and look each ten minutes. */
export function testsOfDays(slo: Slo): RuleTest[] {
  const all = namedObjectives(slo);
  return [...burnTests(all, scenariosOfDays), ...(all.length === 0 ? [] : historyTests(slo))];
}

/** A history that began before the window and has lost its beginning, and one that began within the window. */
function historyTests({ service, windowMs }: Slo): RuleTest[] {
  const series = `slo:history_start:timestamp{sloth_service=${quoted(service)}}`;
  const expected = {
    exp_labels: { severity: 'ticket', sloth_service: service },
    exp_annotations: historyAnnotations(windowMs),
  };
  const test = (name: string, start: number, isShort: boolean): RuleTest => ({
    name,
    interval: '1m',
    // A sample of the past; the rule carries it on.
    input_series: [{ series, values: String(start) }],
    alert_rule_test: [
      { eval_time: '10m', alertname: 'SloHistoryTooShort', exp_alerts: [] },
      { eval_time: '140m', alertname: 'SloHistoryTooShort', exp_alerts: isShort ? [expected] : [] },
    ],
  });
  const seconds = windowMs / 1000;
  return [
    test('Prometheus forgets before the window is over', -seconds - 7200, true),
    test('Prometheus has not run for as long as the window', 7200 - seconds, false),
  ];
}

/** The text of a file for `promtool test rules`. */
export const testFile = (ruleFileName: string, evaluation: string, tests: readonly RuleTest[]): string =>
  yamlText(`Tests of ${ruleFileName} for promtool test rules, written by rampart slo rules.`, {
    rule_files: [ruleFileName],
    evaluation_interval: evaluation,
    tests,
  });
