import assert from 'node:assert/strict';
import type { PromGroup, PromLabels, PromRule } from '../../src/cli/slo-rules/promql.ts';
import { ruleGroups, yamlText } from '../../src/cli/slo-rules/rule-file.ts';
import { expectedAlert, type RuleTest } from '../../src/cli/slo-rules/rule-test.ts';
import { testFile, testsOfDays, testsOfMinutes } from '../../src/cli/slo-rules/rule-tests.ts';
import { boundsWith } from '../../src/metrics/latency-bounds.ts';
import { latencyThresholdsMs } from '../../src/policy/slo/thresholds.ts';
import type { Slo } from '../../src/policy/slo/slo.ts';
import { promtool } from './promtool.ts';

type AlertRule = Extract<PromRule, { alert: string }>;

/** An alert rule with one thing changed, under a name of its own. */
interface Mutant {
  readonly name: string;
  readonly original: AlertRule;
  readonly rule: AlertRule;
  readonly what: string;
}

/** Each place of an expression in turn, changed. */
function changed(
  expr: string,
  pattern: RegExp,
  to: (found: RegExpExecArray) => string | undefined,
): [string, string][] {
  return [...expr.matchAll(pattern)].flatMap((found): [string, string][] => {
    const put = to(found);
    if (put === undefined) return [];
    const at = `${expr.slice(0, found.index)}${put}${expr.slice(found.index + found[0].length)}`;
    return [[`${found[0]} -> ${put} at ${found.index}`, at]];
  });
}

/** A twin of each rule, which no test may notice: else a test would fail for another reason than a change. */
const UNCHANGED = 'unchanged';

const windowsOf = ['5m', '30m', '1h', '2h', '6h', '1d', '3d'];

