import { parse } from 'csv-parse/sync';
import { messageOf, UsageError } from '../../core/errors.ts';
import { type ListEncoding, listText } from './list-text.ts';
import { readWorkbook } from './xlsx.ts';

/** One row of a list: its number, as a person counts it, and its values by their columns. */
export interface ListRow {
  /** From 1 on, without the line of the names; of a file in JSON lines, the line. */
  readonly number: number;
  readonly values: Readonly<Record<string, string>>;
}

/** How a list is read; undefined: as its name and its bytes say. */
export interface ListForm {
  readonly encoding?: ListEncoding | undefined;
  /** Between the columns of a CSV file. */
  readonly delimiter?: string | undefined;
}

const kinds = ['csv', 'tsv', 'jsonl', 'ndjson', 'xlsx'] as const;

/** Reads a list by the end of its name. Throws a UsageError that says what is wrong with it. */
export function readRows(file: string, bytes: Buffer, form: ListForm = {}): ListRow[] {
  const kind = kinds.find((end) => file.toLowerCase().endsWith(`.${end}`));
  if (kind === undefined) throw unreadable(file, `its name must end in one of: ${kinds.join(', ')}`);
  try {
    const rows =
      kind === 'jsonl' || kind === 'ndjson'
        ? jsonRows(listText(bytes, form.encoding))
        : namedRows(kind === 'xlsx' ? readWorkbook(bytes) : tableOf(kind, listText(bytes, form.encoding), form));
    if (rows.length === 0) throw new Error('it has no rows');
    return rows;
  } catch (error) {
    throw unreadable(file, messageOf(error));
  }
}

const unreadable = (file: string, why: string): UsageError => new UsageError(`Cannot read ${file}: ${why}`);

function tableOf(kind: 'csv' | 'tsv', text: string, { delimiter }: ListForm): string[][] {
  if (kind === 'csv' && delimiter === undefined) checkDelimiter(text);
  return parse(text, {
    delimiter: delimiter ?? (kind === 'csv' ? ',' : '\t'),
    skip_empty_lines: true,
    relax_column_count: true,
    quote: kind === 'csv',
  });
}

/** Spreadsheets write semicolons where a comma is the decimal sign; all of a line would count as one text. */
function checkDelimiter(text: string): void {
  const [names = ''] = text.split(/[\r\n]/, 1);
  if (names.includes(',')) return;
  if (names.includes(';'))
    throw new Error("its columns seem to be separated by semicolons: give --delimiter ';' (or ',' for one column)");
  if (names.includes('\t'))
    throw new Error('its columns seem to be separated by tabs: give --delimiter tab, or let its name end in .tsv');
}

function namedRows([names = [], ...rows]: string[][]): ListRow[] {
  const columns = names.map((name) => name.trim());
  if (columns.every((name) => name === '')) throw new Error('its first line must name the columns');
  const twice = columns.find((name, at) => name !== '' && columns.indexOf(name) !== at);
  if (twice !== undefined) throw new Error(`two of its columns are named '${twice}': rename one of them`);
  return rows
    .map((cells, index) => ({
      number: index + 1,
      values: Object.fromEntries(columns.map((name, at) => [name, cells[at]?.trim() ?? ''])),
    }))
    .filter(({ values }) => Object.values(values).some((value) => value !== ''));
}

function jsonRows(text: string): ListRow[] {
  return text
    .split('\n')
    .flatMap((line, index) => (line.trim() === '' ? [] : [{ number: index + 1, values: valuesOf(line, index + 1) }]));
}

function valuesOf(line: string, number: number): Record<string, string> {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    throw new Error(`line ${number} is not JSON`);
  }
  if (typeof json === 'string' || typeof json === 'number') return { text: String(json) };
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new Error(`line ${number} is neither an object nor a text`);
  return Object.fromEntries(Object.entries(json).map(([name, value]) => [name, textOf(value)]));
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** The column that has the texts: the one that is named, or the first of these names, or the only one. */
export function textColumn(rows: readonly ListRow[], named: string | undefined): string {
  const columns = Object.keys(rows[0]?.values ?? {});
  if (named !== undefined && columns.includes(named)) return named;
  const found =
    named === undefined ? ['text', 'code', 'gtin', 'ean'].find((name) => columns.includes(name)) : undefined;
  if (found !== undefined) return found;
  if (named === undefined && columns.length === 1) return columns[0] as string;
  const wanted = named === undefined ? '--column must name the column with the texts' : `there is no column '${named}'`;
  throw new UsageError(`Cannot generate, as ${wanted}. The columns are: ${columns.join(', ')}`);
}
