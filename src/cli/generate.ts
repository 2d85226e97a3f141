import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { imageFormats } from '../barcode/formats.ts';
import { retailSymbology } from '../barcode/retail-symbology.ts';
import { symbologyNames } from '../barcode/symbologies.ts';
import { parseEnvironment } from '../config/environment.ts';
import { systemClock } from '../core/clock.ts';
import { messageOf, UsageError } from '../core/errors.ts';
import { BarcodeClient } from './generate/barcode-client.ts';
import { fileName } from './generate/file-name.ts';
import { Output } from './generate/output.ts';
import { count, progressLine, spanOf } from './generate/progress.ts';
import { listEncodings } from './generate/list-text.ts';
import { type ListForm, type ListRow, readRows, textColumn } from './generate/rows.ts';
import { type FailedRow, type GenerateRun, generateRows, type RowsDone, type Task } from './generate/run.ts';
import { type CommandIo, exitCodes } from './io.ts';
import { lineText } from './terminal-text.ts';
import { type Options, readOptions } from './options.ts';

const help = `usage: rampart generate FILE [options]

Makes a barcode of each row of a list: CSV, TSV, JSON lines or XLSX (its first sheet), by the end of its name. The first line of
a table names the columns. Files of an earlier run are left as they are, so the same command goes on with a run that was
interrupted.

  --encoding NAME       of a list that is not UTF-8: latin1 (Windows-1252) or utf16le; a byte order mark is seen
  --delimiter CHARACTER between the columns of a CSV file, or tab (,)
  --column NAME         column with the texts (text, code, gtin or ean, or the only one)
  --symbology NAME      of all rows; auto: EAN-13, EAN-8 or UPC-A by the number of digits (auto)
  --format NAME         svg, png, pdf or eps (svg)
  --out PLACE           folder for the images, or a file that ends in .zip (labels)
  --name TEMPLATE       names of the files without their end: {row} and {COLUMN} are replaced ({row}-{COLUMN of the texts})
  --parallel N          requests at a time (4)
  --wait SECONDS        how long a service that has no room (503) is waited for before the run ends; a rate limit (429) is
                        waited for as Retry-After says (600)
  --url URL             the Rampart to ask (http://127.0.0.1:PORT)
  --key KEY             its API key; better in RAMPART_KEY, or in a file with --key-file, where no other user sees it
  --key-file FILE       file with the key
  --json                the summary as JSON

Exit codes: 0 every row has its image, 1 some have none, or the service does not answer, 2 wrong usage.
`;

const optionKinds = {
  encoding: 'value',
  delimiter: 'value',
  wait: 'value',
  column: 'value',
  symbology: 'value',
  format: 'value',
  out: 'value',
  name: 'value',
  parallel: 'value',
  url: 'value',
  key: 'value',
  'key-file': 'value',
  json: 'flag',
} as const;

const operands = { least: 1, most: 1, what: 'the file with the list' };
const MOST_PARALLEL = 64;
const DEFAULT_WAIT_SECONDS = 600;
const MOST_WAIT_SECONDS = 86_400;
/** Failed rows that the summary names; all of them are in the JSON form. */
const NAMED_FAILURES = 20;
const DRAW_EVERY_MS = 100;
const SAY_EVERY_MS = 10_000;

/** `rampart generate`. */
export async function generate(args: string[], io: CommandIo): Promise<number> {
  const options = readOptions({ command: 'generate', help, options: optionKinds, operands }, args, io);
  if (options === undefined) return exitCodes.ok;
  const parallel = options.whole('parallel', 4, 1, MOST_PARALLEL);
  const waitMs = options.number('wait', DEFAULT_WAIT_SECONDS, 0, MOST_WAIT_SECONDS) * 1000;
  const tasks = tasksOf(options, io);
  options.check();
  const url = options.text('url') ?? `http://127.0.0.1:${parseEnvironment(io.env).values.PORT}`;
  if (!URL.canParse(url) || !/^https?:/i.test(url))
    throw new UsageError(`Cannot generate, as --url must be a URL of http or https: got '${url}'`);
  const output = new Output(resolve(io.folder, options.text('out') ?? 'labels'));
  const progress = new Progress(tasks.tasks.length, io);
  const client = new BarcodeClient({
    url,
    key: keyOf(options, io),
    connections: parallel,
    waitMs,
    clock: systemClock,
    random: Math.random,
    onWait: (ms, reason) => progress.waits(ms, reason),
  });
  const run = await generateRows({
    tasks: tasks.tasks,
    parallel,
    output,
    create: (request, key) => client.create(request, key),
    onProgress: (state) => progress.show(state),
  });
  progress.end();
  await client.close();
  const failed = [...tasks.failed, ...run.failed].sort((left, right) => left.row - right.row);
  if (run.ended === undefined) output.finish(tasks.tasks.map(({ name }) => name).filter((name) => output.has(name)));
  const all = { ...run, failed };
  io.stdout.write(options.flag('json') ? `${JSON.stringify(all)}\n` : summaryOf(all, progress.seconds));
  return run.ended === undefined && failed.length === 0 ? exitCodes.ok : exitCodes.failed;
}

