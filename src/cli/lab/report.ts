import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { loadConfig } from '../../config/config.ts';
import { messageOf, UsageError } from '../../core/errors.ts';
import { deltaOf } from '../../lab/report/delta.ts';
import type { RunRecord } from '../../lab/report/run-record.ts';
import { runSchema } from '../../lab/report/run-schema.ts';
import { textTable } from '../../lab/report/tables.ts';
import { writeReports } from '../../lab/report/write-run.ts';
import { type CommandIo, exitCodes } from '../io.ts';
import { readOptions } from '../options.ts';
import { verdictCodes } from './experiment.ts';

const help = `usage: rampart lab report FOLDER
       rampart lab report A B

With one run: writes its report.html, report.md and junit.xml again from its run.json, and exits with the code of the run.
With two runs: prints the differences between their settings, and between their results, B against A. A run is named by its
folder, or by its name in RAMPART_DATA_DIR/runs.
`;

const MOST_PROBLEMS = 5;

/** `rampart lab report`. */
export async function labReport(args: string[], io: CommandIo): Promise<number> {
  const operands = { least: 1, most: 2, what: 'the folder of a run, or of two' };
  const options = readOptions({ command: 'lab report', help, operands }, args, io);
  if (options === undefined) return exitCodes.ok;
  const [first = '', second] = options.operands;
  const folder = await folderOf(first, io);
  const run = await readRun(folder);
  if (second !== undefined) {
    io.stdout.write(comparison(run, await readRun(await folderOf(second, io))));
    return exitCodes.ok;
  }
  await writeReports(run, folder);
  io.stdout.write(`${run.experiment}: ${run.verdict}\nreport: ${folder}/report.html\n`);
  return verdictCodes[run.verdict];
}

function comparison(a: RunRecord, b: RunRecord): string {
  const { differences, tables, unmatched } = deltaOf(a, b);
  return [
    `A ${a.id}: ${a.verdict}`,
    `B ${b.id}: ${b.verdict}`,
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
    'One run of each cannot tell a change from chance: rampart lab compare repeats both, in turns.',
    '',
  ].join('\n');
}

/** A folder as it is named, or that of the run with this name. */
async function folderOf(name: string, io: CommandIo): Promise<string> {
  const folder = resolve(io.folder, name);
  if (existsSync(join(folder, 'run.json')) || name.includes('/')) return folder;
  const { dataDir } = await loadConfig(io.env, io.folder, 'read a run');
  return existsSync(join(dataDir, 'runs', name, 'run.json')) ? join(dataDir, 'runs', name) : folder;
}

async function readRun(folder: string): Promise<RunRecord> {
  let run: unknown;
  try {
    run = JSON.parse(await readFile(join(folder, 'run.json'), 'utf8'));
  } catch (error) {
    throw new UsageError(`Cannot read the run in ${folder}: ${messageOf(error)}`);
  }
  const parsed = runSchema.safeParse(run);
  // JSON has no NaN: such a value was stored as null, which reports show in the same way.
  if (parsed.success) return run as RunRecord;
  throw new UsageError(
    `Cannot read the run in ${folder}, as its run.json is of another version, or was changed:`,
    parsed.error.issues.slice(0, MOST_PROBLEMS).map(({ path, message }) => `${path.map(String).join('.')}: ${message}`),
  );
}
