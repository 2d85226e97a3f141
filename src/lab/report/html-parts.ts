import { createHash } from 'node:crypto';
import { type ChartSize, chartSizes, chartSvg } from './chart.ts';
import type { Chart, CurveLine } from './chart-model.ts';
import { chartTable } from './chart-text.ts';
import type { KeyFigure } from './key-figures.ts';
import { escapeText } from './harmless.ts';
import { reportScript } from './report-script.ts';
import { reportStyle } from './report-style.ts';
import type { Table } from './table.ts';

const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** The content security policy: the page loads nothing and runs only its own script and style, whatever names it shows. */
const policy = `default-src 'none'; style-src ${hashOf(reportStyle)}; script-src ${hashOf(reportScript)}; base-uri 'none'; form-action 'none'`;

/** A page as one file that needs no other. */
export const page = (title: string, body: string): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>${escapeText(title)}</title><style>${reportStyle}</style></head><body>
${body}
<script>${reportScript}</script></body></html>
`;

/** A large chart, with its legend above and its values as a table below. */
export const largeChart = (chart: Chart): string =>
  figure(chart, [
    [chartSizes.wide, 'wide'],
    [chartSizes.phone, 'phone'],
  ]);

/** One of several charts in a row, whose shapes mean what those of the large one mean. */
export const smallChart = (chart: Chart, caption: string): string =>
  figure(chart, [[chartSizes.small, 'small']], `<figcaption><bdi>${escapeText(caption)}</bdi></figcaption>`);

function figure(chart: Chart, sizes: readonly (readonly [ChartSize, string])[], caption = ''): string {
  return `<figure class="chart">${caption === '' ? legend(chart) : caption}
${sizes.map(([size, name]) => chartSvg(chart, size, name)).join('\n')}
<div class="tip" role="status" hidden></div>
${folded('The values as a table', dataTable(chartTable(chart), `Values of ${chart.title}`))}</figure>`;
}

/** The names of lines, once for all panels with the same ones, and what the shapes of the dots mean. */
function legend({ panels }: Chart): string {
  const groups = Map.groupBy(
    panels.filter(({ lines }) => lines.length > 1),
    ({ lines }) => lines.map(({ name }) => name).join('\n'),
  );
  const named = [...groups.values()].map(([panel]) => {
    const items = (panel?.lines ?? []).map(
      (line, index) => `<li>${sample(line, index)}<span>${escapeText(line.name)}</span></li>`,
    );
    return groups.size < 2 ? items : [`<li class="of">${escapeText(panel?.title ?? '')}:</li>`, ...items];
  });
  const states = new Set(
    panels.flatMap(({ lines }) => lines.flatMap(({ points }) => points.map(({ state }) => state))),
  );
  const shapes = [
    ...(states.has('missed') && states.has('kept')
      ? [shape('<circle class="dot" cx="8" cy="7" r="3.4"/>', 'within the targets')]
      : []),
    ...(states.has('missed') ? [shape('<path class="cross" d="M4 3l8 8M12 3l-8 8"/>', 'misses a target')] : []),
    ...(states.has('invalid')
      ? [shape('<circle class="ring unknown" cx="8" cy="7" r="3.6"/>', 'not sound: says nothing')]
      : []),
  ];
  return [...named, shapes]
    .filter((items) => items.length > 0)
    .map((items) => `<ul class="legend">${items.join('')}</ul>`)
    .join('');
}

const shape = (drawn: string, words: string): string =>
  `<li><svg width="16" height="14" aria-hidden="true" class="s5">${drawn}</svg><span>${words}</span></li>`;

function sample({ isScattered, look }: CurveLine, index: number): string {
  const drawn =
    isScattered === true
      ? `<circle class="${index === 0 ? 'dot' : 'ring'}" cx="15" cy="11" r="${Math.min(10, 3.4 + 2.4 * index)}"/>`
      : '<path class="line" d="M1 11h28"/>';
  return `<svg width="30" height="22" aria-hidden="true"><g class="s${(look ?? index) % 6}">${drawn}</g></svg>`;
}

export const folded = (title: string, content: string, { note = '', isOpen = false } = {}): string =>
  `<details${isOpen ? ' open' : ''}><summary>${escapeText(title)}${note === '' ? '' : ` <span>${escapeText(note)}</span>`}</summary>${content}</details>`;

/** A table of figures; where it is wider than the page, it scrolls by itself, also with the keyboard. */
export function dataTable({ columns, rows }: Table, label: string): string {
  const head = columns
    .map((column) => (column === '' ? '<td></td>' : `<th scope="col">${escapeText(column)}</th>`))
    .join('');
  const body = rows.map((row) => `<tr>${row.map((cell) => `<td>${escapeText(cell)}</td>`).join('')}</tr>`).join('\n');
  return `<div class="table" role="region" tabindex="0" aria-label="${escapeText(label)}"><table class="numbers"><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table></div>`;
}

/** Longer than this, a value is words and not a figure. */
const LONGEST_FIGURE = 22;

/** The figures that matter, each with what was promised of it. */
export const figureList = (figures: readonly KeyFigure[]): string =>
  figures.length === 0 ? '' : `<dl class="figures">${figures.map(figureOf).join('')}</dl>`;

function figureOf({ label, value, promise, isKept }: KeyFigure): string {
  const look = isKept === undefined ? '' : isKept ? 'kept' : 'missed';
  const word = isKept === undefined ? '' : isKept ? '<b>✔ kept:</b> ' : '<b>✖ missed:</b> ';
  const promised = promise === undefined ? '' : `<dd class="promise">${word}${escapeText(promise)}</dd>`;
  return `<div class="${look}"><dt>${escapeText(label)}</dt><dd class="value${value.length > LONGEST_FIGURE ? ' words' : ''}">${escapeText(value)}</dd>${promised}</div>`;
}

/** Names with their values. */
export function headTable(rows: readonly (readonly [name: string, value: string])[]): string {
  const body = rows.map(
    ([name, value]) => `<tr><th scope="row">${escapeText(name)}</th><td>${escapeText(value)}</td></tr>`,
  );
  return `<table class="head"><tbody>${body.join('\n')}</tbody></table>`;
}
