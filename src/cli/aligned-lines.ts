import { lineText } from './terminal-text.ts';

/** Columns as wide as their widest cell. */
export function alignedLines(given: readonly (readonly string[])[]): string[] {
  const rows = given.map((row) => row.map(lineText));
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
