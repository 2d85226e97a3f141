import type { BarcodeRecord } from '../records.ts';
import type { InsertOutcome } from './insert.ts';
import type { SpillFolder } from './spill-folder.ts';

export interface ReplayDependencies {
  readonly folder: SpillFolder;
  readonly batchSize: number;
  readonly insert: (records: readonly BarcodeRecord[]) => Promise<InsertOutcome>;
  readonly onReplayed: (count: number) => void;
  readonly onDamaged: (file: string, lines: number) => void;
  readonly onDiskFailed: (error: unknown) => void;
}

interface OpenFile {
  readonly file: string;
  records: readonly BarcodeRecord[];
  done: number;
}

/** Brings spilled records to PostgreSQL: one batch at a time, one file at a time, the oldest first. */
export class Replay {
  readonly #dependencies: ReplayDependencies;
  #open: OpenFile | undefined;

  constructor(dependencies: ReplayDependencies) {
    this.#dependencies = dependencies;
  }

  /** Records of the open file that PostgreSQL has already. */
  get done(): number {
    return this.#open?.done ?? 0;
  }

  /** Brings one batch; false if there is none, or if PostgreSQL did not take all of it. */
  async next(): Promise<boolean> {
    const { folder, batchSize, insert, onReplayed, onDiskFailed } = this.#dependencies;
    this.#open ??= await this.#openOldest();
    const open = this.#open;
    if (open === undefined) return false;
    const batch = open.records.slice(0, batchSize);
    if (batch.length > 0) {
      const { stored, left } = await insert(batch);
      onReplayed(stored.length);
      open.records = [...left, ...open.records.slice(batch.length)];
      open.done += batch.length - left.length;
      if (left.length > 0) return false;
    }
    if (open.records.length > 0) return true;
    this.#open = undefined;
    // A file that cannot be removed is replayed again by the next start, which changes nothing.
    await folder.remove(open.file).catch(onDiskFailed);
    return true;
  }

  async #openOldest(): Promise<OpenFile | undefined> {
    const { folder, onDamaged, onDiskFailed } = this.#dependencies;
    const file = folder.oldest();
    if (file === undefined) return undefined;
    try {
      const { records, damaged } = await folder.read(file);
      if (damaged > 0) onDamaged(file, damaged);
      return { file, records, done: 0 };
    } catch (error) {
      folder.setFileAside(file);
      onDiskFailed(error);
      return undefined;
    }
  }
}
