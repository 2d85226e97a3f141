import type { Step } from '../experiments/step.ts';
import type { PlotOptions } from './plot-options.ts';
import type { UslFit } from '../statistics/usl.ts';
import { NOT_KNOWN, type RunRecord, type Series } from './run-record.ts';
import type { Table } from './table.ts';

export function number(value: number, digits = 0): string {
  return Number.isFinite(value) ? value.toFixed(digits) : '–';
}

/** In a sentence, where a dash would be no word. */
export const known = (value: number, digits: number, unit = ''): string =>
  Number.isFinite(value) ? `${value.toFixed(digits)}${unit}` : 'not known';

export const percent = (share: number, digits = 1): string => `${number(share * 100, digits)} %`;

/** The head of a report, as requirements ask: what ran, where, how long, with what. */
export function headRows(run: RunRecord): (readonly [string, string])[] {
  const { machine } = run;
  return [
    ['run', run.id],
    ...(run.target === undefined ? [] : [['target', run.target] as const]),
    ['commit', run.commit],
    ['version', run.version],
    ['date', run.startedAt],
    ['machine', describeMachine(machine)],
    ['scenario', run.scenario],
    ['duration', `${number(run.seconds)} s`],
    ...Object.entries(run.configuration),
  ];
}

function describeMachine({ processors, memoryGiB, system, node }: RunRecord['machine']): string {
  if (processors === NOT_KNOWN) return NOT_KNOWN;
  return `${processors}, ${number(memoryGiB, 1)} GiB, ${system}, ${node === NOT_KNOWN ? 'what it runs on not known' : `Node ${node}`}`;
}

/** The steps of a series, then the confirmations: all that is known of each load, for the terminal and for Markdown. */
export function stepTable(series: Series): Table {
  const [latency, soundness] = [latencyTable(series), soundnessTable(series)];
  return {
    columns: [...latency.columns, ...soundness.columns.slice(1)],
    rows: latency.rows.map((row, index) => [...row, ...(soundness.rows[index] ?? []).slice(1)]),
  };
}

/** What the users of each load saw. */
export function latencyTable(series: Series): Table {
  const columns = ['offered /s', 'served /s', 'avg ms', 'p50 ms', 'p95 ms', 'p99 ms', 'errors', 'refused'];
  return {
    columns: [series.loadUnit, ...columns],
    rows: marked(series).map(({ load, step: { figures } }) => [
      load,
      number(figures.offeredPerSecond, 1),
      number(figures.throughputPerSecond, 1),
      number(figures.latency.meanMs, 1),
      number(figures.latency.p50Ms, 1),
      number(figures.latency.p95Ms, 1),
      number(figures.latency.p99Ms, 1),
      percent(figures.errorShare),
      percent(figures.refusedShare),
    ]),
  };
}

/** Where the time went, and whether the measurement is sound. */
export function soundnessTable(series: Series): Table {
  return {
    columns: [series.loadUnit, 'under way', 'wait ms', 'exec ms', 'machine', 'others', 'sender', 'valid'],
    rows: marked(series).map(({ load, step: { concurrency, figures, use, validity, discarded } }) => [
      load,
      number(concurrency, 1),
      number(figures.wait.meanMs, 1),
      number(figures.exec.meanMs, 1),
      percent(use.machineCpuShare, 0),
      percent(use.foreignCpuShare, 0),
      percent(validity.senderCpuShare, 0),
      `${validity.valid ? 'yes' : 'no'}${discarded.length > 0 ? ` (try ${discarded.length + 1})` : ''}`,
    ]),
  };
}

/** Confirmations with a mark. */
const marked = ({ steps, confirmations }: Series): { readonly load: string; readonly step: Step }[] => [
  ...steps.map((step) => ({ load: number(step.load.amount), step })),
  ...confirmations.map((step) => ({ load: `${number(step.load.amount)}*`, step })),
];

/** The series of a long run, and whether they grew. */
export function driftTable({ drifts = [] }: Pick<RunRecord, 'drifts'>): Table {
  return {
    columns: ['', 'windows', 'median', 'per hour', 'over the run', 'p', ''],
    rows: drifts.map(({ name, unit, windows, median, slopePerHour, change, p, verdict }) => [
      name,
      String(windows),
      `${number(median, 1)} ${unit}`,
      signed(slopePerHour),
      signed(change),
      p < 0.001 ? '< 0.001' : number(p, 3),
      verdict,
    ]),
  };
}

/** A number with two digits, and with a sign if it is above 0. */
export const signed = (value: number): string => `${value > 0 ? '+' : ''}${number(value, 2)}`;

/** The points of a plot as a table, for readers without the plot: evenly thinned out. */
export function timelineTable({ xLabel, lines }: PlotOptions): Table {
  const xs = [...new Set(lines.flatMap(({ points }) => points.map(([x]) => x)))].sort((left, right) => left - right);
  const every = Math.max(1, Math.ceil(xs.length / TIMELINE_ROWS));
  const shown = xs.filter((_, index) => (index + 1) % every === 0);
  return {
    columns: [xLabel, ...lines.map(({ name }) => name)],
    rows: shown.map((x) => [
      number(x, 1),
      ...lines.map(({ points }) => number(points.find(([at]) => at === x)?.[1] ?? Number.NaN, 1)),
    ]),
  };
}

const TIMELINE_ROWS = 12;

/** Gunther's law at this many under way. */
const throughputAt = ({ alpha, beta, gamma }: UslFit, n: number): number =>
  (gamma * n) / (1 + alpha * (n - 1) + beta * n * (n - 1));

export function uslSentence({ usl, steps }: Series): string | undefined {
  if (usl === undefined) return undefined;
  const most = Math.max(...steps.map(({ concurrency }) => concurrency));
  // Beyond twice the measured load, the curve is a guess.
  const peak =
    Number.isFinite(usl.peakConcurrency) && usl.peakConcurrency <= 2 * most
      ? `highest at ${number(usl.peakConcurrency, 1)} under way, ${number(throughputAt(usl, usl.peakConcurrency), 1)}/s`
      : 'no peak in what was measured';
  const { alpha, beta, gamma, margins } = usl;
  // A curve through few points always fits them; then its margin is wide, or there is none.
  const within = (margin: number, text: (value: number) => string): string =>
    Number.isFinite(margin) ? ` ± ${text(margin)}` : '';
  const share = (digits: number) => (value: number) => percent(value, digits);
  const rate = (value: number): string => `${number(value, 1)}/s`;
  return [
    `USL: contention ${percent(alpha, 2)}${within(margins.alpha, share(2))}`,
    `coherence ${percent(beta, 3)}${within(margins.beta, share(3))}`,
    `${rate(gamma)}${within(margins.gamma, rate)} alone; ${peak}; R² ${number(usl.rSquared, 3)}`,
  ].join(', ');
}

/** Plots read on, tables read out: the lines of a terminal. */
export function textTable({ columns, rows }: Table): string {
  const all = [columns, ...rows];
  const widths = columns.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) => row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join('  ')).join('\n');
}
