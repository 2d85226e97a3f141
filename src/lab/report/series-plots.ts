import type { Step } from '../experiments/step.ts';
import { linePlot, type PlotLine } from './line-plot.ts';
import type { Series } from './run-record.ts';

/** Fewer different loads make no curve: several runs of the same one, as of a comparison, are no growing load. */
const LEAST = 3;

/** The pictures of one series: what latency each throughput costs, and where the time goes as the load grows. */
export function seriesPlots(series: Series): string[] {
  const loads = new Set(series.steps.map(({ load }) => load.amount));
  return loads.size < LEAST ? [] : [throughputLatency(series), ...waitAndExec(series)];
}

function throughputLatency({ steps, loadUnit, knee }: Series): string {
  const curve = (name: string, value: (step: Step) => number): PlotLine => ({
    name,
    points: steps.map((step) => [step.figures.throughputPerSecond, value(step)] as const),
  });
  const p95 = (step: Step): number => step.figures.latency.p95Ms;
  const at = steps.find(({ load }) => load.amount === knee);
  return linePlot({
    title: 'latency of each throughput, ms',
    xLabel: 'served, requests/s',
    lines: [curve('p95', p95), curve('p50', ({ figures }) => figures.latency.p50Ms)],
    marks: [],
    flags:
      at === undefined
        ? []
        : [{ name: `knee: ${Math.round(at.load.amount)} ${loadUnit}`, x: at.figures.throughputPerSecond, y: p95(at) }],
  });
}

/** The server's times: by phase if its metrics have them, otherwise the two sums of Server-Timing; none if it sends neither. */
function waitAndExec({ steps, loadUnit }: Series): string[] {
  const phases = [...new Set(steps.flatMap(({ server }) => (server?.phases ?? []).map(nameOf)))];
  const lines =
    phases.length > 0 && steps.every(({ server }) => server !== undefined)
      ? phases
          .toSorted()
          .map((name) => ({ name, points: steps.map((step) => [step.load.amount, ofPhase(step, name)] as const) }))
      : [
          { name: 'exec', points: steps.map(({ load, figures }) => [load.amount, figures.exec.meanMs] as const) },
          { name: 'wait', points: steps.map(({ load, figures }) => [load.amount, figures.wait.meanMs] as const) },
        ];
  if (!lines.some(({ points }) => points.some(([, ms]) => ms > 0))) return [];
  return [linePlot({ title: 'where the time goes, mean ms', xLabel: loadUnit, lines, marks: [], stacked: true })];
}

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
