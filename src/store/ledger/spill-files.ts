import { mkdir, open, readFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../core/errors.ts';

interface FoundFile {
  readonly name: string;
  readonly bytes: number;
}

/** The disk, as the ledger needs it. */
export interface SpillFiles {
  list(): Promise<FoundFile[]>;
  /** Appends all of a text and has it on the disk, or rejects with nothing appended (or, on a broken disk, the beginning of it). */
  append(name: string, text: string): Promise<void>;
  read(name: string): Promise<string>;
  /** False where the file is no longer there: another process was faster. */
  rename(from: string, to: string): Promise<boolean>;
  remove(name: string): Promise<void>;
}

async function appendDurably(path: string, text: string): Promise<void> {
  const handle = await open(path, 'a', 0o600);
  try {
    const { size } = await handle.stat();
    try {
      await handle.appendFile(text);
      await handle.datasync();
    } catch (error) {
      await handle.truncate(size).catch(() => {});
      throw error;
    }
  } finally {
    await handle.close();
  }
}

/** A folder of the file system; made when first written to. */
export function filesIn(folder: string): SpillFiles {
  return {
    async list() {
      const names = await readdir(folder).catch((error: unknown) => {
        if (codeOf(error) === 'ENOENT') return [];
        throw error;
      });
      const sizes = await Promise.all(
        names.map((name) =>
          stat(join(folder, name)).then(
            (found) => found.size,
            () => 0,
          ),
        ),
      );
      return names.map((name, index) => ({ name, bytes: sizes[index] ?? 0 }));
    },
    async append(name, text) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await appendDurably(join(folder, name), text);
    },
    read: (name) => readFile(join(folder, name), 'utf8'),
    async rename(from, to) {
      try {
        await rename(join(folder, from), join(folder, to));
        return true;
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return false;
        throw error;
      }
    },
    remove: (name) => rm(join(folder, name), { force: true }),
  };
}
