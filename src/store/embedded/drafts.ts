import { randomBytes } from 'node:crypto';
import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../core/errors.ts';

// What takes a while to make is made under another name and renamed when complete. The name holds the maker's
// process id, so that what a killed maker left can be told from what is being made.

const PREFIX = 'draft-';

export function draftIn(folder: string): string {
  return join(folder, `${PREFIX}${process.pid}-${randomBytes(4).toString('hex')}`);
}

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

/** Removes the drafts of makers that were killed. */
export async function removeOldDrafts(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const pid = Number(name.split('-')[1]);
    if (name.startsWith(PREFIX) && !processExists(pid)) await rm(join(folder, name), { recursive: true, force: true });
  }
}

/** Gives a draft its name. Should another have been faster, its work serves as well. */
export async function complete(draft: string, target: string): Promise<void> {
  try {
    await rename(draft, target);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (codeOf(error) !== 'ENOTEMPTY' && codeOf(error) !== 'EEXIST') throw error;
  }
}
