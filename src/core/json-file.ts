import { readFileSync, renameSync, writeFileSync } from 'node:fs';

/** Replaces the file whole, so that a reader never sees half of it. Throws the system's error. */
export function saveJson(path: string, value: unknown): void {
  writeFileSync(`${path}.new`, JSON.stringify(value), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** What is in the file; undefined if it cannot be read or is no JSON. */
export function loadJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}