interface Tasks {
  readonly tasks: readonly Task[];
  /** Rows that no request is made for. */
  readonly failed: readonly FailedRow[];
}

function tasksOf(options: Options, io: CommandIo): Tasks {
  const symbology = options.oneOf('symbology', 'auto', ['auto', ...symbologyNames]);
  const format = options.oneOf('format', 'svg', imageFormats);
  const file = resolve(io.folder, options.operands[0] ?? '');
  const rows = readRows(file, readBytes(file), formOf(options));
  const column = textColumn(rows, options.text('column'));
  const template = options.text('name') ?? `{row}-{${column}}`;
  const tasks: Task[] = [];
  const failed: FailedRow[] = [];
  const rowOfName = new Map<string, number>();
  for (const { number: row, values } of rows) {
    const text = values[column] ?? '';
    const chosen = symbology === 'auto' ? retailSymbology(text) : symbology;
    const name = `${nameOf(template, { number: row, values })}.${format}`;
    const same = rowOfName.get(name);
    if (text === '') failed.push({ row, text, reason: 'no-text', detail: `column ${column} is empty` });
    else if (chosen === undefined) failed.push({ row, text, reason: 'no-symbology', detail: noSymbology });
    else if (same !== undefined)
      failed.push({ row, text, reason: 'same-name', detail: `row ${same} has the same file name` });
    else {
      rowOfName.set(name, row);
      tasks.push({ row, name, request: { symbology: chosen, text, format } });
    }
  }
  return { tasks, failed };
}

function formOf(options: Options): ListForm {
  const encoding = options.has('encoding') ? options.oneOf('encoding', 'utf8', listEncodings) : undefined;
  const given = options.text('delimiter');
  const delimiter = given === 'tab' ? '\t' : given;
  if (delimiter !== undefined && !/^[^"\r\n]$/u.test(delimiter))
    options.problem(`--delimiter must be one character, or tab: got '${given}'`);
  options.check();
  return { encoding, delimiter };
}

const noSymbology = 'it is no EAN-13, EAN-8 or UPC-A by its digits: --symbology says what it is to be';

function nameOf(template: string, { number, values }: ListRow): string {
  try {
    return fileName(template, number, values);
  } catch (error) {
    throw new UsageError(`Cannot generate: ${messageOf(error)}`);
  }
}

function readBytes(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new UsageError(`Cannot generate: ${messageOf(error)}`);
  }
}

function keyOf(options: Options, io: CommandIo): string {
  const file = options.text('key-file');
  const key =
    options.text('key') ??
    (file === undefined ? io.env['RAMPART_KEY'] : readBytes(resolve(io.folder, file)).toString('utf8').trim());
  if (key !== undefined && key !== '') return key;
  throw new UsageError(
    'Cannot generate without an API key: set RAMPART_KEY, or give --key-file or --key; rampart keys create makes one',
  );
}

function summaryOf({ made, skipped, failed, ended }: GenerateRun, seconds: number): string {
  const lines = [
    `${count(made)} made, ${count(skipped)} were there, ${count(failed.length)} failed, in ${spanOf(seconds)}`,
    ...failed
      .slice(0, NAMED_FAILURES)
      .map(({ row, text, reason, detail }) => `  row ${row} '${text.slice(0, 60)}': ${reason}: ${detail}`),
  ];
  if (failed.length > NAMED_FAILURES)
    lines.push(`  and ${count(failed.length - NAMED_FAILURES)} more; --json lists all of them`);
  if (ended !== undefined) lines.push(`It ended early, as ${ended}. The same command goes on where it ended`);
  return `${lines.join('\n')}\n`;
}

/** The progress on standard error: one line that is drawn again on a terminal, else a line now and then. */
class Progress {
  readonly #total: number;
  readonly #io: CommandIo;
  readonly #startedAt = systemClock.now();
  #shownAt = this.#startedAt;
  #last = '';

  constructor(total: number, io: CommandIo) {
    this.#total = total;
    this.#io = io;
  }

  get seconds(): number {
    return (systemClock.now() - this.#startedAt) / 1000;
  }

  show(state: RowsDone): void {
    this.#last = progressLine({ ...state, total: this.#total, seconds: this.seconds });
    const now = systemClock.now();
    if (now - this.#shownAt < (this.#io.drawing !== undefined ? DRAW_EVERY_MS : SAY_EVERY_MS)) return;
    this.#shownAt = now;
    this.#draw(this.#last);
  }

  waits(ms: number, reason: string): void {
    if (ms < 1000) return;
    const now = systemClock.now();
    if (this.#io.drawing === undefined && now - this.#shownAt < SAY_EVERY_MS) return;
    this.#shownAt = now;
    this.#draw(`${this.#last}  waits ${spanOf(ms / 1000)}: ${reason}`);
  }

  end(): void {
    if (this.#last === '') return;
    this.#draw(this.#last);
    this.#io.drawing?.write('\n');
  }

  /** Clears what was there to the end of the line. */
  #draw(line: string): void {
    const { drawing, stderr } = this.#io;
    if (drawing === undefined) stderr.write(`${line}\n`);
    else drawing.write(`\r${lineText(line)}\u001b[K`);
  }
}
