import type { Step } from '../experiments/step.ts';
import { linePlot } from './line-plot.ts';
import { frontierPlot } from './tuning-tables.ts';
import type { PlotMarks, RunRecord, Series } from './run-record.ts';

/** The plots of an experiment: over time or of its search if it has these, otherwise throughput and p95 over the load. */
export function plotsOf(run: Pick<RunRecord, 'series' | 'marks' | 'timelines' | 'tuning'>): string[] {
  if (run.tuning !== undefined) return [frontierPlot(run.tuning)];
  return run.timelines === undefined ? loadPlots(run) : run.timelines.map(linePlot);
}

/** The plots of comparable series: a pair for each group. */
function loadPlots({ series, marks }: Pick<RunRecord, 'series' | 'marks'>): string[] {
  return groups(series).flatMap((group) => {
    const xLabel = group[0]?.loadUnit ?? '';
    const drawn = (title: string, value: (step: Step) => number, mark: PlotMarks['throughput']): string =>
      linePlot({
        title,
        xLabel,
        lines: group.map(({ name, steps }) => ({
          name,
          points: steps.map((step) => [step.load.amount, value(step)] as const),
        })),
        marks: mark.filter(({ series }) => group.some(({ name }) => name === series)),
      });
    return [
      drawn('throughput, requests/s', ({ figures }) => figures.throughputPerSecond, marks.throughput),
      drawn('p95 latency, ms', ({ figures }) => figures.latency.p95Ms, marks.p95),
    ];
  });
}

/** Series of the same unit whose best differ by no more than eight times share a plot: else one would be a flat line. */
function groups(series: readonly Series[]): Series[][] {
  const found: Series[][] = [];
  for (const each of series) {
    const fitting = found.find(
      ([first]) => first !== undefined && first.loadUnit === each.loadUnit && isComparable(best(first), best(each)),
    );
    if (fitting === undefined) found.push([each]);
    else fitting.push(each);
  }
  return found;
}

const COMPARABLE = 8;
const isComparable = (left: number, right: number): boolean =>
  Math.max(left, right) <= COMPARABLE * Math.min(left, right);

const best = ({ steps }: Series): number => Math.max(...steps.map(({ figures }) => figures.throughputPerSecond));
