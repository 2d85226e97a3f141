import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { loadConfig } from '../../config/config.ts';
import { codeOf, messageOf, UsageError } from '../../core/errors.ts';
import { deltaOf } from '../../lab/report/delta.ts';
import { headlineLine } from '../../lab/report/headline.ts';
import { markdownBlock } from '../../lab/report/markdown.ts';
import { pairReport } from '../../lab/report/pair-html.ts';
import { chanceNote, pairBlock, pairHeadline, pairLine } from '../../lab/report/pair.ts';
import type { RunRecord } from '../../lab/report/run-record.ts';
import { runSchema } from '../../lab/report/run-schema.ts';
import { textTable } from '../../lab/report/tables.ts';
import { writeReports } from '../../lab/report/write-run.ts';
import { type CommandIo, exitCodes } from '../io.ts';
import { readOptions } from '../options.ts';
import { verdictCodes } from './experiment.ts';

const help = `usage: rampart lab report RUN [--line | --markdown]
       rampart lab report A B [--out FILE | --line | --markdown]

With one run: writes its report.html, report.md and junit.xml again from its run.json, says the result, and exits with the
code of the run. With two runs: prints the differences between their settings, and between their results, B against A, and
writes a page with both curves one over the other. A run is named by its folder, by its name in RAMPART_DATA_DIR/runs, or
as last, which is the newest one there.

  --line        print the result in one line, for a chat, and write nothing
  --markdown    print a block for a pull request, and write nothing
  --out FILE    where to write the page of two runs (against-A.html in the folder of B)
`;

const MOST_PROBLEMS = 5;
const LAST = 'last';

/** `rampart lab report`. */
export async function labReport(args: string[], io: CommandIo): Promise<number> {
  const operands = { least: 1, most: 2, what: 'the name or folder of a run, or of two' };
  const kinds = { line: 'flag', markdown: 'flag', out: 'value' } as const;
  const options = readOptions({ command: 'lab report', help, options: kinds, operands }, args, io);
  if (options === undefined) return exitCodes.ok;
  const [first = '', second] = options.operands;
  const [line, markdown, out] = [options.flag('line'), options.flag('markdown'), options.text('out')];
  if ([line, markdown, out !== undefined].filter(Boolean).length > 1)
    options.problem('--line, --markdown and --out exclude each other');
  if (second === undefined && out !== undefined)
    options.problem('--out is for two runs: the report of one stands in its folder');
  options.check();
  const folder = await folderOfRun(first, io);
  const run = await readRun(folder);
  if (second !== undefined) {
    const other = await folderOfRun(second, io);
    const to = line
      ? 'line'
      : markdown
        ? 'markdown'
        : resolve(io.folder, out ?? join(other, `against-${fileName(run.id)}.html`));
    await reportPair(run, await readRun(other), to, io);
    return exitCodes.ok;
  }
  if (line) io.stdout.write(`${headlineLine(run)}\n`);
  else if (markdown) io.stdout.write(markdownBlock(run));
  else {
    await writeReports(run, folder);
    io.stdout.write(`${headlineLine(run)}\nreport: ${folder}/report.html\n`);
  }
  return verdictCodes[run.verdict];
}

/** run.json may come from elsewhere: its id must not lead out of the folder. */
const fileName = (id: string): string => id.replaceAll(/[^\w.-]/g, '_').slice(0, 100);

/** `to`: a file, or what to print in place of one. */
async function reportPair(a: RunRecord, b: RunRecord, to: string, io: CommandIo): Promise<void> {
  if (to === 'line') io.stdout.write(`${pairLine(a, b)}\n`);
  else if (to === 'markdown') io.stdout.write(pairBlock(a, b));
  else {
    await writeFile(to, pairReport(a, b)).catch((error: unknown) => {
      throw new UsageError(
        `Cannot write the page of two runs to ${to}: ${messageOf(error)}. Name another file with --out`,
      );
    });
    io.stdout.write(`${comparison(a, b)}report: ${to}\n`);
  }
}

function comparison(a: RunRecord, b: RunRecord): string {
  const { differences, tables, unmatched } = deltaOf(a, b);
  return [
    `A ${headlineLine(a)}`,
    `B ${headlineLine(b)}`,
    '',
    differences.length === 0 ? 'Nothing was different but the time.' : 'Different:',
    ...differences.map((line) => `  ${line}`),
    '',
    ...tables.flatMap(({ name, table }) => [
      name,
      '',
      table.rows.length === 0 ? '  no load in common' : textTable(table),
      '',
    ]),
    ...unmatched,
    pairHeadline(a, b).sentence,
    chanceNote,
    '',
  ].join('\n');
}

/** A folder as it is named, or that of the run with this name. */
export async function folderOfRun(given: string, io: CommandIo): Promise<string> {
  // The file of a run names its folder, too.
  const name = basename(given) === 'run.json' ? dirname(given) : given;
  const folder = resolve(io.folder, name);
  if (existsSync(join(folder, 'run.json')) || name.includes('/')) return folder;
  const { dataDir } = await loadConfig(io.env, io.folder, 'read a run');
  if (name === LAST) return newestIn(join(dataDir, 'runs'));
  return existsSync(join(dataDir, 'runs', name, 'run.json')) ? join(dataDir, 'runs', name) : folder;
}

/** The names of runs begin with the time. */
async function newestIn(folder: string): Promise<string> {
  const names = await readdir(folder).catch((): string[] => []);
  const newest = names
    .filter((name) => existsSync(join(folder, name, 'run.json')))
    .toSorted()
    .at(-1);
  if (newest === undefined) throw new UsageError(`There is no run in ${folder} yet: begin with rampart lab prove`);
  return join(folder, newest);
}

export async function readRun(folder: string): Promise<RunRecord> {
  let run: unknown;
  try {
    run = JSON.parse(await readFile(join(folder, 'run.json'), 'utf8'));
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR')
      throw new UsageError(`There is no run in ${folder}: rampart lab list names those that there are`);
    throw new UsageError(`Cannot read the run in ${folder}: ${messageOf(error)}`);
  }
  const parsed = runSchema.safeParse(run);
  // JSON has no NaN: such a value was stored as null, which reports show in the same way.
  if (parsed.success) return run as RunRecord;
  throw new UsageError(
    `Cannot read the run in ${folder}, as its run.json is of another version, or was changed:`,
    parsed.error.issues
      .slice(0, MOST_PROBLEMS)
      .map(({ path, message }) => `${path.map(String).join('.') || 'the file'}: ${message}`),
  );
}
