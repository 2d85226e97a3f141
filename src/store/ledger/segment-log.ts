import type { LedgerFiles, SegmentFile } from './ledger-files.ts';
import { readSegment, LogEntryEncoder, type LogEntry, type PlacedEntry, SEGMENT_HEADER } from './segment-format.ts';
import { positionName, segmentName } from './segment-names.ts';

/** The place behind an entry in this process's segments. */
export interface LogPlace {
  readonly segment: LogSegment;
  readonly end: number;
}

export interface LogSegment {
  readonly name: string;
  /** Bytes that were written. */
  bytes: number;
  entries: number;
  /** Entries that PostgreSQL has, or never will have: all of the first ones, up to `settledTo`. */
  settled: number;
  settledTo: number;
  /** The position that is on the disk. */
  savedTo: number;
}

/**
 * Removes a settled segment. Its position comes first, so that a crash in between repeats nothing; on a full disk there is
 * no room for it, and the removal is what makes room, so it goes on without. Rejects with the system's error.
 */
export async function removeSegment(files: LedgerFiles, name: string, bytes: number): Promise<void> {
  await files.write(positionName(name), String(bytes)).catch(() => {});
  await files.remove(name);
  await files.remove(positionName(name));
}

interface ReadSegment {
  readonly entries: readonly PlacedEntry[];
  readonly segment: LogSegment;
  readonly lost: number;
}

/** A segment that has grown beyond this is followed by a new one, so that disk space comes back piece by piece. */
const SEGMENT_BYTES = 8 * 1024 ** 2;

/**
 * The segments that this process writes: entries are appended to the last one and settled from the first one on. A
 * segment is removed when all of its entries are settled; before that, its position is on the disk, so that a crash
 * between the two steps leaves nothing that looks unsettled.
 */
export class SegmentLog {
  readonly #files: LedgerFiles;
  readonly #owner: string;
  readonly #segments: LogSegment[] = [];
  readonly #encoder = new LogEntryEncoder();
  #file: SegmentFile | undefined;
  #sequence = 0;
  #isDirty = false;
  #namesAreDirty = false;
  #removing: Promise<void> | undefined;
  /** The last sync of files that were closed. */
  #closing: Promise<void> | undefined;

  constructor(files: LedgerFiles, owner: string) {
    this.#files = files;
    this.#owner = owner;
  }