/** Thresholds doubled and halved, comparisons turned round, windows exchanged, `and` and `or` exchanged. */
function mutations({ alert, expr, for: held }: AlertRule): [string, string][] {
  const isBurning = alert.endsWith('Burning');
  return [
    [UNCHANGED, expr],
    ...changed(expr, /(?<=> \()[\d.]+(?= \*)|(?<=(?:>=?|<) )[\d.]+$/gm, ([number]) => String(Number(number) * 2)),
    ...changed(expr, /(?<=> \()[\d.]+(?= \*)|(?<=(?:>=?|<) )[\d.]+$/gm, ([number]) => String(Number(number) / 2)),
    ...changed(expr, / (>=|>|<) /g, ([, sign]) => (sign === '<' ? ' > ' : ' < ')),
    ...(isBurning
      ? changed(
          expr,
          /(?<=ratio_rate)\w+/g,
          ([window]) => windowsOf[(windowsOf.indexOf(window) + 3) % windowsOf.length],
        )
      : changed(expr, /\[2m\]/g, () => '[20m]')),
    ...changed(expr, /^and (?!on)/gm, () => 'or '),
    ...changed(expr, /^and (?=on)/gm, () => 'or '),
    ...changed(expr, /^or \(/gm, () => 'and ('),
    ...(held === undefined || isBurning ? [] : ([[`for ${held} -> 0s`, expr]] as [string, string][])),
  ];
}

function mutantsOf(rules: readonly AlertRule[]): Mutant[] {
  return rules.flatMap((original, index) =>
    mutations(original).map(([what, expr], number): Mutant => {
      const name = `Mutant${index}x${number}`;
      const held = what.startsWith('for ') ? '0s' : original.for;
      return {
        name,
        original,
        what,
        rule: { ...original, ...(held === undefined ? {} : { for: held }), alert: name, expr },
      };
    }),
  );
}

/** Mutants stand in the group of their original, since promtool computes groups in any order. */
const withMutants = (groups: readonly PromGroup[], mutants: readonly Mutant[]): PromGroup[] =>
  groups.map((group) => ({
    ...group,
    rules: group.rules.flatMap((rule) => [
      rule,
      ...mutants.flatMap(({ original, rule: mutant }) => (original === rule ? [mutant] : [])),
    ]),
  }));

const hasLabels = (labels: PromLabels, wanted: PromLabels): boolean =>
  Object.entries(wanted).every(([name, value]) => labels[name] === value);

/** The tests, each also asked of the mutants of its alert. */
function testsOfMutants(tests: readonly RuleTest[], mutants: readonly Mutant[]): RuleTest[] {
  return tests.map((test) => ({
    ...test,
    alert_rule_test: test.alert_rule_test.flatMap((check) => [
      check,
      ...mutants
        .filter(({ original }) => original.alert === check.alertname)
        .map(({ name, original }) => ({
          ...check,
          alertname: name,
          // Two alerts have the same name; a mutant stands for one of them.
          exp_alerts: check.exp_alerts.filter(({ exp_labels: labels }) =>
            hasLabels(labels, expectedAlert(original).exp_labels),
          ),
        })),
    ]),
  }));
}

type Kind = 'budgets' | 'degradation' | 'history';

const kindOf = (alert: string): Kind => {
  if (alert === 'SloHistoryTooShort') return 'history';
  return alert.endsWith('Burning') ? 'budgets' : 'degradation';
};

const neededBy: Readonly<Record<Kind, RegExp>> = {
  budgets: /_bad|_total|_rate\d+[mhd]$/,
  degradation: /^$/,
  history: /^slo:(objective:ratio|history_start:timestamp)$/,
};

/** Only what alerts of this kind are computed from, so that promtool has less to compute. */
function groupsFor(slo: Slo, kind: Kind): PromGroup[] {
  return ruleGroups(slo, boundsWith(latencyThresholdsMs(slo))).map((group) => ({
    ...group,
    rules: group.rules.filter((rule) =>
      'alert' in rule ? kindOf(rule.alert) === kind : neededBy[kind].test(rule.record),
    ),
  }));
}

const asksFor = (kind: Kind, { alert_rule_test: [first] }: RuleTest): boolean =>
  first !== undefined && kindOf(first.alertname) === kind;

/** The alerts with one thing changed that no test notices; of all of them each n-th is tried. The rules themselves must pass. */
export async function survivors(slo: Slo, kind: Kind, each = 1): Promise<readonly string[]> {
  const groups = groupsFor(slo, kind).filter(({ rules }) => rules.length > 0);
  const alerts = groups.flatMap(({ rules }) => rules.flatMap((rule) => ('alert' in rule ? [rule] : [])));
  const mutants = mutantsOf(alerts).filter(({ what }, index) => what === UNCHANGED || index % each === 0);
  assert.ok(mutants.length >= 5, `${mutants.length} mutants`);
  const rules = yamlText('', { groups: withMutants(groups, mutants) });
  const tests = [
    ['1m', testsOfMinutes(slo, boundsWith(latencyThresholdsMs(slo)))],
    ['10m', testsOfDays(slo)],
  ] as const;
  const runs = await Promise.all(
    tests.map(async ([evaluation, all]) => {
      const asked = testsOfMutants(
        all.filter((one) => asksFor(kind, one)),
        mutants,
      );
      if (asked.length === 0) return '';
      const files = { 'r.yaml': rules, 't.yaml': testFile('r.yaml', evaluation, asked) };
      const { code, output } = await promtool(files, 'test', 'rules', 't.yaml');
      assert.notEqual(code, null, 'promtool was ended for its time');
      return output;
    }),
  );
  const failed = new Set(runs.flatMap((output) => [...output.matchAll(/alertname: ?(\w+)/g)].map(([, name]) => name)));
  assert.deepEqual(
    [...failed].filter((name) => !name?.startsWith('Mutant')),
    [],
    runs.join('\n').slice(0, 3000),
  );
  const [twins, changes] = [
    mutants.filter(({ what }) => what === UNCHANGED),
    mutants.filter(({ what }) => what !== UNCHANGED),
  ];
  assert.deepEqual(
    twins.filter(({ name }) => failed.has(name)).map(({ original }) => original.alert),
    [],
  );
  return changes
    .filter(({ name }) => !failed.has(name))
    .map(({ original, what }) => `${original.alert} ${original.labels['severity']}: ${what}`);
}
