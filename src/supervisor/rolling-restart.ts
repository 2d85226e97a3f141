import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

/** What became of a rolling restart of the workers. */
export interface RollingResult {
  /** Workers that were replaced. */
  readonly replaced: number;
  /** Why no further worker was replaced; undefined if all were. */
  readonly problem?: string | undefined;
}

const schema = z.object({ replaced: z.int().min(0), problem: z.string().optional(), atMs: z.number() });

const pathOf = (runFolder: string): string => join(runFolder, 'rolling-restart.json');

/** Written for the command that has asked for it. Throws the system's error. */
export function writeRollingResult(runFolder: string, result: RollingResult, atMs: number): void {
  const path = pathOf(runFolder);
  writeFileSync(`${path}.new`, JSON.stringify({ ...result, atMs }), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** The result of the last rolling restart; undefined if there was none since `sinceMs`, in milliseconds since the epoch. */
export function readRollingResult(runFolder: string, sinceMs: number): RollingResult | undefined {
  try {
    const { data } = schema.safeParse(JSON.parse(readFileSync(pathOf(runFolder), 'utf8')));
    return data === undefined || data.atMs < sinceMs ? undefined : data;
  } catch {
    return undefined;
  }
}
