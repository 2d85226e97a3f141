import type { PromLabels, PromRule } from './promql.ts';
import type { TestSeries } from './test-series.ts';

/** A group of tests of promtool: one history, and the alerts at some moments of it. */
export interface RuleTest {
  readonly name: string;
  readonly interval: string;
  readonly input_series: readonly TestSeries[];
  readonly alert_rule_test: readonly AlertCheck[];
}

export interface AlertCheck {
  readonly eval_time: string;
  readonly alertname: string;
  readonly exp_alerts: readonly ExpectedAlert[];
}

interface ExpectedAlert {
  readonly exp_labels: PromLabels;
  readonly exp_annotations: PromLabels;
}

/** promtool computes the templates of labels and annotations. */
const rendered = (labels: PromLabels): PromLabels =>
  Object.fromEntries(Object.entries(labels).map(([name, text]) => [name, text.replaceAll('{{ "{{" }}', '{{')]));

export const expectedAlert = (rule: PromRule): ExpectedAlert =>
  'alert' in rule
    ? { exp_labels: rendered(rule.labels), exp_annotations: rendered(rule.annotations) }
    : { exp_labels: {}, exp_annotations: {} };
