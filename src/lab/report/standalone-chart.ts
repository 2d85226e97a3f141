import { chartSizes, chartSvg } from './chart.ts';
import type { Chart } from './chart-model.ts';
import { textWidth } from './label-placement.ts';
import { escapeText } from './harmless.ts';
import { chartStyle } from './report-style.ts';

const FONT_SIZE = 14;
const LINE = 26;
const MARGIN = 16;

/** A chart as a picture of its own, with its style and legend: light or dark as its reader has it. */
export function standaloneChart(chart: Chart): string {
  const plot = chartSvg(chart, chartSizes.wide);
  const [width, height] = (/viewBox="0 0 (\d+) ([\d.]+)"/.exec(plot) ?? []).slice(1).map(Number) as [number, number];
  const head = chart.panels[0]?.lines.length === 1 ? MARGIN : MARGIN + LINE;
  const [fullWidth, fullHeight] = [width + 2 * MARGIN, height + head + MARGIN];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${fullWidth} ${fullHeight}" font-family="Inter, system-ui, sans-serif" font-size="${FONT_SIZE}">`,
    `<title>${escapeText(chart.title)}</title><style>${chartStyle} text { fill: var(--quiet); }</style>`,
    `<rect width="${fullWidth}" height="${fullHeight}" fill="var(--page)"/>`,
    ...(head === MARGIN ? [] : names(chart)),
    plot.replace('<svg ', `<svg x="${MARGIN}" y="${head}" width="${width}" height="${height}" `),
    '</svg>',
  ].join('\n');
}

/** The names of the lines in a row. */
function names({ panels }: Chart): string[] {
  let left = MARGIN;
  return (panels[0]?.lines ?? []).map(({ name, isScattered, look }, index) => {
    const at = left;
    left += 64 + textWidth(name, FONT_SIZE);
    const y = MARGIN + FONT_SIZE / 2;
    const sample =
      isScattered === true
        ? `<circle class="${index === 0 ? 'dot' : 'ring'}" cx="${at + 16}" cy="${y}" r="${3.4 + 2.4 * index}"/>`
        : `<path class="line" d="M${at} ${y}h32"/>`;
    return `<g class="s${look ?? index}">${sample}</g><text x="${at + 40}" y="${y + 5}">${escapeText(name)}</text>`;
  });
}
