/** The part of uPlot that the console uses; its file is a classic script that makes a global of this name. */
export interface Plot {
  readonly ctx: CanvasRenderingContext2D;
  readonly bbox: { readonly left: number; readonly top: number; readonly width: number; readonly height: number };
  setData(data: ChartData): void;
  setSize(size: { width: number; height: number }): void;
  valToPos(value: number, scale: string, isCanvas: boolean): number;
  setLegend(at: { idx: number | null }, isTold: boolean): void;
  readonly cursor: { readonly idx?: number | null };
  readonly data: ChartData;
  destroy(): void;
}

/** Seconds since the epoch, then the values of each line. */
export type ChartData = readonly (readonly (number | null)[])[];

declare const uPlot: new (options: object, data: ChartData, target: HTMLElement) => Plot;

export interface ChartLine {
  readonly label: string;
  /** A custom property of the style sheet. */
  readonly colour: string;
  readonly dash?: readonly number[];
  readonly isFilled?: boolean;
  readonly width?: number;
}

export interface ChartOptions {
  readonly lines: readonly ChartLine[];
  readonly textOf: (value: number | null | undefined) => string;
  /** The least that the axis shows, so that noise around nothing does not fill it. */
  readonly atLeast: number;
  readonly hasTimes: boolean;
  readonly size: { readonly width: number; readonly height: number };
  /** Times of the marks through all charts, in seconds. */
  readonly marks: () => readonly number[];
  readonly timeOf: (seconds: number) => string;
}

/** Room for the numbers of the axis; the same in all charts, so that their times stand below each other. */
export const AXIS_WIDTH = 64;
export const RIGHT_WIDTH = 8;

/** The colour of a custom property as it is now, light or dark, because a canvas knows no properties. */
export function colourOf(property: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(${property})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

export function makePlot(target: HTMLElement, data: ChartData, options: ChartOptions): Plot {
  const { lines, textOf, atLeast, hasTimes, size, marks, timeOf } = options;
  const ink = colourOf('--quiet');
  const mark = colourOf('--mark');
  const grid = { stroke: colourOf('--hairline'), width: 1 };
  const font = '12px Inter, system-ui, sans-serif';
  const axis = { stroke: ink, grid, ticks: { show: false }, font };
  const settings = {
    ...size,
    padding: [10, RIGHT_WIDTH, 0, 0],
    cursor: { sync: { key: 'rampart' }, points: { size: 6 }, drag: { x: false, y: false } },
    legend: {
      live: true,
      markers: { width: 2, dash: (_plot: Plot, index: number) => styleOf(lines[index - 1]?.dash) },
    },
    scales: {
      x: { time: true },
      y: { range: (_plot: Plot, _least: number, most: number) => [0, Math.max(atLeast, most * 1.08)] },
    },
    axes: [
      {
        ...axis,
        size: hasTimes ? 28 : 8,
        grid: { show: false },
        space: 90,
        values: (_plot: Plot, splits: number[]) => splits.map((split) => (hasTimes ? timeOf(split) : '')),
      },
      {
        ...axis,
        size: AXIS_WIDTH,
        space: 34,
        values: (_plot: Plot, splits: number[]) => splits.map((split) => textOf(split)),
      },
    ],
    series: [
      { label: 'Time', value: (_plot: Plot, seconds: number | null) => (seconds === null ? '' : timeOf(seconds)) },
      ...lines.map(({ label, colour, dash, isFilled, width }) => ({
        label,
        stroke: colourOf(colour),
        width: width ?? 1.5,
        ...(dash !== undefined && { dash }),
        ...(isFilled === true && { fill: colourOf(`${colour}-fill`) }),
        points: { show: false },
        value: (_plot: Plot, value: number | null) => textOf(value),
      })),
    ],
    hooks: { draw: [(plot: Plot) => drawMarks(plot, marks(), mark)], setCursor: [showLatest], setData: [showLatest] },
  };
  return new uPlot(settings, data, target);
}

/** Without a pointer, the legend has the last values. */
function showLatest(plot: Plot): void {
  const length = plot.data[0]?.length ?? 0;
  if (typeof plot.cursor.idx !== 'number' && length > 0) plot.setLegend({ idx: length - 1 }, false);
}

/** The style of a border that looks like the line. */
const styleOf = (dash: readonly number[] | undefined): string =>
  dash === undefined ? 'solid' : (dash[0] ?? 0) > 3 ? 'dashed' : 'dotted';

/** Lines from top to bottom, with a triangle at the top: a form that no series has. */
function drawMarks(plot: Plot, marks: readonly number[], colour: string): void {
  const { ctx, bbox } = plot;
  const scale = devicePixelRatio;
  const right = bbox.left + bbox.width;
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.fillStyle = colour;
  ctx.lineWidth = scale;
  ctx.setLineDash([2 * scale, 3 * scale]);
  for (const mark of marks) {
    const x = Math.round(plot.valToPos(mark, 'x', true));
    if (x < bbox.left || x > right) continue;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.beginPath();
    ctx.moveTo(x - 4 * scale, bbox.top - 6 * scale);
    ctx.lineTo(x + 4 * scale, bbox.top - 6 * scale);
    ctx.lineTo(x, bbox.top);
    ctx.fill();
  }
  ctx.restore();
}
