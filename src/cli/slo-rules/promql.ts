/** A rule of a Prometheus rule file. */
export type PromRule =
  | { readonly record: string; readonly expr: string; readonly labels?: PromLabels }
  | {
      readonly alert: string;
      readonly expr: string;
      readonly for?: string;
      readonly labels: PromLabels;
      readonly annotations: PromLabels;
    };

export type PromLabels = Readonly<Record<string, string>>;

export interface PromGroup {
  readonly name: string;
  readonly interval: string;
  readonly rules: readonly PromRule[];
}

/** How often counts and alerts are computed, and the budgets of the whole window, which read many samples. */
export const EVALUATION = '30s';
export const SLOW_EVALUATION = '2m';

/** A string of PromQL, whose escapes are those of JSON; it may not hold half of a surrogate pair. */
export const quoted = (text: string): string => JSON.stringify(text.toWellFormed());

/** Label values of alerts are templates of Go. */
export const untemplated = (text: string): string => text.replaceAll('{{', '{{ "{{" }}');

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const;

/** `30d`, `90m`: in the largest unit that has no rest. */
export function promDuration(ms: number): string {
  const [name, size] = units.find(([, each]) => ms % each === 0) ?? ['ms', 1];
  return `${ms / size}${name}`;
}

/** Without the digits that binary fractions add. */
export const promNumber = (value: number): string => String(Number(value.toPrecision(12)));

/** The selector of these labels, which may be empty. */
export const selector = (labels: PromLabels): string =>
  `{${Object.entries(labels)
    .map(([name, value]) => `${name}=${quoted(value)}`)
    .join(',')}}`;

/** The sum of an increase, 0 where nothing has been counted, without labels. */
export const increase = (series: string, window: string): string =>
  `(sum(increase(${series}[${window}])) or vector(0))`;

/** All of these conditions, each on a line of its own. */
export const allOf = (conditions: readonly string[]): string => conditions.join('\nand ');
