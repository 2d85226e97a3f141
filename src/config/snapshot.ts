import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { ConfigVersion } from '../protocol/config-wire.ts';
import type { ParsedConfigFile } from './file-schema.ts';
import { parseConfigFile } from './file.ts';

/** The configuration that is in force on a host. */
export interface ConfigSnapshot {
  readonly file: ParsedConfigFile;
  /** What the configuration file itself says, where changes by the admin API are in force beside it. */
  readonly base?: ParsedConfigFile | undefined;
  /** Undefined before control has numbered it. */
  readonly version?: ConfigVersion | undefined;
}

/** The configuration in force, in the run folder of a host. */
export const snapshotPath = (runFolder: string): string => join(runFolder, 'config.json');

/**
 * Kept for processes that start later, when the file may have changed or may be broken. Writing it puts a version in
 * force: a worker that loses control between the two steps of a change looks here for what was decided.
 */
export function writeSnapshot(path: string, snapshot: ConfigSnapshot): void {
  writeFileSync(`${path}.new`, JSON.stringify(snapshot), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

const written = z.object({
  file: z.unknown(),
  base: z.unknown().optional(),
  version: z.object({ number: z.int().min(1), hash: z.string() }).optional(),
});

/** Undefined where there is none, or none that this version of Rampart understands. */
export function readSnapshot(path: string): ConfigSnapshot | undefined {
  try {
    const { file, base, version } = written.parse(JSON.parse(readFileSync(path, 'utf8')));
    const parsed = parseConfigFile(file, path);
    if (parsed.problems.length > 0) return undefined;
    const parsedBase = base === undefined ? undefined : parseConfigFile(base, path);
    return { file: parsed.file, base: parsedBase?.problems.length === 0 ? parsedBase.file : undefined, version };
  } catch {
    return undefined;
  }
}
