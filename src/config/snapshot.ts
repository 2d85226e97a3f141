import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ParsedConfigFile } from './file-schema.ts';
import { parseConfigFile } from './file.ts';

/** The configuration file as it was last read without a problem, in the run folder of a host. */
export const snapshotPath = (runFolder: string): string => join(runFolder, 'config.json');

/** Kept for processes that start later, when the file may have changed or may be broken. */
export function writeSnapshot(path: string, file: ParsedConfigFile): void {
  writeFileSync(`${path}.new`, JSON.stringify(file), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** Undefined where there is none, or none that this version understands. */
export function readSnapshot(path: string): ParsedConfigFile | undefined {
  try {
    const { file, problems } = parseConfigFile(JSON.parse(readFileSync(path, 'utf8')), path);
    return problems.length === 0 ? file : undefined;
  } catch {
    return undefined;
  }
}
