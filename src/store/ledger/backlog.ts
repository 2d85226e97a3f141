import type { Owner } from './owner.ts';
import type { LedgerFiles } from './ledger-files.ts';
import type { LedgerReport } from './ledger-report.ts';
import { decodeLines } from './record-line.ts';
import { readSegment, type LogEntry } from './segment-format.ts';
import { isSpill, ownerOf, positionName, segmentOfPosition } from './segment-names.ts';
import { removeSegment, type SegmentLog } from './segment-log.ts';

export interface BacklogOptions {
  readonly files: LedgerFiles;
  readonly owner: Owner;
  /** The segments of this process, which are not taken. */
  readonly log: SegmentLog;
  readonly report: LedgerReport;
}

interface Orphan {
  readonly name: string;
  readonly bytes: number;
  /** Entries at the last look. */
  left: number;
}

interface OpenOrphan {
  readonly orphan: Orphan;
  entries: readonly LogEntry[];
}

/**
 * Segments that dead processes have left. A process takes one by renaming it, which only one of those who try can do, so
 * the file system is the lock. The oldest is read first, one at a time.
 */
export class Backlog {
  readonly #options: BacklogOptions;
  readonly #orphans: Orphan[] = [];
  /** Files that could not be read or removed: the next process that starts tries again. */
  readonly #leftAside = new Set<string>();
  #open: OpenOrphan | undefined;
  #foreignBytes = 0;

  constructor(options: BacklogOptions) {
    this.#options = options;
  }

  get pending(): number {
    return this.#orphans.reduce((sum, { left }) => sum + left, 0);
  }

  /** Bytes of all files in the folder that this process does not write to, at the last look. */
  get bytes(): number {
    return this.#foreignBytes;
  }

  /** Takes what dead processes left; resolves to the number of segments. Rejects with the system's error. */
  async adopt(): Promise<number> {
    const { owner, files, log } = this.#options;
    const found = await files.list();
    const names = new Set(found.map(({ name }) => name));
    const mine = new Set(this.#orphans.map(({ name }) => name));
    // A rename to a name that a former ledger of this very process has used would destroy a file.
    for (const { name } of found) {
      const holder = ownerOf(name);
      if (holder?.owner === owner.name) log.skipTo(holder.sequence);
    }
    let adopted = 0;
    let foreignBytes = 0;
    for (const { name, bytes } of found) {
      if (log.has(name)) continue;
      foreignBytes += bytes;
      const holder = ownerOf(name)?.owner;
      if (mine.has(name) || this.#leftAside.has(name) || holder === undefined) continue;
      if ((holder === owner.name || !owner.isAlive(holder)) && (await this.#take(name, bytes, names))) adopted++;
    }
    this.#foreignBytes = foreignBytes;
    if (adopted > 0) await files.syncNames();
    await this.#removeLonePositions(names);
    return adopted;
  }

  /** A process has died between the removal of a segment and that of its position. */
  async #removeLonePositions(names: ReadonlySet<string>): Promise<void> {
    const { owner, files } = this.#options;
    for (const name of names) {
      const segment = segmentOfPosition(name);
      const holder = segment === undefined || names.has(segment) ? undefined : ownerOf(segment)?.owner;
      if (holder !== undefined && holder !== owner.name && !owner.isAlive(holder)) await files.remove(name);
    }
  }

  async #take(name: string, bytes: number, names: ReadonlySet<string>): Promise<boolean> {
    const { files, log, report } = this.#options;
    const mine = isSpill(name)
      ? log.nextName().replace('segment-', 'spill-').replace('.log', '.ndjson')
      : log.nextName();
    // The position first: a position without its segment costs nothing, a segment without its position only work.
    if (names.has(positionName(name))) await files.rename(positionName(name), positionName(mine));
    if (!(await files.rename(name, mine))) return false;
    // The dead process may not have come to it.
    await files.syncContent(mine);
    const orphan = { name: mine, bytes, left: 0 };
    this.#orphans.push(orphan);
    // A file that cannot be read counts as empty here, and is left aside when its turn comes.
    orphan.left = (await this.#read(mine).catch((error: unknown) => report.diskFailed(error)))?.entries.length ?? 0;
    return true;
  }

  async #read(name: string): Promise<{ readonly entries: readonly LogEntry[]; readonly damaged: number }> {
    const { files } = this.#options;
    const content = await files.read(name);
    if (isSpill(name)) {
      const { records, damaged } = decodeLines(content.toString('utf8'));
      return { entries: records.map((record) => ({ kind: 'record', record })), damaged };
    }
    const position = await files.read(positionName(name)).catch(() => undefined);
    const from = Number(position?.toString('latin1'));
    const { entries, damaged } = readSegment(content, Number.isSafeInteger(from) ? from : undefined);
    return { entries: entries.map(({ entry }) => entry), damaged };
  }

  /** The next entries, at most so many; undefined if there are none. */
  async next(most: number): Promise<readonly LogEntry[] | undefined> {
    for (;;) {
      this.#open ??= await this.#openOldest();
      if (this.#open === undefined) return undefined;
      if (this.#open.entries.length > 0) return this.#open.entries.slice(0, most);
      await this.#finish(this.#open.orphan);
    }
  }

  /** So many of the entries that `next` gave are taken care of. */
  settle(count: number): void {
    if (this.#open === undefined) return;
    this.#open.entries = this.#open.entries.slice(count);
    this.#open.orphan.left = this.#open.entries.length;
  }

  async #openOldest(): Promise<OpenOrphan | undefined> {
    const { report } = this.#options;
    for (let orphan = this.#orphans[0]; orphan !== undefined; orphan = this.#orphans[0]) {
      try {
        const { entries, damaged } = await this.#read(orphan.name);
        report.damaged(orphan.name, damaged);
        return { orphan, entries };
      } catch (error) {
        this.#leftAside.add(orphan.name);
        this.#orphans.shift();
        report.diskFailed(error);
      }
    }
    return undefined;
  }

  async #finish({ name, bytes }: Orphan): Promise<void> {
    const { files, report } = this.#options;
    this.#open = undefined;
    try {
      await removeSegment(files, name, bytes);
      this.#foreignBytes = Math.max(0, this.#foreignBytes - bytes);
    } catch (error) {
      this.#leftAside.add(name);
      report.diskFailed(error);
    }
    this.#orphans.shift();
  }
}
