import type { Exemplar, FamilySnapshot, HistogramValue, Snapshot } from './instruments.ts';

/** A text format of metrics. */
interface Format {
  readonly contentType: string;
  render(snapshot: Snapshot): string;
}

/** The Prometheus text format, version 0.0.4. */
const prometheus: Format = {
  contentType: 'text/plain; version=0.0.4; charset=utf-8',
  render: (snapshot) => snapshot.map((family) => renderFamily(family, noExemplar)).join(''),
};

/** OpenMetrics 1.0, which has exemplars, too. */
const openMetrics: Format = {
  contentType: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
  render: (snapshot) => `${snapshot.map((family) => renderFamily(openFamily(family), exemplarText)).join('')}# EOF\n`,
};

/** The metrics in the Prometheus text format, version 0.0.4. */
export const renderPrometheus = (snapshot: Snapshot): string => prometheus.render(snapshot);

const isOpenMetrics = ([type, ...parameters]: readonly string[]): boolean =>
  type === 'application/openmetrics-text' &&
  parameters.every((each) => !each.startsWith('version=') || /^version=("?)1\.0\.0\1$/.test(each));

/** The greatest weight among members of an Accept; 1 without `q`, and 0 without a member or with a `q` that is no number. */
function weightOf(members: readonly (readonly string[])[]): number {
  const weights = members.map((member) => Number(member.find((each) => each.startsWith('q='))?.slice(2) ?? 1));
  return weights.reduce((most, weight) => (weight > most ? weight : most), 0);
}

/** The format that a scraper asks for: OpenMetrics if it names its version 1 and prefers no plain text, otherwise the Prometheus format. */
export function formatFor(accept: string | undefined): Format {
  const members = accept?.split(',').map((each) => each.toLowerCase().replaceAll(/[ \t]/g, '').split(';')) ?? [];
  const open = weightOf(members.filter(isOpenMetrics));
  return open > 0 && open >= weightOf(members.filter(([type]) => type === 'text/plain')) ? openMetrics : prometheus;
}

/** A family under the name that OpenMetrics gives it: `_total` is a part of a counter's samples, not of its name. */
function openFamily(family: FamilySnapshot): ShownFamily {
  if (family.kind !== 'counter') return family;
  const base = family.name.endsWith('_total') ? family.name.slice(0, -'_total'.length) : undefined;
  return base === undefined ? { ...family, shownKind: 'unknown' } : { ...family, shownName: base };
}

interface ShownFamily extends FamilySnapshot {
  readonly shownName?: string;
  readonly shownKind?: string;
}

type ShowExemplar = (exemplar: Exemplar | null | undefined) => string;

const noExemplar: ShowExemplar = () => '';
const exemplarText: ShowExemplar = (exemplar) => {
  if (exemplar === null || exemplar === undefined) return '';
  const [traceId, value, atMs] = exemplar;
  return ` # {trace_id="${traceId}"} ${number(value)} ${atMs / 1000}`;
};

function renderFamily(family: ShownFamily, show: ShowExemplar): string {
  const name = family.shownName ?? family.name;
  const lines = [`# HELP ${name} ${escapeHelp(family.help)}`, `# TYPE ${name} ${family.shownKind ?? family.kind}`];
  for (const [values, value] of family.series) {
    const labels = family.labels.map((label, index) => labelText(label, values[index] ?? ''));
    if (typeof value === 'number') lines.push(`${family.name}${braced(labels)} ${number(value)}`);
    else lines.push(...histogramLines(family, labels, value, show));
  }
  return `${lines.join('\n')}\n`;
}

function histogramLines(
  { name, bounds }: FamilySnapshot,
  labels: readonly string[],
  { counts, sum, exemplars }: HistogramValue,
  show: ShowExemplar,
): string[] {
  const lines: string[] = [];
  let cumulated = 0;
  for (const [index, count] of counts.entries()) {
    cumulated += count;
    const bound = bounds?.[index];
    const limit = `le="${bound === undefined ? '+Inf' : withPoint(bound)}"`;
    lines.push(`${name}_bucket${braced([...labels, limit])} ${cumulated}${show(exemplars?.[index])}`);
  }
  return [...lines, `${name}_sum${braced(labels)} ${number(sum)}`, `${name}_count${braced(labels)} ${cumulated}`];
}

const labelText = (name: string, value: string): string =>
  `${name}="${escapeLabel(name === 'quantile' && value !== '' ? withPoint(Number(value)) : value)}"`;

const braced = (labels: readonly string[]): string => (labels.length === 0 ? '' : `{${labels.join(',')}}`);

/** Bounds have a point in OpenMetrics; the other format writes them alike, so that a series has one name in both. */
const withPoint = (value: number): string => (Number.isInteger(value) ? `${value}.0` : String(value));

function number(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);
}

const escapeHelp = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
const escapeLabel = (text: string): string => escapeHelp(text).replaceAll('"', '\\"');
