import type { Row } from './comparison.ts';

const columns: readonly { readonly title: string; readonly cell: (row: Row) => string }[] = [
  { title: 'load', cell: ({ load }) => `${Math.round(load * 100)} %` },
  { title: 'balancer', cell: ({ balancer }) => balancer },
  { title: 'p50 ms', cell: ({ result }) => result.p50Ms.toFixed(0) },
  { title: 'p99 ms', cell: ({ result }) => result.p99Ms.toFixed(0) },
  { title: 'p99.9 ms', cell: ({ result }) => result.p999Ms.toFixed(0) },
  { title: 'mean ms', cell: ({ result }) => result.meanMs.toFixed(1) },
  { title: 'errors', cell: ({ result }) => `${(result.errorShare * 100).toFixed(3)} %` },
];

/** For a terminal: one line a run, an empty line between loads. */
export function comparisonTable(rows: readonly Row[]): string {
  const cells = [columns.map(({ title }) => title), ...rows.map((row) => columns.map(({ cell }) => cell(row)))];
  const widths = columns.map((_, column) => Math.max(...cells.map((line) => line[column]?.length ?? 0)));
  const lines = cells.map((line) =>
    line
      .map((cell, column) => (column === 1 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  '),
  );
  return lines
    .flatMap((line, index) => (index > 0 && rows[index - 1]?.load !== rows[index - 2]?.load ? ['', line] : [line]))
    .join('\n');
}

/** For the documents; the lowest figure of each load in bold. */
export function markdownTable(rows: readonly Row[]): string {
  const head = `| ${columns.map(({ title }) => title).join(' | ')} |`;
  const rule = `|${columns.map((_, column) => (column === 1 ? '---|' : '--:|')).join('')}`;
  const lines = rows.map((row) => {
    const rivals = rows.filter(({ load }) => load === row.load);
    const cells = columns.map(({ cell }, column) => {
      const text = cell(row);
      const lowest = Math.min(...rivals.map((rival) => Number.parseFloat(cell(rival))));
      return column > 1 && Number.parseFloat(text) === lowest ? `**${text}**` : text;
    });
    return `| ${cells.join(' | ')} |`;
  });
  return [head, rule, ...lines].join('\n');
}
