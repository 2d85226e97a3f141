import type { BarcodeRecord } from '../records.ts';
import type { Owner } from './owner.ts';
import type { SpillFiles } from './spill-files.ts';
import type { DecodedFile } from './spill-line.ts';
import { decodeLines, encodeLine } from './spill-line.ts';

export interface SpillOptions {
  readonly files: SpillFiles;
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
      await this.#options.files.append(file.name, lines.join(''));
      file.bytes += lines.reduce((sum, line) => sum + Buffer.byteLength(line), 0);
      file.records += lines.length;
    } catch (error) {
      // A full disk may have left part of a line, which must not become the beginning of the next one.
      this.#current = undefined;
      if (file.records > 0) this.#closed.push(file);
      throw error;
    }
    if (file.bytes > this.#options.fileBytes) this.closeCurrent();
    return lines.length;
  }

  async read(name: string): Promise<DecodedFile> {
    return decodeLines(await this.#options.files.read(name));
  }

  /** Leaves a file that cannot be read where it is, and goes on without it. */
  setFileAside(name: string): void {
    const index = this.#closed.findIndex((file) => file.name === name);
    if (index !== -1) this.#closed.splice(index, 1);
  }

  /** Forgets a file whose records are all taken care of. */
  async remove(name: string): Promise<void> {
    this.setFileAside(name);
    await this.#options.files.remove(name);
  }

  /** Keeps what PostgreSQL will never take, for a person to look at; within the budget. */
  async setAside(record: BarcodeRecord): Promise<void> {
    const line = encodeLine(record);
    const bytes = Buffer.byteLength(line);
    if (this.bytes + bytes > this.#options.maxBytes) return;
    await this.#options.files.append(REJECTED_FILE, line);
    this.#foreignBytes += bytes;
  }

  /** Takes over what this process and dead ones left; resolves to the number of files. */
  async adopt(): Promise<number> {
    const { owner, files } = this.#options;
    const found = await files.list();
    const known = new Set(this.#all().map((file) => file.name));
    // Numbers that a former ledger of this very process has used: a rename to such a name would destroy a file.
    for (const { name } of found) {
      const [, holder, number] = FILE_NAME.exec(name) ?? [];
      if (holder === owner.name) this.#sequence = Math.max(this.#sequence, Number(number));
    }
    let adopted = 0;
    let foreignBytes = 0;
    for (const { name, bytes } of found) {
      if (known.has(name)) continue;
      const holder = FILE_NAME.exec(name)?.[1];
      const isOrphan = holder !== undefined && (holder === owner.name || !owner.isAlive(holder));
      if (isOrphan && (await this.#take(name, bytes))) adopted += 1;
      else foreignBytes += bytes;
    }
    this.#foreignBytes = foreignBytes;
    return adopted;
  }

  async #take(name: string, bytes: number): Promise<boolean> {
    const mine = this.#nextName();
    if (!(await this.#options.files.rename(name, mine))) return false;
    // A file that cannot be read counts as empty here, and is set aside when its turn comes.
    const { records } = decodeLines(await this.#options.files.read(mine).catch(() => ''));
    this.#closed.push({ name: mine, bytes, records: records.length });
    return true;
  }
}
