import { parse } from 'csv-parse/sync';
import { messageOf } from '../../core/errors.ts';

export type DataRows =
  | { readonly ok: true; readonly rows: readonly Readonly<Record<string, string>>[] }
  | { readonly ok: false; readonly problem: string };

/** More would not fit beside what a run has to remember. */
const MOST_ROWS = 1_000_000;

/** The rows of a CSV file (RFC 4180) by the names in its first line, which requests use as `{{name}}`. Does not throw. */
export function readDataRows(text: string): DataRows {
  let lines: string[][];
  try {
    lines = parse(text, { bom: true, skip_empty_lines: true, record_delimiter: ['\r\n', '\n'], to: MOST_ROWS + 1 });
  } catch (error) {
    return { ok: false, problem: `it is no CSV: ${messageOf(error)}` };
  }
  const [names = [], ...rows] = lines;
  const wrong = names.find((name) => !/^\w+$/.test(name));
  if (names.length === 0) return { ok: false, problem: 'it is empty: the first line names the columns' };
  if (wrong !== undefined) {
    return { ok: false, problem: `a column's name must be of letters, digits and _: got '${wrong}'` };
  }
  if (new Set(names).size < names.length) return { ok: false, problem: 'two columns have the same name' };
  if (rows.length === 0) return { ok: false, problem: 'it has no row below the names of its columns' };
  return { ok: true, rows: rows.map((row) => Object.fromEntries(names.map((name, at) => [name, row[at] ?? '']))) };
}
