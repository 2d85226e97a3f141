import { Document, YAMLMap } from 'yaml';
import { degradationRules } from '../../policy/slo/degradation.ts';
import type { Slo } from '../../policy/slo/slo.ts';
import { degradationAlert } from './degradation-alerts.ts';
import {
  budgetRules,
  burnAlerts,
  countRules,
  type NamedObjective,
  namedObjective,
  ratioRules,
} from './objective-rules.ts';
import {
  EVALUATION,
  promDuration,
  type PromGroup,
  type PromLabels,
  type PromRule,
  quoted,
  selector,
  SLOW_EVALUATION,
  untemplated,
} from './promql.ts';

export const namedObjectives = ({ service, windowMs, endpoints }: Slo): NamedObjective[] =>
  endpoints.flatMap((endpoint) =>
    endpoint.objectives.map((objective) => namedObjective(service, endpoint, objective, windowMs)),
  );

/** The groups of an SLO file: one for each endpoint, so that they are computed side by side. */
export function ruleGroups(slo: Slo, bounds: readonly number[]): PromGroup[] {
  const { service, endpoints } = slo;
  const objectives = namedObjectives(slo);
  const alerts = degradationRules(slo);
  const groups = endpoints.flatMap(({ id }): PromGroup[] => {
    const own = objectives.filter(({ endpoint }) => endpoint.id === id);
    const rules: PromRule[] = [
      ...own.flatMap(countRules),
      ...(own.length === 0 ? [] : ratioRules(service, id)),
      ...own.flatMap(burnAlerts),
      ...alerts.flatMap((rule) => (rule.endpoint === id ? (degradationAlert(rule, bounds) ?? []) : [])),
    ];
    return rules.length === 0 ? [] : [{ name: `rampart ${service} ${id}`, interval: EVALUATION, rules }];
  });
  const pools = alerts.flatMap((rule) => (rule.kind === 'pool' ? (degradationAlert(rule, bounds) ?? []) : []));
  const [first] = objectives;
  return [
    ...groups,
    { name: `rampart ${service} database`, interval: EVALUATION, rules: pools },
    ...(first === undefined
      ? []
      : [
          {
            name: `rampart ${service} budgets`,
            interval: SLOW_EVALUATION,
            rules: [...objectives.flatMap(budgetRules), ...historyRules(slo, first)],
          },
        ]),
  ];
}

/**
 * Prometheus keeps 15 days by default, which makes a budget of 30 days wrong without a sign. A rule repeats the beginning of the
 * history from sample to sample, so that a new installation differs from one that forgets.
 */
function historyRules({ service, windowMs }: Slo, { labels: { sloth_id: id } }: NamedObjective): PromRule[] {
  const of = selector({ sloth_service: service });
  const period = promDuration(windowMs);
  return [
    {
      record: 'slo:history_start:timestamp',
      expr: `min(last_over_time(slo:history_start:timestamp${of}[1d])) or vector(time())`,
      labels: { sloth_service: service },
    },
    {
      alert: 'SloHistoryTooShort',
      expr: `time() - slo:history_start:timestamp${of} > ${windowMs / 1000 + GRACE_S}\nand on () absent(slo:objective:ratio{sloth_id=${quoted(id)}} offset ${period})`,
      for: '1h',
      labels: { severity: 'ticket', sloth_service: untemplated(service) },
      annotations: historyAnnotations(windowMs),
    },
  ];
}

/** A sample that is due at this moment may be late. */
const GRACE_S = 3600;

export const historyAnnotations = (windowMs: number): PromLabels => ({
  summary: `Prometheus has forgotten what is needed for error budgets over ${promDuration(windowMs)}`,
  next: `start it with --storage.tsdb.retention.time=${retentionDays(windowMs)}d or more`,
});

/** A day more than the window, so that its first sample is still there. */
export const retentionDays = (windowMs: number): number => Math.ceil(windowMs / 86_400_000) + 1;

/** The text of a rule file. */
export function ruleFile(slo: Slo, bounds: readonly number[]): string {
  const head = `Recording and alert rules of ${slo.service.replaceAll(/[^\P{C}]/gu, ' ')}, written by rampart slo rules from the SLO file: change that and write them anew.
Needs Prometheus 2.42 or newer, a scrape interval of at most 30s, and a retention of at least ${retentionDays(slo.windowMs)} days:
  --storage.tsdb.retention.time=${retentionDays(slo.windowMs)}d
Their tests: promtool test rules slo-rules.test.yaml slo-rules.days.test.yaml`;
  return yamlText(head, { groups: ruleGroups(slo, bounds) });
}

/** YAML with a comment at its head; expressions are not folded. */
export function yamlText(head: string, value: unknown): string {
  const document = new Document(value, { aliasDuplicateObjects: false });
  document.commentBefore = head.replaceAll(/^/gm, ' ');
  if (document.contents instanceof YAMLMap) document.contents.spaceBefore = true;
  return document.toString({ lineWidth: 0 });
}
