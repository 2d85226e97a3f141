import type { Chart, CurveLine, Panel } from './chart-model.ts';
import { loadCharts } from './load-charts.ts';
import { mainCharts } from './main-charts.ts';
import type { RunRecord } from './run-record.ts';

/** The curves of two runs, one over the other: a chart for each curve that both have. */
export interface Overlay {
  readonly name: string;
  readonly chart: Chart;
}

export function overlaysOf(a: RunRecord, b: RunRecord): Overlay[] {
  const [left, right] = [curvesOf(a), curvesOf(b)];
  const common = [...left.keys()].filter((key) => right.has(key));
  const [onlyLeft, onlyRight] = [[...left.values()][0], [...right.values()][0]];
  // Two runs of one curve each are compared whatever they call it, if its axes are the same.
  if (common.length === 0 && left.size === 1 && right.size === 1 && onlyLeft !== undefined && onlyRight !== undefined) {
    return onlyLeft.xLabel === onlyRight.xLabel ? [{ name: '', chart: overlaid(onlyLeft, onlyRight) }] : [];
  }
  return common.map((name) => ({ name, chart: overlaid(left.get(name) as Chart, right.get(name) as Chart) }));
}

/** By series where the loads of each are a curve of their own, otherwise by title. */
function curvesOf(run: RunRecord): Map<string, Chart> {
  const charts = mainCharts(run);
  const isOverLoad = run.timelines === undefined && run.tuning === undefined && charts[0]?.isWhole !== true;
  if (run.series.length === 0 || !isOverLoad) return new Map(charts.map((chart) => [chart.title, chart]));
  return new Map(
    run.series.flatMap((series) =>
      loadCharts({ ...run, series: [series] }).map((chart) => [series.name, chart] as const),
    ),
  );
}

function overlaid(a: Chart, b: Chart): Chart {
  const titles = [...new Set([...a.panels, ...b.panels].map(({ title }) => title))];
  return {
    ...a,
    title: `${a.title}: A and B`,
    panels: titles.map((title) => overlaidPanel(panelOf(a, title), panelOf(b, title))),
    marks: common(a.marks, b.marks, ({ name, x }) => `${name} ${x}`),
  };
}

const panelOf = ({ panels }: Chart, title: string): Panel | undefined => panels.find((panel) => panel.title === title);

function overlaidPanel(a: Panel | undefined, b: Panel | undefined): Panel {
  const lines = [...named(a, 'A'), ...named(b, 'B')];
  return {
    ...((a ?? b) as Panel),
    lines,
    levels: common(a?.levels ?? [], b?.levels ?? [], ({ name, y }) => `${name} ${y}`),
  };
}

function named(panel: Panel | undefined, run: 'A' | 'B'): CurveLine[] {
  const lines = panel?.lines ?? [];
  return lines.map((line, index) => ({
    ...line,
    name: lines.length === 1 ? run : `${run}: ${line.name}`,
    look: lines.length === 1 ? Number(run === 'B') : 2 * index + Number(run === 'B'),
  }));
}

/** Marks that both have once, and the others with the name of their run. */
function common<Named extends { readonly name: string }>(
  a: readonly Named[],
  b: readonly Named[],
  keyOf: (each: Named) => string,
): Named[] {
  const [ofA, ofB] = [new Set(a.map(keyOf)), new Set(b.map(keyOf))];
  return [
    ...a.map((each) => (ofB.has(keyOf(each)) ? each : { ...each, name: `${each.name}, A` })),
    ...b.filter((each) => !ofA.has(keyOf(each))).map((each) => ({ ...each, name: `${each.name}, B` })),
  ];
}
