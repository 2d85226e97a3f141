import type { Step } from '../experiments/step.ts';
import type { EndpointFigures } from '../measure/figures.ts';
import { type Chart, type CurveLine, type ChartPoint, measuredPoints, mergedPath, type Panel } from './chart-model.ts';
import { judged, judgedEndpoint, targetsOf } from './judgement.ts';
import type { RunRecord, Series, SeriesTargets } from './run-record.ts';

type Drawn = Pick<RunRecord, 'experiment' | 'series' | 'marks' | 'configuration' | 'gates' | 'findings'>;

/** The latency that is judged: p95, or p99 where that alone has a target. */
interface Quantile {
  readonly name: 'p95' | 'p99';
  readonly of: (step: Step) => number;
}

/** Latency and throughput over the load, with the knee, the targets and the result of each load: a chart for each unit of load. */
export function loadCharts(run: Drawn): Chart[] {
  return [...Map.groupBy(run.series, ({ loadUnit }) => loadUnit).values()]
    .filter((group) => group.some(({ steps }) => steps.length > 0))
    .map((group) => loadChart(run, group));
}

function loadChart(run: Drawn, group: readonly Series[]): Chart {
  const targets = group.map((series) => targetsOf(run, series));
  const quantile = quantileOf(targets);
  const isOf = ({ series }: { readonly series: string }): boolean => group.some(({ name }) => name === series);
  return {
    title: `${quantile.name} latency and throughput over the load`,
    xLabel: axisLabel(group[0]?.loadUnit ?? ''),
    panels: [
      {
        title: `${quantile.name} latency`,
        unit: 'ms',
        weight: 1.8,
        lines: group.map((series, index) => stepLine(series, targets[index] ?? {}, quantile.of)),
        levels: levelsOf(targets, quantile.name, run.marks.p95.filter(isOf)),
      },
      {
        title: 'served',
        unit: 'requests/s',
        lines: group.map((series, index) =>
          stepLine(series, targets[index] ?? {}, ({ figures }) => figures.throughputPerSecond),
        ),
        levels: run.marks.throughput.filter(isOf).map(({ name, y }) => ({ name, y })),
      },
      ...failedPanel(group, targets),
    ],
    marks: marksOf(run, group),
  };
}

const axisLabel = (unit: string): string => (unit === 'requests/s' ? 'requests/s offered' : unit);

/** Why a load that was answered quickly may miss its targets: a refusal is quick. None where nothing failed. */
function failedPanel(group: readonly Series[], targets: readonly SeriesTargets[]): Panel[] {
  const failed = ({ figures: { errorShare, refusedShare } }: Step): number => (errorShare + refusedShare) * 100;
  if (!group.some(({ steps }) => steps.some((step) => failed(step) > 0))) return [];
  const allowed = new Set(targets.flatMap(({ all }) => all?.maxFailedShare ?? []));
  return [
    {
      title: 'errors and refusals',
      unit: '%',
      weight: 0.8,
      lines: group.map((series, index) => stepLine(series, targets[index] ?? {}, failed)),
      levels: [...allowed].map((share) => ({
        name: `at most ${Number((share * 100).toPrecision(6))} %`,
        y: share * 100,
      })),
    },
  ];
}

function quantileOf(targets: readonly SeriesTargets[]): Quantile {
  const isP99 = targets.some(({ all }) => all?.p99Ms !== undefined && all.p95Ms === undefined);
  return isP99
    ? { name: 'p99', of: ({ figures }) => figures.latency.p99Ms }
    : { name: 'p95', of: ({ figures }) => figures.latency.p95Ms };
}

/** A target once, although several series have it; those of endpoints stand in the charts of the endpoints. */
function levelsOf(
  targets: readonly SeriesTargets[],
  name: Quantile['name'],
  marks: readonly { readonly name: string; readonly y: number }[],
): Panel['levels'] {
  if (targets.some(({ endpoints }) => endpoints !== undefined)) return [];
  const asked = new Set(targets.flatMap(({ all }) => all?.[`${name}Ms`] ?? []));
  if (asked.size > 0) return [...asked].map((y) => ({ name: `target: ${y} ms`, y }));
  return marks.map((mark) => ({ name: `${mark.name} ms`, y: mark.y }));
}

