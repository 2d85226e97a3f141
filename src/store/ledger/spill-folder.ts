import { mkdir, open, readFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../core/errors.ts';
import type { BarcodeRecord } from '../records.ts';
import type { Owner } from './owner.ts';
import type { DecodedFile } from './spill-line.ts';
import { decodeLines, encodeLine } from './spill-line.ts';

export interface SpillOptions {
  readonly folder: string;
  readonly owner: Owner;
  /** Most bytes of all files in the folder, other processes' included. */
  readonly maxBytes: number;
  /** A file that has grown beyond this is closed, so that replays give disk space back piece by piece. */
  readonly fileBytes: number;
}

interface SpillFile {
  readonly name: string;
  bytes: number;
  records: number;
}

const FILE_NAME = /^spill-(.+)-(\d+)\.ndjson$/;
const REJECTED_FILE = 'rejected.ndjson';

/**
 * Records that wait on disk. A file has one owner, a process; what a dead process left is taken over by renaming it,
 * which only one of those who try can do. Appends and replays may run side by side: a replay never sees the file that
 * is appended to.
 */
export class SpillFolder {
  readonly #options: SpillOptions;
  readonly #closed: SpillFile[] = [];
  #current: SpillFile | undefined;
  #sequence = 0;
  #foreignBytes = 0;

  constructor(options: SpillOptions) {
    this.#options = options;
  }

  /** Records that wait here. */
  get records(): number {
    return this.#all().reduce((sum, file) => sum + file.records, 0);
  }

  get bytes(): number {
    return this.#foreignBytes + this.#all().reduce((sum, file) => sum + file.bytes, 0);
  }

  #all(): SpillFile[] {
    return this.#current === undefined ? this.#closed : [...this.#closed, this.#current];
  }

  #path(name: string): string {
    return join(this.#options.folder, name);
  }

  #nextName(): string {
    this.#sequence += 1;
    return `spill-${this.#options.owner.name}-${this.#sequence}.ndjson`;
  }

  /** The file to be replayed next, if any. */
  oldest(): string | undefined {
    if (this.#closed.length === 0) this.closeCurrent();
    return this.#closed[0]?.name;
  }

  /** The next append goes to a new file. */
  closeCurrent(): void {
    if (this.#current === undefined) return;
    this.#closed.push(this.#current);
    this.#current = undefined;
  }

  /** Keeps as many records, from the first on, as the budget allows; resolves to their number once they are on the disk. Rejects with none kept. */
  async append(records: readonly BarcodeRecord[]): Promise<number> {
    const lines: string[] = [];
    let bytes = this.bytes;
    for (const record of records) {
      const line = encodeLine(record);
      bytes += Buffer.byteLength(line);
      if (bytes > this.#options.maxBytes) break;
      lines.push(line);
    }
    if (lines.length === 0) return 0;
    const file = (this.#current ??= { name: this.#nextName(), bytes: 0, records: 0 });
    try {
      file.bytes += await this.#write(file.name, lines.join(''));
      file.records += lines.length;
    } catch (error) {
      // What a full disk left of a line must not become the beginning of the next one.
      this.#current = undefined;
      if (file.records > 0) this.#closed.push(file);
      throw error;
    }
    if (file.bytes > this.#options.fileBytes) this.closeCurrent();
    return lines.length;
  }

  async #write(name: string, text: string): Promise<number> {
    await mkdir(this.#options.folder, { recursive: true, mode: 0o700 });
    const handle = await open(this.#path(name), 'a', 0o600);
    try {
      const { size } = await handle.stat();
      try {
        await handle.appendFile(text);
        await handle.datasync();
      } catch (error) {
        await handle.truncate(size).catch(() => {});
        throw error;
      }
      return Buffer.byteLength(text);
    } finally {
      await handle.close();
    }
  }

  async read(name: string): Promise<DecodedFile> {
    return decodeLines(await readFile(this.#path(name), 'utf8'));
  }

  /** Leaves a file that cannot be read where it is, and goes on without it. */
  setFileAside(name: string): void {
    const index = this.#closed.findIndex((file) => file.name === name);
    if (index !== -1) this.#closed.splice(index, 1);
  }

  /** Forgets a file whose records are all taken care of. */
  async remove(name: string): Promise<void> {
    await rm(this.#path(name), { force: true });
    this.setFileAside(name);
  }

  /** Keeps what PostgreSQL will never take, for a person to look at; within the budget. */
  async setAside(record: BarcodeRecord): Promise<void> {
    const line = encodeLine(record);
    if (this.bytes + Buffer.byteLength(line) > this.#options.maxBytes) return;
    this.#foreignBytes += await this.#write(REJECTED_FILE, line);
  }

  /** Takes over what this process and dead ones left; resolves to the number of files. */
  async adopt(): Promise<number> {
    const names = await readdir(this.#options.folder).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return [];
      throw error;
    });
    const known = new Set(this.#all().map((file) => file.name));
    let adopted = 0;
    let foreignBytes = 0;
    for (const name of names.toSorted()) {
      if (known.has(name)) continue;
      const owner = FILE_NAME.exec(name)?.[1];
      const isOrphan =
        owner !== undefined && (owner === this.#options.owner.name || !this.#options.owner.isAlive(owner));
      if (isOrphan && (await this.#take(name))) adopted += 1;
      else
        foreignBytes += await stat(this.#path(name)).then(
          (found) => found.size,
          () => 0,
        );
    }
    this.#foreignBytes = foreignBytes;
    return adopted;
  }

  async #take(name: string): Promise<boolean> {
    let mine = this.#nextName();
    // A file of our own, from a ledger of this process that was closed before, may have that name.
    while ((await stat(this.#path(mine)).catch(() => undefined)) !== undefined) mine = this.#nextName();
    try {
      await rename(this.#path(name), this.#path(mine));
    } catch (error) {
      // Another process has taken it.
      if (codeOf(error) === 'ENOENT') return false;
      throw error;
    }
    const content = await readFile(this.#path(mine));
    this.#closed.push({
      name: mine,
      bytes: content.length,
      records: decodeLines(content.toString('utf8')).records.length,
    });
    return true;
  }
}
