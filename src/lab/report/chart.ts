import { type Axis, axisOf, tickLabel } from './axis.ts';
import {
  type Chart,
  type CurveLine,
  type ChartPoint,
  columnsOf,
  measuredPoints,
  type Panel,
  stackedLines,
} from './chart-model.ts';
import { columnText } from './chart-text.ts';
import { type Box, type LabelWish, placeLabels, type LineSegment, textWidth } from './label-placement.ts';
import { escapeText, shortened } from './harmless.ts';

/** The size of a picture, in its own units. */
export interface ChartSize {
  readonly width: number;
  /** Of the panels together. */
  readonly height: number;
  readonly fontSize: number;
  /** Most ticks across. */
  readonly ticks: number;
}

/** The large picture on a screen and on a phone, and a small one among others. */
export const chartSizes = {
  wide: { width: 1120, height: 460, fontSize: 13, ticks: 10 },
  phone: { width: 360, height: 400, fontSize: 12, ticks: 5 },
  small: { width: 380, height: 190, fontSize: 12, ticks: 5 },
} as const satisfies Record<string, ChartSize>;

/** With more points than this, a line gets no dots, because they would overlap. */
const MOST_DOTS = 40;
const MOST_COLUMNS = 120;
const MOST_LABEL = 34;
/** Latencies that are further apart than this share an axis only if it is logarithmic. */
const LOG_FROM = 30;
const LOOKS = 6;

interface Frame {
  readonly box: Box;
  readonly panel: Panel;
  readonly lines: readonly CurveLine[];
  readonly yAxis: Axis;
  readonly x: (value: number) => number;
  readonly y: (value: number) => number;
}

/** A chart as SVG: shapes with classes, whose colours the page sets, and a column with the values at each x. */
export function chartSvg(chart: Chart, size: ChartSize, className = ''): string {
  const { frames, xAxis, height } = framesOf(chart, size);
  const [first, last] = [frames[0], frames.at(-1)];
  if (first === undefined || last === undefined) return '';
  const bottom = last.box.y + last.box.height;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${round(height)}" class="plot ${className}" font-size="${size.fontSize}" role="img" aria-label="${escapeText(chart.title)}">`,
    ...frames.flatMap((frame) => [...panelSvg(frame, xAxis, size)]),
    ...xAxis.ticks.map(
      (tick) =>
        `<text class="tick" x="${first.x(tick)}" y="${round(bottom + size.fontSize + 5)}" text-anchor="middle">${escapeText(tickLabel(tick))}</text>`,
    ),
    `<text class="unit" x="${round(first.box.x + first.box.width)}" y="${round(bottom + 2 * size.fontSize + 12)}" text-anchor="end">${escapeText(scaled(chart.xLabel, xAxis))}</text>`,
    ...chart.marks.map(({ x }) => `<path class="mark" d="M${first.x(x)} ${first.box.y}V${round(bottom)}"/>`),
    ...frames.flatMap((frame) => linesSvg(frame, chart)),
    ...frames.flatMap((frame, index) => labelsSvg(frame, index === 0 ? chart.marks : [], size)),
    `<path class="rule" d="M0 ${first.box.y}V${round(bottom)}"/>`,
    ...hitsSvg(chart, first, bottom),
    '</svg>',
  ].join('\n');
}

const headingOf = ({ title, unit }: Panel): string => (unit === '' ? title : `${title}, ${unit}`);
const scaled = (title: string, { isLog }: Axis): string => `${title}${isLog ? ' (log scale)' : ''}`;

