import type { LiveView } from '../../protocol/live-view.ts';
import type { Pen } from './style.ts';
import { type TopRow, type TopTable, tableOf, tableNames } from './tables.ts';
import { age, clipped, figure, shownMs, padEnd, padStart, percentage, widthOf } from './text.ts';
import { printableIn } from './text.ts';
import { lineText } from '../terminal-text.ts';
import { type TopState, visibleRows } from './top-state.ts';

export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

/** What is shown: the last view, how the last minute was, and when control answered last. */
export interface TopData {
  readonly view: LiveView | undefined;
  readonly ratesPerSecond: readonly (number | null)[];
  readonly latenciesMs: readonly (number | null)[];
  /** Since the view came. */
  readonly silentMs: number;
  /** Why there is no view. */
  readonly problem: string | undefined;
}

const NO_NEWS_MS = 3000;
const help = [
  'q       quit                    p      pause and go on',
  'Tab     next table              s, S   sort by the next, the previous column',
  '/       filter by name          r      reverse the order',
  'arrows  choose a row            b      only what is not well',
  'Enter   details of the row      Esc    back',
];

/** The whole screen, exactly as many lines as it has rows, none wider than its columns. */
export function screenOf(given: TopData, state: TopState, size: ScreenSize, pen: Pen): string[] {
  const data = printableIn(given);
  const head = headLines(data, state, size, pen);
  const lines = [...head, ...bodyLines(data, state, { ...size, rows: size.rows - head.length - 1 }, pen)];
  const shown = lines.slice(0, size.rows - 1).map((line) => clipped(line, size.columns, pen.ellipsis));
  while (shown.length < size.rows - 1) shown.push('');
  return [...shown, clipped(footLine(state, pen), size.columns, pen.ellipsis)];
}

/** On two lines at most, broken between words; what is left is cut off where it is shown. */
function wrapped(text: string, columns: number): string[] {
  if (widthOf(text) <= columns) return [text];
  const indent = /^ */.exec(text)?.[0] ?? '';
  const words = text.slice(indent.length).split(' ');
  let line = indent;
  while (words.length > 0 && widthOf(`${line} ${words[0] ?? ''}`) < columns)
    line += `${line === indent ? '' : ' '}${words.shift() ?? ''}`;
  return line.trim() === '' ? [text] : [line, `    ${words.join(' ')}`];
}

/** The state in words, the numbers, and what limits the host. */
function headLines(
  { view, silentMs, problem, ...history }: TopData,
  state: TopState,
  size: ScreenSize,
  pen: Pen,
): string[] {
  const isSilent = view === undefined || (silentMs >= NO_NEWS_MS && !state.isPaused);
  if (view === undefined) {
    return [
      `${pen.state('no-news')}${pen.dot}${problem ?? 'waiting for control'}`,
      `  next: look whether Rampart runs (rampart status), and into the log of control`,
    ];
  }
  const { verdict, numbers } = view;
  const first = isSilent
    ? `${pen.state('no-news')} for ${age(silentMs)}${pen.dot}control does not answer; what follows is old`
    : `${pen.state(verdict.state)} for ${age(view.atMs - verdict.sinceMs)}${pen.dot}${verdict.cause}`;
  const second =
    verdict.causeId === 'none'
      ? `  Rampart ${view.version}${pen.dot}configuration ${view.config.version}${pen.dot}up ${age(view.atMs - view.startedAtMs)}`
      : `  next: ${verdict.next}`;
  const refused = Object.entries(numbers.refusedBy).map(([reason, rate]) => `${reason} ${figure(rate)}`);
  const others =
    verdict.others.length === 0 ? '' : `  and ${verdict.others.length} more: ${verdict.others[0]?.cause ?? ''}`;
  const cells = Math.max(10, Math.min(60, size.columns - 40));
  return [
    ...wrapped(first, size.columns),
    ...wrapped(second, size.columns),
    others,
    `  ${pen.paint(padEnd(`${figure(numbers.requestsPerSecond)} req/s`, 16), 'bold')}${pen.sparkline(history.ratesPerSecond.slice(-cells))}`,
    `  ${pen.paint(padEnd(`p95 ${shownMs(numbers.p95Ms)}`, 16), 'bold')}${pen.sparkline(history.latenciesMs.slice(-cells))}`,
    `  p50 ${shownMs(numbers.p50Ms)}   p99 ${shownMs(numbers.p99Ms)}   errors ${percentage(numbers.errorShare)}   refused ${figure(numbers.refusedPerSecond)}/s${refused.length === 0 ? '' : ` (${refused.join(', ')})`}`,
    `  ${chainLine(view, pen)}`,
    '',
  ];
}

