import type { BalancerName } from '../../policy/balance/balancer.ts';
import type { Row } from './comparison.ts';
import type { Result } from './measurements.ts';

/** Colours that stay apart for colour-blind readers (after Okabe and Ito 2008, two of them darker), and dashes for readers who see no colours. */
const styles: Readonly<Record<BalancerName, { readonly color: string; readonly dash: string }>> = {
  'expected-latency': { color: '#0072b2', dash: '' },
  prequal: { color: '#d55e00', dash: '7 3' },
  'peak-ewma': { color: '#009e73', dash: '2 3' },
  'random-two': { color: '#b3558f', dash: '9 3 2 3' },
  'least-in-flight': { color: '#b8860b', dash: '5 5' },
  'round-robin': { color: '#555555', dash: '1 4' },
};

interface Panel {
  readonly title: string;
  readonly ticks: readonly number[];
  readonly valueOf: (result: Result) => number;
}

const latencyTicks = [20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];
const panels: readonly Panel[] = [
  { title: 'p50 latency, ms', ticks: latencyTicks, valueOf: ({ p50Ms }) => p50Ms },
  { title: 'p99 latency, ms', ticks: latencyTicks, valueOf: ({ p99Ms }) => p99Ms },
  { title: 'p99.9 latency, ms', ticks: latencyTicks, valueOf: ({ p999Ms }) => p999Ms },
  {
    title: 'errors, % of requests',
    ticks: [0.001, 0.01, 0.1, 1, 10, 100],
    valueOf: ({ errorShare }) => errorShare * 100,
  },
];

const WIDTH = 1030;
const PANEL = { width: 330, height: 280, left: 130, top: 92, stepX: 510, stepY: 365 } as const;
const MARGIN = 20;
const LABEL_HEIGHT = 14;

/** A picture of a comparison: latency quantiles and errors over the load, on logarithmic scales. */
export function plot(title: string, rows: readonly Row[]): string {
  const height = PANEL.top + 2 * PANEL.stepY - 25;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="system-ui, sans-serif" font-size="12" fill="#222">`,
    `<title>${escape(title)}</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    `<text x="${MARGIN}" y="26" font-size="16" font-weight="600">${escape(title)}</text>`,
    ...legend(rows),
    ...panels.flatMap((panel, index) => drawPanel(panel, index, rows)),
    '</svg>\n',
  ].join('\n');
}

function legend(rows: readonly Row[]): string[] {
  return balancersOf(rows).map((name, index) => {
    const x = MARGIN + index * 168;
    return `${stroke(name, `M${x} 50h30`)}<text x="${x + 36}" y="54">${name}</text>`;
  });
}

function drawPanel(panel: Panel, index: number, rows: readonly Row[]): string[] {
  const scale = scaleOf(panel, rows);
  const left = PANEL.left + (index % 2) * PANEL.stepX;
  const top = PANEL.top + Math.floor(index / 2) * PANEL.stepY;
  return [
    `<g transform="translate(${left} ${top})">`,
    `<text y="-8" font-weight="600">${panel.title}</text>`,
    ...scale.ticks.map(
      (tick) =>
        `<path d="M0 ${scale.y(tick)}H${PANEL.width}" stroke="#ddd"/><text x="${PANEL.width + 6}" y="${scale.y(tick) + 4}">${scale.label(tick)}</text>`,
    ),
    ...loadsOf(rows).map(
      (load) =>
        `<path d="M${scale.x(load)} 0V${PANEL.height}" stroke="#eee"/><text x="${scale.x(load)}" y="${PANEL.height + 16}" text-anchor="middle">${Math.round(load * 100)}</text>`,
    ),
    `<text x="${PANEL.width / 2}" y="${PANEL.height + 34}" text-anchor="middle">load, % of capacity</text>`,
    ...lines(panel, rows, scale),
    '</g>',
  ];
}

interface Scale {
  readonly ticks: readonly number[];
  /** Values below the lowest tick are drawn on it. */
  readonly label: (tick: number) => string;
  readonly x: (load: number) => number;
  readonly y: (value: number) => number;
}

