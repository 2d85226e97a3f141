import { textTable } from '../../lab/report/tables.ts';
import type { StoredRun } from '../../store/runs.ts';
import { type CommandIo, exitCodes } from '../io.ts';
import { readOptions } from '../options.ts';
import { storedRuns } from './stored-runs.ts';

const help = `usage: rampart lab list [options]

Lists the runs of the lab and their results, newest first: the runs in RAMPART_DATA_DIR/runs, and those in PostgreSQL if
this folder's Rampart runs or DATABASE_URL is set.

  --limit N   most runs to list (20)
  --json      list them as JSON, with gates and findings
`;

/** `rampart lab list`. */
export async function labList(args: string[], io: CommandIo): Promise<number> {
  const options = readOptions({ command: 'lab list', help, options: { limit: 'value', json: 'flag' } }, args, io);
  if (options === undefined) return exitCodes.ok;
  const limit = options.whole('limit', 20, 1, 1000);
  options.check();
  const runs = await storedRuns(limit, io);
  if (options.flag('json')) io.stdout.write(`${JSON.stringify(runs)}\n`);
  else if (runs.length === 0) io.stderr.write('No run yet: begin with rampart lab prove\n');
  else
    io.stdout.write(
      `${textTable({ columns: ['run', 'verdict', 's', 'target', 'measured', 'commit', 'report'], rows: runs.map(row) })}\n`,
    );
  return exitCodes.ok;
}

const row = ({ id, verdict, seconds, commit, folder, summary }: StoredRun): string[] => [
  id,
  verdict,
  seconds.toFixed(0),
  textOf(summary, 'target'),
  textOf(summary, 'scenario'),
  commit,
  `${folder}/report.html`,
];

/** Runs of earlier versions do not have all of it. */
function textOf(summary: unknown, name: string): string {
  const value = (summary as Readonly<Record<string, unknown>> | null)?.[name];
  return typeof value === 'string' ? value : '–';
}
