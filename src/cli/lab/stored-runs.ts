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

/** Newest first: those in the folder of runs, and those that only the database knows, where that runs. */
export async function storedRuns(limit: number, io: CommandIo): Promise<StoredRun[]> {
  const listed = await withRunningStore(io, APPLICATION, (store) => store.runs.list(limit)).catch((error: unknown) => {
    io.stderr.write(
      `rampart: PostgreSQL does not tell the runs, so these are those of this folder alone: ${messageOf(error)}\n`,
    );
    return undefined;
  });
  const runs = new Map((listed ?? []).map((run) => [run.id, run]));
  // The folder has what was made while no database ran, and says more of each run than the database may.
  for (const run of await runsInFolder(limit, io)) runs.set(run.id, run);
  return [...runs.values()].sort((left, right) => right.startedAtMs - left.startedAtMs).slice(0, limit);
}

async function runsInFolder(limit: number, io: CommandIo): Promise<StoredRun[]> {
  const folder = join((await loadConfig(io.env, io.folder, 'list the runs')).dataDir, 'runs');
  const names = await readdir(folder).catch((): string[] => []);
  const runs: StoredRun[] = [];
  // Names begin with the time, so that these are the newest.
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
  const { target, scenario, gates, findings, reasons, machine, configuration } = run;
  return {
    id,
    experiment,
    verdict,
    startedAtMs: Date.parse(startedAt),
    seconds,
    commit,
    version,
    folder,
    summary: { target, scenario, gates, findings, reasons, machine, configuration },
  };
}