function stepLine(series: Series, targets: SeriesTargets, value: (step: Step) => number): CurveLine {
  const { name, steps, confirmations } = series;
  const longest = Math.max(...steps.map(({ load }) => load.durationMs));
  const shortest = Math.min(...steps.map(({ load }) => load.durationMs));
  const pointOf = (step: Step, isLong: boolean): ChartPoint => {
    const { state, note } = judged(step, targets);
    return { x: step.load.amount, y: value(step), state, note, isLong };
  };
  const points = steps.map((step) => pointOf(step, longest > 1.5 * shortest && step.load.durationMs === longest));
  return {
    name,
    points: [...points, ...confirmations.map((step) => pointOf(step, true))],
    path: mergedPath(measuredPoints({ points })),
  };
}

/** The knee of each series, the load of the gate, and the capacity that was found. */
function marksOf({ experiment, gates, findings }: Drawn, group: readonly Series[]): Chart['marks'] {
  const known = group.filter(({ knee }) => typeof knee === 'number');
  const knees = [...Map.groupBy(known, ({ knee }) => knee as number)].map(([x, of]) => ({
    name: group.length === of.length ? 'knee' : `knee of ${of.map(({ name }) => name).join(', ')}`,
    x,
  }));
  if (experiment === 'ramp') {
    const gate = gateLoadOf(gates[0]?.name);
    return gate === undefined ? knees : [...knees, { name: 'gate', x: gate }];
  }
  const found = capacityIn(findings);
  return found === undefined ? knees : [...knees, { name: 'capacity', x: found.capacity }];
}

/** The load that the gates of a ramp are about. */
export function gateLoadOf(name: string | undefined): number | undefined {
  const load = /(?:^|at )([\d.]+) requests\/s$/.exec(name ?? '')?.[1];
  return load === undefined ? undefined : Number(load);
}

/** The capacity that a search found, from its own sentence. */
export function capacityIn(findings: readonly string[]): { capacity: number; refutedAt: number } | undefined {
  for (const finding of findings) {
    const found = /^Capacity: ([\d.]+) requests\/s; the targets do not hold at ([\d.]+)\.$/.exec(finding);
    if (found !== null) return { capacity: Number(found[1]), refutedAt: Number(found[2]) };
  }
  return undefined;
}

/** A curve for each endpoint, with its own target. */
export interface EndpointChart {
  readonly endpoint: string;
  readonly chart: Chart;
  readonly isKept: boolean;
}

/** p95 of each endpoint over the load; none for a single endpoint, whose curve is that of all, or for a single load. */
export function endpointCharts(run: Drawn, series: Series): EndpointChart[] {
  const targets = targetsOf(run, series);
  const names = new Set(series.steps.flatMap(({ endpoints }) => endpoints.map(({ endpoint }) => endpoint)));
  const loads = new Set(series.steps.map(({ load }) => load.amount));
  if (names.size < 2 || loads.size < 2) return [];
  return [...names].map((endpoint) => {
    const own = targets.endpoints?.[endpoint];
    const steps = [...series.steps, ...series.confirmations];
    const points = steps.flatMap((step) => endpointPoint(step, endpoint, own));
    const isP99 = own?.p99Ms !== undefined && own.p95Ms === undefined;
    const target = own?.p95Ms ?? own?.p99Ms;
    const line = { name: endpoint, points: points.map(({ p95, p99 }) => (isP99 ? p99 : p95)) };
    return {
      endpoint,
      isKept: points.every(({ p95 }) => p95.state !== 'missed'),
      chart: {
        title: `${isP99 ? 'p99' : 'p95'} latency of ${endpoint} over the load`,
        xLabel: axisLabel(series.loadUnit),
        panels: [
          {
            title: isP99 ? 'p99' : 'p95',
            unit: 'ms',
            lines: [{ ...line, path: mergedPath(measuredPoints(line)) }],
            levels: target === undefined ? [] : [{ name: `target: ${target} ms`, y: target }],
          },
        ],
        marks: [],
      },
    };
  });
}

function endpointPoint(
  { load, endpoints, validity }: Step,
  endpoint: string,
  targets: Parameters<typeof judgedEndpoint>[2],
): { p95: ChartPoint; p99: ChartPoint }[] {
  const figures: EndpointFigures | undefined = endpoints.find((each) => each.endpoint === endpoint);
  if (figures === undefined) return [];
  const judgement = judgedEndpoint(figures, validity.valid, targets);
  const point = (y: number): ChartPoint => ({ x: load.amount, y, ...judgement });
  return [{ p95: point(figures.latency.p95Ms), p99: point(figures.latency.p99Ms) }];
}
