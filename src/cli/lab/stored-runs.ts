import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadConfig } from '../../config/config.ts';
import { messageOf } from '../../core/errors.ts';
import type { RunRecord } from '../../lab/report/run-record.ts';
import type { StoredRun } from '../../store/runs.ts';
import type { CommandIo } from '../io.ts';
import { withRunningStore } from '../own-store.ts';

const APPLICATION = 'rampart-lab';

/** Lists a run in this folder's database, where that runs; the reports are there whatever becomes of it. */
export async function storeRun(run: RunRecord, folder: string, io: CommandIo): Promise<void> {
  try {
    await withRunningStore(io, APPLICATION, (store) => store.runs.put(storedOf(run, folder)));
  } catch (error) {
    io.stderr.write(`rampart: the run is not listed in PostgreSQL: ${messageOf(error)}\n`);
  }
}

/** Newest first: of the database where that runs, else of the folder of runs. */
export async function storedRuns(limit: number, io: CommandIo): Promise<StoredRun[]> {
  const listed = await withRunningStore(io, APPLICATION, (store) => store.runs.list(limit)).catch((error: unknown) => {
    io.stderr.write(
      `rampart: PostgreSQL does not tell the runs, so these are those of this folder: ${messageOf(error)}\n`,
    );
    return undefined;
  });
  if (listed !== undefined) return listed;
  const folder = join((await loadConfig(io.env, io.folder, 'list the runs')).dataDir, 'runs');
  const names = await readdir(folder).catch((): string[] => []);
  const runs: StoredRun[] = [];
  for (const name of names.toSorted().toReversed()) {
    if (runs.length === limit) break;
    const run = await readRecord(join(folder, name));
    if (run !== undefined) runs.push(storedOf(run, join(folder, name)));
  }
  return runs;
}

/** Undefined where there is no whole record: a run that was interrupted. */
async function readRecord(folder: string): Promise<RunRecord | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, 'run.json'), 'utf8')) as RunRecord;
  } catch {
    return undefined;
  }
}

function storedOf(run: RunRecord, folder: string): StoredRun {
  const { id, experiment, verdict, startedAt, seconds, commit, version } = run;
  const { gates, findings, reasons, machine, configuration } = run;
  return {
    id,
    experiment,
    verdict,
    startedAtMs: Date.parse(startedAt),
    seconds,
    commit,
    version,
    folder,
    summary: { gates, findings, reasons, machine, configuration },
  };
}