function chainLine({ chain }: LiveView, pen: Pen): string {
  return chain
    .filter(({ name }) => name !== 'clients')
    .map(({ name, use, text }) => {
      const isFull = use !== null && use >= 0.9 && name !== 'backends';
      const figures = name === 'database' ? text : (/^\d+(?: %| of \d+)?/.exec(text)?.[0].replace(' of ', '/') ?? text);
      return pen.paint(`${name} ${figures}`, isFull ? 'magenta' : undefined);
    })
    .join(pen.dot);
}

function bodyLines({ view }: TopData, state: TopState, size: ScreenSize, pen: Pen): string[] {
  if (state.isHelp) return ['  Keys', '', ...help.map((line) => `  ${line}`)];
  if (view === undefined) return [];
  const table = tableOf(state.table, view, pen);
  const rows = visibleRows(table, state);
  const chosen = rows[Math.min(state.selected, rows.length - 1)];
  if (state.isDetail && chosen !== undefined) return detailLines(chosen, pen);
  return tableLines(table, rows, state, size, pen);
}

const detailLines = ({ name, detail }: TopRow, pen: Pen): string[] => [
  `  ${pen.paint(name, 'bold')}`,
  '',
  ...detail.map(([label, value]) => `  ${padEnd(label, 26)}${value}`),
];

function tableLines(table: TopTable, rows: readonly TopRow[], state: TopState, size: ScreenSize, pen: Pen): string[] {
  const columns = table.columns
    .map((column, index) => ({ ...column, index }))
    .filter(({ from = 0 }) => size.columns >= from);
  const widths = columns.map(({ title, index }) =>
    Math.max(title.length + 2, ...rows.map(({ cells }) => widthOf(cells[index] ?? ''))),
  );
  const spare = size.columns - 2 - widths.slice(1).reduce((sum, width) => sum + width + 2, 0);
  widths[0] = Math.max(12, Math.min(widths[0] ?? 12, spare));
  const cell = (text: string, at: number): string => {
    const width = widths[at] ?? 0;
    return columns[at]?.isText === true ? padEnd(clipped(text, width, pen.ellipsis), width) : padStart(text, width);
  };
  const line = (texts: readonly string[]): string => texts.map(cell).join('  ');
  const title = line(
    columns.map((column) => `${column.title}${column.index === state.sortBy ? (state.isReversed ? ' ^' : ' v') : ''}`),
  );
  // The names of the tables and of the columns take two rows.
  const room = Math.max(1, size.rows - 2);
  const top = Math.max(0, Math.min(state.selected - room + 1, rows.length - room));
  const tabs = tableNames.map((name) => (name === table.name ? pen.paint(`[${name}]`, 'bold') : ` ${name} `)).join('');
  const hidden = rows.length > room ? `${pen.dot}${rows.length - room} more, arrows scroll` : '';
  const filter = state.filter === '' ? '' : `${pen.dot}filter: ${lineText(state.filter)}`;
  return [
    `${tabs}${filter}${state.isBadOnly ? `${pen.dot}only what is not well` : ''}${hidden}`,
    pen.paint(`  ${title}`, 'dim'),
    ...rows.slice(top, top + room).map(({ cells }, at) => {
      const text = `  ${line(columns.map(({ index }) => cells[index] ?? ''))}`;
      return top + at === state.selected ? pen.paint('>', 'bold') + text.slice(1) : text;
    }),
    ...(rows.length === 0
      ? [`  nothing to show${state.filter === '' && !state.isBadOnly ? '' : ' with this filter'}`]
      : []),
  ];
}

function footLine(state: TopState, pen: Pen): string {
  if (state.isTyping) return `filter: ${lineText(state.filter)}_   Enter keeps it, Esc clears it`;
  const pause = state.isPaused ? pen.paint('PAUSED, p goes on', 'inverse') : 'p pause';
  return `q quit   ${pause}   Tab table   s sort   / filter   b not well   Enter detail   ? help`;
}