  get bytes(): number {
    return this.#segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Entries that are not settled. */
  get pending(): number {
    return this.#segments.reduce((sum, { entries, settled }) => sum + entries - settled, 0);
  }

  get isDirty(): boolean {
    return this.#isDirty;
  }

  has(name: string): boolean {
    return this.#segments.some((segment) => segment.name === name);
  }

  /** Numbers up to this one are taken by files of a former ledger of this process. */
  skipTo(sequence: number): void {
    this.#sequence = Math.max(this.#sequence, sequence);
  }

  nextName(): string {
    this.#sequence += 1;
    return segmentName(this.#owner, this.#sequence);
  }

  /** Throws the system's error if the disk takes no new file. */
  probe(): void {
    this.#openSegment();
  }

  /** Appends entries in one write, and returns their places. Throws the system's error with nothing appended. */
  append(entries: readonly LogEntry[]): LogPlace[] {
    const segment = this.#openSegment();
    const { bytes, ends } = this.#encoder.encode(entries);
    try {
      (this.#file as SegmentFile).append(bytes);
    } catch (error) {
      // What a broken disk may have kept of it is damage at the end of this segment.
      this.#closeFile();
      throw error;
    }
    this.#isDirty = true;
    segment.entries += entries.length;
    const start = segment.bytes;
    segment.bytes += bytes.length;
    const places = ends.map((end) => ({ segment, end: start + end }));
    if (segment.bytes > SEGMENT_BYTES) this.#closeFile();
    return places;
  }

  #openSegment(): LogSegment {
    const last = this.#segments.at(-1);
    if (this.#file !== undefined && last !== undefined) return last;
    const name = this.nextName();
    const file = this.#files.create(name);
    try {
      file.append(SEGMENT_HEADER);
    } catch (error) {
      file.close();
      this.#files.discard(name);
      throw error;
    }
    const start = SEGMENT_HEADER.length;
    const segment = { name, bytes: start, entries: 0, settled: 0, settledTo: start, savedTo: start };
    this.#file = file;
    this.#segments.push(segment);
    this.#namesAreDirty = true;
    return segment;
  }

  /** The file is synced before it is closed, since nobody can do so later. */
  #closeFile(): void {
    const file = this.#file;
    this.#file = undefined;
    if (file === undefined) return;
    this.#closing = Promise.all([this.#closing, file.sync()]).then(() => undefined);
    // Whoever calls `sync` next hears of it.
    this.#closing.catch(() => {});
    file.close();
  }

  /** Resolves when all that was appended before is on the disk; rejects with the system's error. */
  async sync(): Promise<void> {
    this.#isDirty = false;
    const [closing, namesAreDirty] = [this.#closing, this.#namesAreDirty];
    this.#closing = undefined;
    this.#namesAreDirty = false;
    try {
      await Promise.all([closing, this.#file?.sync(), namesAreDirty ? this.#files.syncNames() : undefined]);
    } catch (error) {
      this.#isDirty = true;
      this.#namesAreDirty ||= namesAreDirty;
      throw error;
    }
  }

  /** The entry that ends there, and all before it, need this disk no more. */
  settle({ segment, end }: LogPlace): void {
    segment.settled++;
    segment.settledTo = end;
  }

  /** Removes the segments that are settled; with `all` the one that is written to as well. Rejects with the system's error. */
  removeSettled(all = false): Promise<void> {
    this.#removing ??= this.#removeSettled(all).finally(() => (this.#removing = undefined));
    return this.#removing;
  }

  async #removeSettled(all: boolean): Promise<void> {
    for (;;) {
      const first = this.#segments[0];
      if (first === undefined || first.settled < first.entries) return;
      const isCurrent = this.#segments.length === 1 && this.#file !== undefined;
      if (isCurrent && !all) return;
      if (isCurrent) this.#closeFile();
      await removeSegment(this.#files, first.name, first.bytes);
      this.#segments.shift();
    }
  }

  /** Has the position of the first segment on the disk, so that a crash repeats less. Rejects with the system's error. */
  async savePosition(): Promise<void> {
    const first = this.#segments[0];
    if (first === undefined || first.savedTo === first.settledTo) return;
    const position = first.settledTo;
    await this.#files.write(positionName(first.name), String(position));
    first.savedTo = position;
  }

  /**
   * The entries behind this place in its segment, or in the next one if that was its last; undefined if there are none.
   * All entries before the place must be settled. `lost`: entries that the disk has damaged, which count as settled.
   */
  async readBehind(place: LogPlace | undefined): Promise<ReadSegment | undefined> {
    // Undefined, or of a segment that is settled and gone: the first one that is left.
    const index = place === undefined ? 0 : Math.max(0, this.#segments.indexOf(place.segment));
    let segment = this.#segments[index];
    if (segment === undefined) return undefined;
    let from = place !== undefined && segment === place.segment ? place.end : segment.settledTo;
    if (from >= segment.bytes) {
      segment = this.#segments[index + 1];
      if (segment === undefined) return undefined;
      from = segment.settledTo;
    }
    const [expected, bytes] = [segment.entries - segment.settled, segment.bytes];
    const { entries } = readSegment((await this.#files.read(segment.name)).subarray(0, bytes), from);
    const lost = expected - entries.length;
    segment.settled += lost;
    return { entries, segment, lost };
  }

  /** Whether nothing was appended behind this place. */
  isEnd({ segment, end }: LogPlace): boolean {
    return segment === this.#segments.at(-1) && end === segment.bytes;
  }

  close(): void {
    this.#closeFile();
  }
}