function framesOf(chart: Chart, size: ChartSize): { frames: Frame[]; xAxis: Axis; height: number } {
  const { panels, marks, isWhole = false } = chart;
  const drawn = panels.map((panel) => ({
    panel,
    lines: panel.isStacked === true ? stackedLines(panel.lines) : panel.lines,
  }));
  const xs = [
    ...drawn.flatMap(({ lines }) => lines.flatMap((line) => measuredPoints(line).map(({ x }) => x))),
    ...marks.map(({ x }) => x),
  ];
  const xAxis = axisOf(xs, { most: size.ticks, isFromZero: false, logFrom: 50, isWhole });
  const total = panels.reduce((sum, { weight = 1 }) => sum + weight, 0);
  const axes = drawn.map(({ panel, lines }) =>
    yAxisOf(panel, lines, Math.max(3, Math.round(((size.height / total) * (panel.weight ?? 1)) / 32))),
  );
  const widest = Math.max(
    ...axes.flatMap(({ ticks }) => ticks.map((tick) => textWidth(tickLabel(tick), size.fontSize))),
    0,
  );
  const left = Math.ceil(widest) + 14;
  const width = size.width - left - 14;
  const head = size.fontSize + 16;
  let top = 0;
  const frames = drawn.map(({ panel, lines }, index): Frame => {
    const yAxis = axes[index] as Axis;
    const box = { x: left, y: top + head, width, height: (size.height * (panel.weight ?? 1)) / total };
    top = box.y + box.height + 10;
    const x = (value: number): number => round(box.x + xAxis.at(value) * box.width);
    const y = (value: number): number => round(box.y + (1 - yAxis.at(value)) * box.height);
    return { box, panel, lines, yAxis, x, y };
  });
  return { frames, xAxis, height: top + 2 * size.fontSize + 10 };
}

function yAxisOf(
  { levels, isStacked = false, isZoomed = false }: Panel,
  lines: readonly CurveLine[],
  most: number,
): Axis {
  const values = lines.flatMap((line) => measuredPoints(line).map(({ y }) => y));
  const options = { most, isFromZero: !isZoomed, logFrom: isStacked ? Number.POSITIVE_INFINITY : LOG_FROM };
  return axisOf([...values, ...levels.map(({ y }) => y)], options);
}

function panelSvg({ box, panel, yAxis, x, y }: Frame, xAxis: Axis, { fontSize }: ChartSize): string[] {
  return [
    `<text class="heading" x="0" y="${round(box.y - 12)}">${escapeText(scaled(headingOf(panel), yAxis))}</text>`,
    ...yAxis.ticks.map(
      (tick) =>
        `<path class="grid" d="M${box.x} ${y(tick)}h${round(box.width)}"/><text class="tick" x="${box.x - 7}" y="${round(y(tick) + fontSize * 0.35)}" text-anchor="end">${escapeText(tickLabel(tick))}</text>`,
    ),
    ...xAxis.ticks.map((tick) => `<path class="grid faint" d="M${x(tick)} ${box.y}v${round(box.height)}"/>`),
    `<path class="base" d="M${box.x} ${round(box.y + box.height)}h${round(box.width)}"/>`,
    ...panel.levels.map((level) => `<path class="level" d="M${box.x} ${y(level.y)}h${round(box.width)}"/>`),
  ];
}

function linesSvg(frame: Frame, chart: Chart): string[] {
  const { lines, panel } = frame;
  const columns = columnsOf(chart, MOST_COLUMNS).map(({ x }) => x);
  const drawn = lines.map((line, index) => {
    const look = `s${(line.look ?? index) % LOOKS}`;
    const path = pathOf(line).map((point) => `${frame.x(point.x)} ${frame.y(point.y)}`);
    const joined = line.isScattered === true || path.length < 2 ? '' : `<path class="line" d="M${path.join('L')}"/>`;
    const area = panel.isStacked === true && path.length > 1 ? areaSvg(path, frame) : '';
    const dots =
      line.isScattered !== true && line.points.length > MOST_DOTS ? '' : dotsSvg(line, index, frame, columns);
    return `<g class="${look}">${area}${joined}${dots}</g>`;
  });
  // The uppermost area first, so that each covers what lies above it.
  return panel.isStacked === true ? drawn.toReversed() : drawn;
}

const pathOf = (line: CurveLine): readonly Pick<ChartPoint, 'x' | 'y'>[] => line.path ?? measuredPoints(line);

function areaSvg(path: readonly string[], { box }: Frame): string {
  const bottom = round(box.y + box.height);
  const [left, right] = [path[0]?.split(' ')[0], path.at(-1)?.split(' ')[0]];
  const outline = `d="M${left} ${bottom}L${path.join('L')}L${right} ${bottom}Z"`;
  return `<path class="cover" ${outline}/><path class="area" ${outline}/>`;
}

