import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { codeOf, messageOf, UsageError } from '../core/errors.ts';
import { isProcessAlive, processName } from '../core/process-name.ts';
import type { Role } from '../protocol/messages.ts';

/** The record of a process of Rampart on disk, by which a later supervisor finds it. */
export interface ProcessRecord {
  readonly role: Role;
  readonly instance: number;
  readonly pid: number;
  /** Distinguishes the process from every other that had its id. */
  readonly name: string;
  /** Started by a supervisor: without it, an orphan. What a person or pm2 has started is theirs. */
  readonly supervised: boolean;
}

/** System errors of a disk that has no room; it may have some later. */
const fullDisk: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

const folderOf = (runFolder: string): string => join(runFolder, 'processes');

/**
 * Makes the data directory and in it the folder for sockets and records. Only this user may enter the latter; the former
 * can be passed through, since root's PostgreSQL runs as another user and has its folder there.
 */
export function prepareRunFolder(dataDir: string, runFolder: string): void {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o711 });
    mkdirSync(folderOf(runFolder), { recursive: true, mode: 0o700 });
    if (dirname(runFolder) !== dataDir) assertOwn(runFolder);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const remedy = 'RAMPART_DATA_DIR must name a folder that this user may write to';
    throw new UsageError(`Cannot write to the data directory: ${messageOf(error)}. ${remedy}`);
  }
}

/** In a folder that all may write to, somebody else may have been there first, with a link or with a folder of theirs. */
function assertOwn(folder: string): void {
  const found = lstatSync(folder);
  const uid = process.getuid?.() ?? found.uid;
  if (found.isDirectory() && found.uid === uid && (found.mode & 0o022) === 0) return;
  throw new UsageError(
    `Cannot use ${folder}, as it must be a folder of user ${uid} that nobody else may write to. Remove it, or set RAMPART_DATA_DIR to a shorter path`,
  );
}

/**
 * Writes down this process; returns how to strike it out again. On a full disk it cannot be written down, which is no
 * reason not to serve: a process that died there must be able to start again. `onProblem` is told.
 */
export function recordThisProcess(
  runFolder: string,
  { role, instance, supervised }: Pick<ProcessRecord, 'role' | 'instance' | 'supervised'>,
  onProblem: (problem: string) => void,
  write: typeof writeFileSync = writeFileSync,
): () => void {
  const name = processName(process.pid) ?? '';
  const record: ProcessRecord = { role, instance, pid: process.pid, name, supervised };
  const path = join(folderOf(runFolder), `${process.pid}.json`);
  try {
    write(path, JSON.stringify(record), { mode: 0o600 });
  } catch (error) {
    if (!fullDisk.has(codeOf(error) ?? '')) {
      throw new UsageError(
        `Cannot write to the data directory: ${messageOf(error)}. RAMPART_DATA_DIR must be writable`,
      );
    }
    onProblem(`this process could not be written down: ${messageOf(error)}. Free space in RAMPART_DATA_DIR`);
  }
  return () => rmSync(path, { force: true });
}

/** When a process was written down, in milliseconds since the epoch; undefined if it no longer is. */
export const recordedAtMs = (runFolder: string, { pid }: Pick<ProcessRecord, 'pid'>): number | undefined =>
  statSync(join(folderOf(runFolder), `${pid}.json`), { throwIfNoEntry: false })?.mtimeMs;

/** The processes that are still alive; records of the dead are removed. */
export function liveProcesses(runFolder: string): ProcessRecord[] {
  const folder = folderOf(runFolder);
  const live: ProcessRecord[] = [];
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    // Rampart makes files only; anything else is not its to remove.
    if (!entry.isFile()) continue;
    const record = readRecord(join(folder, entry.name));
    if (record !== undefined && isProcessAlive(record.name)) live.push(record);
    else rmSync(join(folder, entry.name), { force: true });
  }
  return live;
}

const processRecord: z.ZodType<ProcessRecord> = z.object({
  role: z.enum(['gateway', 'generator', 'control', 'batch', 'supervisor']),
  instance: z.int().min(0),
  // A signal to 0 or to a negative number would reach other processes.
  pid: z.int().min(1),
  name: z.string(),
  supervised: z.boolean(),
});

/** Undefined for a file that was cut short, as by a full disk, or has another shape: its process cannot be known. */
function readRecord(path: string): ProcessRecord | undefined {
  try {
    return processRecord.safeParse(JSON.parse(readFileSync(path, 'utf8'))).data;
  } catch (error) {
    if (error instanceof SyntaxError || codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
