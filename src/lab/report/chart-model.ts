/** Whether a load kept its targets, missed them, or says nothing because it was not measured soundly. */
export type PointState = 'kept' | 'missed' | 'invalid';

export interface ChartPoint {
  readonly x: number;
  readonly y: number;
  readonly state?: PointState | undefined;
  /** More about it, beside its value. */
  readonly note?: string | undefined;
  /** Held for longer than the others, so that it counts for more. */
  readonly isLong?: boolean | undefined;
}

export interface CurveLine {
  readonly name: string;
  readonly points: readonly ChartPoint[];
  /** The joined line, where it does not go from point to point. */
  readonly path?: readonly Pick<ChartPoint, 'x' | 'y'>[];
  /** Dots alone. */
  readonly isScattered?: boolean | undefined;
  /** The number of its colour and dashes, where it is not its place among the lines. */
  readonly look?: number;
}

/** One of the pictures that stand one above the other over the same x. */
export interface Panel {
  readonly title: string;
  readonly unit: string;
  readonly lines: readonly CurveLine[];
  /** Horizontal lines to compare with. */
  readonly levels: readonly { readonly name: string; readonly y: number }[];
  /** Areas one on the other; all lines have the same xs. */
  readonly isStacked?: boolean;
  /** Not from zero: for values that differ little. */
  readonly isZoomed?: boolean;
  /** Its share of the height, 1 if it is not named. */
  readonly weight?: number;
}

export interface Chart {
  readonly title: string;
  readonly xLabel: string;
  /** Its x are numbers of things. */
  readonly isWhole?: boolean;
  readonly panels: readonly Panel[];
  /** Vertical lines through all panels. */
  readonly marks: readonly { readonly name: string; readonly x: number }[];
}

/** All values at one x, as hovering and the table behind the chart show them. */
export interface ChartColumn {
  readonly x: number;
  readonly values: readonly ColumnValue[];
}

interface ColumnValue {
  readonly panel: Panel;
  readonly line: CurveLine;
  readonly points: readonly ChartPoint[];
}

/** The columns of a chart from left to right, evenly thinned out to `most`. */
export function columnsOf({ panels }: Pick<Chart, 'panels'>, most: number): ChartColumn[] {
  const lines = panels.flatMap((panel) =>
    panel.lines.map((line) => ({ panel, line, byX: Map.groupBy(measuredPoints(line), at) })),
  );
  const xs = [...new Set(lines.flatMap(({ byX }) => [...byX.keys()]))].sort((left, right) => left - right);
  const every = Math.max(1, Math.ceil(xs.length / most));
  return xs
    .filter((_, index) => (index + 1) % every === 0)
    .map((x) => ({
      x,
      values: lines.flatMap(({ panel, line, byX }) => {
        const points = byX.get(x) ?? [];
        return points.length === 0 ? [] : [{ panel, line, points }];
      }),
    }));
}

const at = ({ x }: ChartPoint): number => x;

/** The points that were measured, in order of x: a search tries its loads in another order. */
export const measuredPoints = ({ points }: Pick<CurveLine, 'points'>): ChartPoint[] =>
  points.filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y)).toSorted((left, right) => left.x - right.x);

/** Lines one on top of the other. */
export function stackedLines(lines: readonly CurveLine[]): CurveLine[] {
  const below = new Map<number, number>();
  return lines.map((line) => ({
    ...line,
    points: line.points.map((point) => {
      const y = (below.get(point.x) ?? 0) + (Number.isFinite(point.y) ? point.y : 0);
      below.set(point.x, y);
      return { ...point, y };
    }),
  }));
}

/** Points whose x are within 2 % are one vertex, in their middle: a load that was tried again is no turn of the curve. */
export function mergedPath(points: readonly ChartPoint[]): Pick<ChartPoint, 'x' | 'y'>[] {
  const groups: ChartPoint[][] = [];
  for (const point of points) {
    const group = groups.at(-1);
    const first = group?.[0];
    if (group !== undefined && first !== undefined && point.x <= first.x * SAME) group.push(point);
    else groups.push([point]);
  }
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  return groups.map((group) => ({ x: mean(group.map(at)), y: mean(group.map(({ y }) => y)) }));
}

const SAME = 1.02;