function dotsSvg(line: CurveLine, index: number, frame: Frame, columns: readonly number[]): string {
  return measuredPoints(line)
    .map((point) => {
      const [x, y] = [frame.x(point.x), frame.y(point.y)];
      // Groups of scattered dots are rings one around the other, because a point can belong to several.
      const base = line.isScattered === true ? 3.4 + 2.4 * index : 3.8;
      const r = round(point.isLong === true ? base + 1.8 : base);
      const at = `data-at="${columns.indexOf(point.x)}"`;
      if (point.state === 'missed')
        return `<path class="cross" ${at} d="M${x - r} ${y - r}l${2 * r} ${2 * r}M${x + r} ${y - r}l${-2 * r} ${2 * r}"/>`;
      const kind = point.state === 'invalid' ? 'ring unknown' : line.isScattered === true && index > 0 ? 'ring' : 'dot';
      return `<circle class="${kind}" ${at} cx="${x}" cy="${y}" r="${r}"/>`;
    })
    .join('');
}

/** The names of levels and marks, each where it stands in nobody's way. */
function labelsSvg({ box, panel, lines, x, y }: Frame, marks: Chart['marks'], { fontSize }: ChartSize): string[] {
  const spot = (point: Pick<ChartPoint, 'x' | 'y'>) => ({ x: x(point.x), y: y(point.y) });
  const segments = lines.flatMap((line): LineSegment[] => {
    const spots = line.isScattered === true ? [] : pathOf(line).map(spot);
    return spots.slice(1).map((end, index) => [spots[index] as Box, end]);
  });
  const uprights = marks.map((mark): LineSegment => [
    { x: x(mark.x), y: box.y },
    { x: x(mark.x), y: box.y + box.height },
  ]);
  const flats = panel.levels.map((level): LineSegment => [
    { x: box.x, y: y(level.y) },
    { x: box.x + box.width, y: y(level.y) },
  ]);
  const wishes = wishesOf({ box, panel, x, y }, marks, fontSize);
  const dots = lines.flatMap((line) => measuredPoints(line).map(spot));
  return placeLabels(wishes, { lines: [...segments, ...uprights, ...flats], dots, bounds: box }).map(
    (label) =>
      `<text class="label" x="${round(label.x + 3)}" y="${round(label.y + fontSize)}">${escapeText(label.text)}</text>`,
  );
}

/** A mark may have its name at any height on either side of it, a level at any place above or below it. */
function wishesOf(
  { box, panel, x, y }: Pick<Frame, 'box' | 'panel' | 'x' | 'y'>,
  marks: Chart['marks'],
  fontSize: number,
): LabelWish[] {
  const height = fontSize * 1.25;
  const wish = (name: string, spots: (width: number) => LabelWish['spots']): LabelWish => {
    const text = shortened(name, MOST_LABEL);
    const width = textWidth(text, fontSize) + 6;
    return { text, width, height, spots: spots(width) };
  };
  const shares = Array.from({ length: 11 }, (_, index) => index / 10);
  const besides = marks.map((mark) =>
    wish(mark.name, (width) =>
      shares
        .map((share) => box.y + 1 + share * (box.height - height - 2))
        .flatMap((top) => [x(mark.x) + 4, x(mark.x) - 4 - width].map((left) => ({ x: left, y: top }))),
    ),
  );
  const along = panel.levels.map((level) =>
    wish(level.name, (width) =>
      shares
        .map((share) => box.x + 2 + share * (box.width - width - 4))
        .flatMap((left) => [y(level.y) - height - 2, y(level.y) + 3].map((top) => ({ x: left, y: top }))),
    ),
  );
  return [...besides, ...along];
}

/** A column for each x, from the middle between it and its neighbours: what is under the pointer has these values. */
function hitsSvg(chart: Chart, { box, x }: Frame, bottom: number): string[] {
  const columns = columnsOf(chart, MOST_COLUMNS);
  const middles = columns.slice(1).map((column, index) => (x(column.x) + x(columns[index]?.x ?? 0)) / 2);
  const edges = [box.x, ...middles, box.x + box.width];
  return columns.map((column, index) => {
    const [left = 0, right = 0] = [edges[index], edges[index + 1]];
    const shape = `x="${round(left)}" y="${round(box.y)}" width="${round(Math.max(0, right - left))}" height="${round(bottom - box.y)}"`;
    return `<rect class="hit" ${shape} data-x="${x(column.x)}"><title>${escapeText(columnText(column, chart))}</title></rect>`;
  });
}

const round = (value: number): number => Math.round(value * 10) / 10;
