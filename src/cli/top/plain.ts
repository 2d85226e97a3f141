import type { LiveView } from '../../protocol/live-view.ts';
import { Pen } from './style.ts';
import { tableNames, tableOf } from './tables.ts';
import { age, figure, shownMs, padEnd, padStart, percentage, printableIn, widthOf } from './text.ts';

/** The same as the screen shows, for a pipe: no escape sequences, every row of every table. */
export function plainText(given: LiveView, isUnicode: boolean): string {
  const view = printableIn(given);
  const pen = new Pen({ isColored: false, isUnicode });
  const { verdict, numbers } = view;
  return [
    `${pen.state(verdict.state)} for ${age(view.atMs - verdict.sinceMs)}: ${verdict.cause}`,
    ...(verdict.causeId === 'none' ? [] : [`  next: ${verdict.next} (docs/runbook.md#${verdict.causeId})`]),
    ...verdict.others.map(({ state, cause }) => `  also ${state}: ${cause}`),
    '',
    `${figure(numbers.requestsPerSecond)} req/s, p50 ${shownMs(numbers.p50Ms)}, p95 ${shownMs(numbers.p95Ms)}, p99 ${shownMs(numbers.p99Ms)}, errors ${percentage(numbers.errorShare)}, refused ${figure(numbers.refusedPerSecond)}/s`,
    view.chain.map(({ name, text }) => `${name}: ${text}`).join(', '),
    ...tableNames.flatMap((name) => ['', ...tableText(name, view, pen)]),
    '',
  ].join('\n');
}

function tableText(name: (typeof tableNames)[number], view: LiveView, pen: Pen): string[] {
  const { columns, rows } = tableOf(name, view, pen);
  const widths = columns.map(({ title }, index) =>
    Math.max(title.length, ...rows.map(({ cells }) => widthOf(cells[index] ?? ''))),
  );
  const line = (texts: readonly string[]): string =>
    columns
      .map(({ isText }, index) => (isText === true ? padEnd : padStart)(texts[index] ?? '', widths[index] ?? 0))
      .join('  ')
      .trimEnd();
  return [line(columns.map(({ title }) => title)), ...rows.map(({ cells }) => line(cells))];
}
