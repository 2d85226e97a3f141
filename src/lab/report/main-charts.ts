import type { Step } from '../experiments/step.ts';
import { type Chart, type CurveLine, measuredPoints, mergedPath, type Panel } from './chart-model.ts';
import { loadCharts } from './load-charts.ts';
import type { PlotOptions } from './plot-options.ts';
import type { RunRecord, Series } from './run-record.ts';
import { frontierChart } from './tuning-tables.ts';

/** The large pictures of a run, usually one: over time, of a search, of runs in turns, or over the load. */
export function mainCharts(run: RunRecord): Chart[] {
  if (run.tuning !== undefined) return [frontierChart(run.tuning)];
  if (run.timelines !== undefined && run.timelines.length > 0) return timeCharts(run.timelines);
  if (run.series.length === 0) return ingestCharts(run);
  return run.series.length > 1 && run.series.every(isRepeated) ? [turnsChart(run.series)] : loadCharts(run);
}

/** Several runs of one and the same load. */
const isRepeated = ({ steps }: Series): boolean =>
  steps.length > 1 && new Set(steps.map(({ load }) => load.amount)).size === 1;

const units = ['ms', 'MiB', 'requests/s'] as const;

/** Figures over time, all over the same axis. */
function timeCharts(timelines: readonly PlotOptions[]): Chart[] {
  return [...Map.groupBy(timelines, ({ xLabel }) => xLabel)].map(([xLabel, group]) => ({
    title: group.map(({ title }) => title).join('; '),
    xLabel,
    marks: [],
    panels: group.map(({ title, lines, marks }, index): Panel => {
      const unit = units.find((each) => title.endsWith(`, ${each}`)) ?? '';
      return {
        title: unit === '' ? title : title.slice(0, -unit.length - 2),
        unit,
        weight: index === 0 ? 1.6 : 1,
        lines: lines.map(lineOf),
        levels: marks,
      };
    }),
  }));
}

const lineOf = ({ name, points, isScattered }: PlotOptions['lines'][number]): CurveLine => ({
  name,
  isScattered,
  points: points.map(([x, y]) => ({ x, y })),
});

/** Runs of two configurations or more, in the order in which they were made: what the difference is, and whether it is steady. */
function turnsChart(series: readonly Series[]): Chart {
  const panel = (title: string, unit: string, value: (step: Step) => number): Panel => ({
    title,
    unit,
    isZoomed: true,
    lines: series.map(({ name, steps }) => ({
      name,
      points: steps.map((step, index) => ({ x: index + 1, y: value(step) })),
    })),
    levels: [],
  });
  return {
    title: 'throughput and p95 of each run',
    xLabel: 'run',
    isWhole: true,
    panels: [
      panel('throughput', 'requests/s', ({ figures }) => figures.throughputPerSecond),
      panel('p95 latency', 'ms', ({ figures }) => figures.latency.p95Ms),
    ],
    marks: [],
  };
}

/** Where the figures of `ingest` stand in the rows of its tables, which are all that its record has. */
const columns = { offered: 3, accepted: 4, readP99: 10 } as const;
const RATES = 'Offered rate';

function ingestCharts({ tables = [] }: RunRecord): Chart[] {
  const rows = (tables.find(({ title }) => title === RATES)?.rows ?? []).map((row) => row.map(Number));
  if (rows.length < 2) return [];
  const line = (name: string, column: number): CurveLine => ({
    name,
    points: rows.map((row) => ({ x: row[columns.offered] ?? Number.NaN, y: row[column] ?? Number.NaN })),
  });
  return [
    {
      title: 'items accepted and latency of the reads beside them, over the offered rate',
      xLabel: 'items/s offered',
      panels: [
        { title: 'accepted', unit: 'items/s', weight: 1.4, lines: [line('accepted', columns.accepted)], levels: [] },
        {
          title: 'p99 of the reads beside them',
          unit: 'ms',
          lines: [line('reads', columns.readP99)],
          levels: [{ name: 'target: 20 ms', y: 20 }],
        },
      ],
      marks: [],
    },
  ];
}

/** Where the time of a request goes as the load grows: by phase if the server's metrics have them, otherwise the sums of Server-Timing. */
export function phaseChart({ steps, loadUnit }: Series): Chart | undefined {
  if (new Set(steps.map(({ load }) => load.amount)).size < LEAST_LOADS) return undefined;
  const phases = [...new Set(steps.flatMap(({ server }) => (server?.phases ?? []).map(nameOf)))];
  // A load that was tried twice is one point, as areas stand on each other only at the same xs.
  const line = (name: string, value: (step: Step) => number): CurveLine => {
    const points = steps.map((step) => ({ x: step.load.amount, y: finite(value(step)) }));
    return { name, points: mergedPath(measuredPoints({ points })) };
  };
  const lines =
    phases.length > 0 && steps.every(({ server }) => server !== undefined)
      ? phases.toSorted().map((name) => line(name, (step) => ofPhase(step, name)))
      : [line('exec', ({ figures }) => figures.exec.meanMs), line('wait', ({ figures }) => figures.wait.meanMs)];
  if (!lines.some(({ points }) => points.some(({ y }) => y > 0))) return undefined;
  return {
    title: 'where the time of a request goes, mean milliseconds',
    xLabel: loadUnit,
    panels: [{ title: 'mean time of a request', unit: 'ms', lines, levels: [], isStacked: true }],
    marks: [],
  };
}

const finite = (value: number): number => (Number.isFinite(value) ? value : 0);

/** Fewer different loads make no curve. */
const LEAST_LOADS = 3;

const nameOf = ({ kind, phase }: { readonly kind: string; readonly phase: string }): string => `${kind} ${phase}`;

/** Per request that had any phase of its kind: a phase that few have is a small part of the mean. */
function ofPhase({ server }: Step, name: string): number {
  const phases = server?.phases ?? [];
  const total = phases
    .filter((phase) => nameOf(phase) === name)
    .reduce((sum, { count, meanMs }) => sum + count * meanMs, 0);
  const requests = Math.max(0, ...phases.map(({ count }) => count));
  return requests === 0 ? 0 : total / requests;
}
