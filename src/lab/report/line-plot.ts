/** A curve: points in order of x; those whose y is not finite are left out. */
export interface PlotLine {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Dots alone, with no line to join them. */
  readonly isScattered?: boolean;
}

export interface PlotOptions {
  readonly title: string;
  readonly xLabel: string;
  readonly lines: readonly PlotLine[];
  /** Horizontal lines to compare with. */
  readonly marks: readonly { readonly name: string; readonly y: number }[];
  /** Points of a curve that have a name. */
  readonly flags?: readonly { readonly name: string; readonly x: number; readonly y: number }[];
  /** Areas one on the other in place of curves; all have the same xs. */
  readonly stacked?: boolean;
}

/** Colours that stay apart for colour-blind readers (Okabe and Ito 2008), and dashes for readers who see no colours. */
const styles = [
  { color: '#0072b2', dash: '' },
  { color: '#d55e00', dash: '7 3' },
  { color: '#009e73', dash: '2 3' },
  { color: '#b3558f', dash: '9 3 2 3' },
] as const;

const WIDTH = 480;
const HEIGHT = 330;
const BOX = { left: 52, top: 58, width: 404, height: 218 } as const;
const TICKS = 5;
/** With more points than this, a line gets no dots, because they would overlap. */
const MOST_DOTS = 60;

