import { closeSync, fdatasync, ftruncateSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../core/errors.ts';

interface FoundFile {
  readonly name: string;
  readonly bytes: number;
}

/** A file that only this process appends to. */
export interface SegmentFile {
  /** Appends all bytes. Throws the system's error with nothing appended, or, on a broken disk, a part. */
  append(bytes: Uint8Array): void;
  /** Resolves when all that was appended before is on the disk. */
  sync(): Promise<void>;
  close(): void;
}

/** The disk, as the ledger needs it. */
export interface LedgerFiles {
  /** Makes a new file; throws if it is there. */
  create(name: string): SegmentFile;
  /** Removes a file that was made a moment ago; what cannot be removed stays. */
  discard(name: string): void;
  /** Resolves when the names of the folder are on the disk, so that new files survive a loss of power. */
  syncNames(): Promise<void>;
  /** Resolves when the content of a file that another process has written is on the disk. */
  syncContent(name: string): Promise<void>;
  list(): Promise<FoundFile[]>;
  read(name: string): Promise<Buffer>;
  /** Replaces a small file and has it on the disk. */
  write(name: string, text: string): Promise<void>;
  /** Appends a line and has it on the disk. */
  appendLine(name: string, line: string): Promise<void>;
  /** False where the file is no longer there: another process was faster. */
  rename(from: string, to: string): Promise<boolean>;
  remove(name: string): Promise<void>;
}

/** A folder of the file system; made when first written to. */
export function filesIn(folder: string): LedgerFiles {
  const pathOf = (name: string): string => join(folder, name);
  return {
    create(name) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      return segmentFile(openSync(pathOf(name), 'ax', 0o600));
    },
    discard(name) {
      rmSync(pathOf(name), { force: true });
    },
    async syncNames() {
      await synced(folder, 'r');
    },
    syncContent: (name) => synced(pathOf(name), 'r'),
    async list() {
      const names = await readdir(folder).catch((error: unknown) => {
        if (codeOf(error) === 'ENOENT') return [];
        throw error;
      });
      const sizeOf = async (name: string): Promise<number> =>
        stat(pathOf(name)).then(
          ({ size }) => size,
          () => 0,
        );
      return Promise.all(names.map(async (name) => ({ name, bytes: await sizeOf(name) })));
    },
    read: (name) => readFile(pathOf(name)),
    async write(name, text) {
      await writeFile(pathOf(name), text, { mode: 0o600, flush: true });
    },
    async appendLine(name, line) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      await writeFile(pathOf(name), line, { mode: 0o600, flag: 'a', flush: true });
    },
    async rename(from, to) {
      try {
        await rename(pathOf(from), pathOf(to));
        return true;
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return false;
        throw error;
      }
    },
    remove: (name) => rm(pathOf(name), { force: true }),
  };
}

async function synced(path: string, flags: string): Promise<void> {
  const handle = await open(path, flags);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function segmentFile(fd: number): SegmentFile {
  let size = 0;
  let syncs = 0;
  let isClosing = false;
  const closeIfUnused = (): void => {
    if (isClosing && syncs === 0) closeSync(fd);
  };
  return {
    append(bytes) {
      try {
        size += writeAll(fd, bytes);
      } catch (error) {
        // A full disk may have taken a part, which must not become the beginning of the next entry.
        ftruncateSync(fd, size);
        throw error;
      }
    },
    sync: () =>
      new Promise((resolve, reject) => {
        syncs++;
        fdatasync(fd, (error) => {
          syncs--;
          closeIfUnused();
          if (error === null) resolve();
          else reject(error);
        });
      }),
    close() {
      isClosing = true;
      closeIfUnused();
    },
  };
}

function writeAll(fd: number, bytes: Uint8Array): number {
  let written = 0;
  // The system may take less than it was given, as from a nearly full disk; the next call then says why.
  while (written < bytes.length) written += writeSync(fd, bytes, written);
  return written;
}
