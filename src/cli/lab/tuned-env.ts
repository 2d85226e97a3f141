import { accessSync, constants, readFileSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf, messageOf } from '../../core/errors.ts';
import { HEADER } from '../../lab/tuning/tuned-file.ts';

/** Why a file must not be written; undefined when it may. */
export function refusalToWrite(path: string, force: boolean): string | undefined {
  try {
    const content = contentOf(path);
    accessSync(content === undefined ? dirname(path) : path, constants.W_OK);
    if (content === undefined || force || content.split('\n', 1)[0] === HEADER) return undefined;
  } catch (error) {
    return `cannot be written: ${messageOf(error)}`;
  }
  return `was not written by tune, and is left alone: name another file, or overwrite it with --force`;
}

/** The whole or nothing: a file that is read meanwhile is the old one or the new one. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const draft = `${path}.${process.pid}.new`;
  try {
    await writeFile(draft, text);
    await rename(draft, path);
  } finally {
    await rm(draft, { force: true });
  }
}

function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
