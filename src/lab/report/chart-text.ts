import { tickLabel } from './axis.ts';
import { type Chart, type ChartColumn, type ChartPoint, columnsOf, type PointState } from './chart-model.ts';
import type { Table } from './table.ts';

/** A figure with the digits that tell something: 1,234, 123, 12.3, 1.23, 0.012. */
export function figureText(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size >= 100 || size === 0) return Math.round(value).toLocaleString('en-US');
  if (size >= 10) return value.toFixed(1);
  if (size >= 1) return value.toFixed(2);
  return size < 0.001 ? '< 0.001' : String(Number(value.toPrecision(2)));
}

/** A number that was set, such as a load: 12, 62.5. */
export const amountText = (value: number): string =>
  tickLabel(Number.isInteger(value) ? value : Number(value.toPrecision(3)));

const stateWords: Readonly<Record<PointState, string>> = {
  kept: 'within the targets',
  missed: 'misses a target',
  invalid: 'not sound',
};

const remarkOf = ({ note, state }: ChartPoint): string =>
  note ?? (state === undefined || state === 'kept' ? '' : stateWords[state]);

const pointText = (point: ChartPoint, unit: string): string => {
  const remark = remarkOf(point);
  return `${figureText(point.y)} ${unit}${remark === '' ? '' : ` (${remark})`}`;
};

/** What hovering over an x shows: a line for each value. */
export function columnText({ x, values }: ChartColumn, { xLabel, panels }: Chart): string {
  const lines = values.map(({ panel, line, points }) => {
    const isOnly = panel.lines.length === 1;
    const name = isOnly ? panel.title : panels.length === 1 ? line.name : `${line.name}, ${panel.title}`;
    return `${name}: ${points.map(({ y }) => `${figureText(y)} ${panel.unit}`.trim()).join(', ')}`;
  });
  return [`${amountText(x)} ${xLabel}`, ...lines, ...remarksOf(values)].join('\n');
}

/** The remarks on the points of a line once, although they are the same in every panel. */
function remarksOf(values: ChartColumn['values']): string[] {
  const byLine = Map.groupBy(values, ({ line }) => line.name);
  return [...byLine].flatMap(([name, of]) => {
    const remarks = new Set(of.flatMap(({ points }) => points.map(remarkOf)).filter((remark) => remark !== ''));
    return [...remarks].map((remark) => (byLine.size === 1 ? remark : `${name}: ${remark}`));
  });
}

const MOST_ROWS = 60;

/** The table behind a chart, for readers without it. */
export function chartTable(chart: Chart): Table {
  const { panels, xLabel } = chart;
  const lines = panels.flatMap((panel) => panel.lines.map((line) => ({ panel, line })));
  const cells = columnsOf(chart, MOST_ROWS).map(({ x, values }) => [
    amountText(x),
    ...lines.map(({ panel, line }) => {
      const value = values.find((each) => each.panel === panel && each.line === line);
      return value === undefined ? '–' : value.points.map((point) => pointText(point, '').trim()).join('; ');
    }),
  ]);
  return {
    columns: [
      xLabel,
      ...lines.map(({ panel, line }) =>
        panel.lines.length === 1 ? `${panel.title}, ${panel.unit}` : `${line.name}: ${panel.title}, ${panel.unit}`,
      ),
    ],
    rows: cells,
  };
}
