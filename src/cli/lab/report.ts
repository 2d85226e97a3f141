import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { messageOf, UsageError } from '../../core/errors.ts';
import type { RunRecord } from '../../lab/report/run-record.ts';
import { writeReports } from '../../lab/report/write-run.ts';
import { type CommandIo, exitCodes } from '../io.ts';
import { verdictCodes } from './experiment.ts';

const help = `usage: rampart lab report FOLDER

Writes report.html, report.md and junit.xml of a run anew, from its run.json; the exit code is that of the run.
`;

/** `rampart lab report`. */
export async function labReport(args: string[], io: CommandIo): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    io.stdout.write(help);
    return exitCodes.ok;
  }
  const [name, ...more] = args;
  if (name === undefined || more.length > 0) {
    throw new UsageError(`rampart lab report takes one folder of a run: got ${args.length} arguments`);
  }
  const folder = resolve(io.folder, name);
  const run = await readRun(folder);
  await writeReports(run, folder);
  io.stdout.write(`${run.experiment}: ${run.verdict}\nreport: ${folder}/report.html\n`);
  return verdictCodes[run.verdict];
}

async function readRun(folder: string): Promise<RunRecord> {
  let run: RunRecord;
  try {
    run = JSON.parse(await readFile(join(folder, 'run.json'), 'utf8')) as RunRecord;
  } catch (error) {
    throw new UsageError(`Cannot read the run in ${folder}: ${messageOf(error)}`);
  }
  if (run.schema === 1 && Object.hasOwn(verdictCodes, run.verdict)) return run;
  throw new UsageError(`Cannot read the run in ${folder}, as its run.json is of another version`);
}
