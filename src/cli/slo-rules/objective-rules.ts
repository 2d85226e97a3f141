import { type BurnRule, burnRules, LEAST_BAD_FOR_PAGE, trickleRule } from '../../policy/slo/burn-rate.ts';
import { type EndpointSlo, type Objective, promiseText } from '../../policy/slo/slo.ts';
import { allOf, promNumber, type PromLabels, type PromRule, promDuration, selector, untemplated } from './promql.ts';
import { objectiveSeries, shedIncrease } from './sli-series.ts';

/** An objective with the labels that sloth's dashboards look for. */
export interface NamedObjective {
  readonly endpoint: EndpointSlo;
  readonly objective: Objective;
  readonly windowMs: number;
  readonly labels: {
    readonly endpoint: string;
    readonly sloth_id: string;
    readonly sloth_service: string;
    readonly sloth_slo: string;
  };
}

export function namedObjective(
  service: string,
  endpoint: EndpointSlo,
  objective: Objective,
  windowMs: number,
): NamedObjective {
  const share = promNumber(objective.target * 100);
  const slo =
    objective.sli === 'latency'
      ? `${endpoint.id}-latency-${objective.withinMs}ms-${share}`
      : `${endpoint.id}-availability-${share}`;
  const labels = { endpoint: endpoint.id, sloth_id: `${service}-${slo}`, sloth_service: service, sloth_slo: slo };
  return { endpoint, objective, windowMs, labels };
}

const selectorOf = ({ labels: { sloth_id: id } }: NamedObjective): string => selector({ sloth_id: id });
const budgetOf = ({ objective: { target } }: NamedObjective): number => 1 - target;

/** Windows that are counted from the metrics themselves, so that a page is not late. */
export const countedWindows = ['5m', '30m', '1h', '6h'] as const;
/** Windows that are added up from the counts of five minutes. */
const chainedWindows = ['2h', '1d', '3d'] as const;

/** The bad and all events of each window, by objective. */
export const countRules = (named: NamedObjective): PromRule[] => {
  const { bad, total } = objectiveSeries(named.endpoint.id, named.objective);
  return countedWindows.flatMap((window): PromRule[] => [
    { record: `slo:sli_bad:increase${window}`, expr: bad(window), labels: named.labels },
    { record: `slo:sli_total:increase${window}`, expr: total(window), labels: named.labels },
  ]);
};

const ratio = (bad: string, total: string): string => `${bad}\n/ (${total} > 0)\nor ${bad} * 0`;

const chainedRatio = (window: string, of: string): string =>
  ratio(
    `sum_over_time(slo:sli_bad:increase5m${of}[${window}])`,
    `sum_over_time(slo:sli_total:increase5m${of}[${window}])`,
  );

const ratioRule = (window: string, expr: string, labels: PromLabels): PromRule => ({
  record: `slo:sli_error:ratio_rate${window}`,
  expr,
  labels: { ...labels, sloth_window: window },
});

/** The share of bad events, 0 without events, of all objectives of an endpoint at once. */
export function ratioRules(service: string, endpoint: string): PromRule[] {
  const labels = { endpoint, sloth_service: service };
  const of = selector(labels);
  return [
    ...countedWindows.map((window) =>
      ratioRule(window, ratio(`slo:sli_bad:increase${window}${of}`, `slo:sli_total:increase${window}${of}`), labels),
    ),
    ...chainedWindows.map((window) => ratioRule(window, chainedRatio(window, of), labels)),
    {
      record: 'slo:sli_shed:increase5m',
      expr: shedIncrease(endpoint, '5m'),
      labels,
    },
  ];
}

/** What sloth's dashboards show beside the ratios; the window of the budget is computed less often. */
export function budgetRules(named: NamedObjective): PromRule[] {
  const { labels, objective, windowMs } = named;
  const [of, budget, period] = [selectorOf(named), promNumber(budgetOf(named)), promDuration(windowMs)];
  const constant = (record: string, value: string): PromRule => ({ record, expr: `vector(${value})`, labels });
  const burnRate = (record: string, window: string): PromRule => ({
    record,
    expr: `max without (sloth_window) (slo:sli_error:ratio_rate${window}${of}) / ${budget}`,
    labels,
  });
  const isChained = (chainedWindows as readonly string[]).includes(period);
  return [
    ...(isChained ? [] : [ratioRule(period, chainedRatio(period, of), labels)]),
    constant('slo:objective:ratio', promNumber(objective.target)),
    constant('slo:error_budget:ratio', budget),
    constant('slo:time_period:days', promNumber(windowMs / 86_400_000)),
    burnRate('slo:current_burn_rate:ratio', '5m'),
    burnRate('slo:period_burn_rate:ratio', period),
    { record: 'slo:period_error_budget_remaining:ratio', expr: `1 - slo:period_burn_rate:ratio${of}`, labels },
    {
      record: 'sloth_slo_info',
      expr: 'vector(1)',
      labels: {
        ...labels,
        sloth_mode: 'cli-gen-prom',
        sloth_objective: promNumber(objective.target * 100),
        sloth_spec: 'rampart/v1',
        sloth_version: 'rampart',
      },
    },
  ];
}

/** Both windows of a rule are above its factor; for a page with enough bad events in the long one. */
function burning(named: NamedObjective, rule: BurnRule, isPage: boolean): string[] {
  const of = selectorOf(named);
  const isAbove = (ms: number): string =>
    `max without (sloth_window) (slo:sli_error:ratio_rate${promDuration(ms)}${of} > (${promNumber(rule.factor)} * ${promNumber(budgetOf(named))}))`;
  const enough = `slo:sli_bad:increase${promDuration(rule.longMs)}${of} >= ${LEAST_BAD_FOR_PAGE}`;
  return [isAbove(rule.shortMs), isAbove(rule.longMs), ...(isPage ? [enough] : [])];
}

const anyOf = (all: readonly (readonly string[])[]): string =>
  all.map((conditions) => `(\n${allOf(conditions)}\n)`).join('\nor ');

const templateLabels = (labels: PromLabels): PromLabels =>
  Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, untemplated(value)]));

/** The alerts of an objective: a page, one for a trickle, and a ticket, which also stands for pages on too few events. */
export function burnAlerts(named: NamedObjective): PromRule[] {
  const { windowMs, labels, objective, endpoint } = named;
  const rules = burnRules(windowMs);
  const pages = rules.filter(({ severity }) => severity === 'page');
  const alert = (name: string, severity: string, expr: string): PromRule => ({
    alert: name,
    expr,
    labels: { ...templateLabels(labels), cause: 'objective-burning', severity, sloth_severity: severity },
    annotations: {
      summary: untemplated(`${labels.endpoint} uses up its error budget too fast (${promiseText(objective)})`),
      next: 'look at the endpoint in the console: since when, and what changed then',
      runbook: 'docs/runbook.md#objective-burning',
    },
  });
  const trickle = trickleRule(windowMs);
  const isTrickle = `slo:sli_total:increase6h${selectorOf(named)} < ${promNumber((endpoint.alerts.minPerSecond * trickle.longMs) / 1000)}`;
  return [
    alert('RampartObjectiveBurning', 'page', anyOf(pages.map((rule) => burning(named, rule, true)))),
    ...(endpoint.alerts.minPerSecond > 0
      ? [alert('RampartTrickleBurning', 'page', allOf([...burning(named, trickle, true), isTrickle]))]
      : []),
    alert('RampartObjectiveBurning', 'ticket', anyOf(rules.map((rule) => burning(named, rule, false)))),
  ];
}