/** A plot as SVG: straight lines between what was measured, from zero, so that heights compare. */
export function linePlot({ title, xLabel, lines: curves, marks, flags = [], stacked = false }: PlotOptions): string {
  const lines = stacked ? onTopOfEachOther(curves) : curves;
  const xs = lines.flatMap(({ points }) => points.map(([x]) => x));
  const ys = [...lines.flatMap(({ points }) => points.map(([, y]) => y)), ...marks.map(({ y }) => y)];
  const xTicks = ticks(Math.max(1, ...xs));
  const most = Math.max(0, ...ys.filter(Number.isFinite));
  // If no value is above zero, an axis up to a billionth would look like a measurement.
  const yTicks = ticks(most > 0 ? most * 1.05 : 1);
  const x = (value: number): number => round(BOX.left + (value / (xTicks.at(-1) as number)) * BOX.width);
  const y = (value: number): number => round(BOX.top + BOX.height * (1 - value / (yTicks.at(-1) as number)));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" font-family="system-ui, sans-serif" font-size="12" fill="#222">`,
    `<title>${escapeText(title)}</title><rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    `<text x="${BOX.left}" y="20" font-size="14" font-weight="600">${escapeText(title)}</text>`,
    ...legend(lines),
    ...yTicks.map(
      (tick) =>
        `<path d="M${BOX.left} ${y(tick)}h${BOX.width}" stroke="#e4e4e4"/><text x="${BOX.left - 6}" y="${y(tick) + 4}" text-anchor="end">${label(tick)}</text>`,
    ),
    ...xTicks.map(
      (tick) =>
        `<path d="M${x(tick)} ${BOX.top}v${BOX.height}" stroke="#f0f0f0"/><text x="${x(tick)}" y="${BOX.top + BOX.height + 17}" text-anchor="middle">${label(tick)}</text>`,
    ),
    `<text x="${BOX.left + BOX.width / 2}" y="${HEIGHT - 14}" text-anchor="middle">${escapeText(xLabel)}</text>`,
    ...marks.map(
      (mark) =>
        `<path d="M${BOX.left} ${y(mark.y)}h${BOX.width}" stroke="#777" stroke-dasharray="4 4"/><text x="${BOX.left + 6}" y="${y(mark.y) - 5}" fill="#555" font-size="11">${escapeText(mark.name)}</text>`,
    ),
    ...(stacked ? areas(lines, x, y) : []),
    ...lines.map((line, index) => curve(line, index, x, y)),
    ...flags.map(
      (flag) =>
        `<circle cx="${x(flag.x)}" cy="${y(flag.y)}" r="6" fill="none" stroke="#222" stroke-width="1.6"/><text x="${x(flag.x) - 9}" y="${y(flag.y) - 9}" text-anchor="end" font-weight="600">${escapeText(flag.name)}</text>`,
    ),
    '</svg>',
  ].join('\n');
}

function onTopOfEachOther(lines: readonly PlotLine[]): PlotLine[] {
  const below = new Map<number, number>();
  return lines.map(({ name, points }) => ({
    name,
    points: points.map(([x, y]) => {
      const top = (below.get(x) ?? 0) + (Number.isFinite(y) ? y : 0);
      below.set(x, top);
      return [x, top] as const;
    }),
  }));
}

/** The uppermost first, so that each covers what lies above it. */
function areas(lines: readonly PlotLine[], x: (value: number) => number, y: (value: number) => number): string[] {
  return lines
    .map(({ points }, index) => {
      const corners = points.map((point) => `${x(point[0])} ${y(point[1])}`);
      const [first, last] = [points[0]?.[0] ?? 0, points.at(-1)?.[0] ?? 0];
      const outline = `d="M${x(first)} ${y(0)}L${corners.join('L')}L${x(last)} ${y(0)}Z"`;
      // On white, so that what it covers does not shine through.
      return `<path ${outline} fill="#fff"/><path ${outline} fill="${styleOf(index).color}" fill-opacity="0.25"/>`;
    })
    .toReversed();
}

function legend(lines: readonly PlotLine[]): string[] {
  let left = BOX.left;
  return lines.map(({ name, isScattered = false }, index) => {
    const at = left;
    left += 48 + name.length * 6.4;
    const sign = isScattered ? dot(at + 20, 40, index) : `<path d="M${round(at)} 40h26" ${stroke(index)}/>`;
    return `${sign}<text x="${round(at + 32)}" y="44">${escapeText(name)}</text>`;
  });
}

function curve(line: PlotLine, index: number, x: (value: number) => number, y: (value: number) => number): string {
  const points = line.points.filter((point) => point.every(Number.isFinite)).map((point) => [x(point[0]), y(point[1])]);
  if (line.isScattered === true) return points.map(([cx = 0, cy = 0]) => dot(cx, cy, index)).join('');
  const dotted = points.length > MOST_DOTS ? [] : points;
  const dots = dotted.map(([cx, cy]) => `<circle cx="${cx}" cy="${cy}" r="2.6" fill="${styleOf(index).color}"/>`);
  return `<path d="M${points.map((point) => point.join(' ')).join('L')}" ${stroke(index)}/>${dots.join('')}`;
}

/** The marks of later groups are rings around those of earlier groups, because a point can belong to several. */
const dot = (cx: number, cy: number, index: number): string =>
  `<circle cx="${round(cx)}" cy="${round(cy)}" r="${round(2.6 + 2.2 * index)}" fill="${index === 0 ? styleOf(index).color : 'none'}" stroke="${styleOf(index).color}" stroke-width="1.5"/>`;

const styleOf = (index: number): (typeof styles)[number] => styles[index % styles.length] as (typeof styles)[number];

function stroke(index: number): string {
  const { color, dash } = styleOf(index);
  return `fill="none" stroke="${color}" stroke-width="2.2"${dash === '' ? '' : ` stroke-dasharray="${dash}"`}`;
}

/** Round steps of 1, 2 or 5 times a power of ten, from 0 to the first at or above the largest value. */
function ticks(most: number): number[] {
  const power = 10 ** Math.floor(Math.log10(most / TICKS));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => most / each <= TICKS + 1) ?? 10 * power;
  return Array.from({ length: Math.ceil(most / step - 1e-9) + 1 }, (_, index) => index * step);
}

const label = (tick: number): string => String(Number(tick.toPrecision(6)));
const round = (value: number): number => Math.round(value * 10) / 10;

export const escapeText = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