/** Ticks from the last below the lowest value to the first above the highest; what is beyond lies on the edge. */
function scaleOf({ ticks, valueOf }: Panel, rows: readonly Row[]): Scale {
  const all = rows.map(({ result }) => valueOf(result));
  const values = all.filter((value) => value > 0);
  const low = Math.max(
    0,
    ticks.findLastIndex((tick) => tick <= Math.min(...values)),
  );
  const high = Math.max(
    low + 1,
    ticks.findIndex((tick) => tick >= Math.max(...values)),
  );
  const shown = ticks.slice(low, high + 1);
  const [least = 1, most = 10] = [shown[0], shown.at(-1)];
  const loads = loadsOf(rows);
  const [first = 0, last = 1] = [loads[0], loads.at(-1)];
  return {
    ticks: shown,
    label: (tick) => (tick === least && Math.min(...all) < least ? `≤ ${tick}` : `${tick}`),
    x: (load) => round(last === first ? PANEL.width / 2 : ((load - first) / (last - first)) * PANEL.width),
    y: (value) => {
      const share = Math.log(Math.max(value, least) / least) / Math.log(most / least);
      return round(PANEL.height * (1 - Math.min(1, share)));
    },
  };
}

function lines(panel: Panel, rows: readonly Row[], scale: Scale): string[] {
  const drawn = balancersOf(rows).map((name) => {
    const points = rows
      .filter(({ balancer }) => balancer === name)
      .map(({ load, result }) => [scale.x(load), scale.y(panel.valueOf(result))] as const);
    return { name, points, startY: points[0]?.[1] ?? 0 };
  });
  const labels = spread(drawn);
  return drawn.flatMap(({ name, points, startY }) => {
    const { color } = styles[name];
    const labelY = labels.get(name) ?? startY;
    return [
      stroke(name, `M${points.map((point) => point.join(' ')).join('L')}`),
      ...points.map(([x, y]) => `<circle cx="${x}" cy="${y}" r="2.5" fill="${color}"/>`),
      `<path d="M-4 ${startY}L-14 ${labelY}" stroke="${color}" fill="none"/>`,
      `<text x="-18" y="${labelY + 4}" text-anchor="end" fill="${color}">${name}</text>`,
    ];
  });
}

/** Heights for the labels at the starts of the lines, where they are furthest apart: in the order of the lines, none upon another, all on the panel. */
function spread(drawn: readonly { readonly name: BalancerName; readonly startY: number }[]): Map<BalancerName, number> {
  const ordered = drawn.toSorted((left, right) => left.startY - right.startY);
  const heights: number[] = [];
  for (const [index, { startY }] of ordered.entries()) {
    heights.push(Math.max(startY, (heights[index - 1] ?? Number.NEGATIVE_INFINITY) + LABEL_HEIGHT));
  }
  const excess = Math.max(0, (heights.at(-1) ?? 0) - PANEL.height);
  for (let index = heights.length - 1, below = Number.POSITIVE_INFINITY; index >= 0; index--) {
    below = Math.min(
      excess > 0 ? PANEL.height - (heights.length - 1 - index) * LABEL_HEIGHT : below,
      heights[index] ?? 0,
    );
    heights[index] = below;
  }
  return new Map(ordered.map(({ name }, index) => [name, round(heights[index] ?? 0)]));
}

function stroke(name: BalancerName, path: string): string {
  const { color, dash } = styles[name];
  const width = name === 'expected-latency' ? 2.5 : 1.8;
  return `<path d="${path}" fill="none" stroke="${color}" stroke-width="${width}"${dash === '' ? '' : ` stroke-dasharray="${dash}"`}/>`;
}

const escape = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
const round = (value: number): number => Math.round(value * 10) / 10;
const balancersOf = (rows: readonly Row[]): BalancerName[] => [...new Set(rows.map(({ balancer }) => balancer))];
const loadsOf = (rows: readonly Row[]): number[] => [...new Set(rows.map(({ load }) => load))].sort((a, b) => a - b);
