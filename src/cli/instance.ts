import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseEnvironment } from '../config/environment.ts';
import { UsageError } from '../core/errors.ts';
import { runFolder as runFolderOf } from '../core/run-folder.ts';
import { liveProcesses, type ProcessRecord } from '../supervisor/process-records.ts';
import type { CommandIo } from './io.ts';

/** The processes of Rampart that run for a data directory. */
export interface Instance {
  readonly dataDir: string;
  readonly runFolder: string;
  readonly processes: readonly ProcessRecord[];
}

/** Finds what runs for RAMPART_DATA_DIR, whoever has started it; no process of it may run. */
export function lookForInstance(io: CommandIo): Instance {
  const { RAMPART_DATA_DIR } = parseEnvironment(io.env).values;
  const dataDir = resolve(io.folder, RAMPART_DATA_DIR);
  const runFolder = runFolderOf(dataDir);
  const processes = existsSync(runFolder) ? liveProcesses(runFolder).filter(({ pid }) => pid !== process.pid) : [];
  return { dataDir, runFolder, processes };
}

/** The same; throws a UsageError if no control runs there. `what`: what the command would do. */
export function findInstance(io: CommandIo, what: string): Instance {
  const instance = lookForInstance(io);
  if (instance.processes.some(({ role }) => role === 'control')) return instance;
  const { dataDir, processes } = instance;
  const found = processes.length === 0 ? 'nothing of Rampart runs' : 'no control runs';
  const remedy = 'Start it with rampart start, or set RAMPART_DATA_DIR to the data directory of the instance';
  throw new UsageError(`Cannot ${what}, as ${found} for ${dataDir}. ${remedy}`);
}

/** What to say where no control answers for the data directory. */
export function absenceText(dataDir: string, processes: ReturnType<typeof lookForInstance>['processes']): string {
  if (processes.length === 0) return `nothing of Rampart runs for ${dataDir}; rampart start starts it`;
  const list = processes.map(({ role, instance, pid }) => `${role} ${instance} (process ${pid})`).join(', ');
  const control = processes.some(({ role }) => role === 'control') ? 'its control does not answer' : 'no control runs';
  return `${control} for ${dataDir}, so its state is not known; these run: ${list}`;
}
