import type { Clock, Timer } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import type { Ledger, LedgerEvent, LedgerRefusal, LedgerResult } from '../ledger.ts';
import type { BarcodeRecord } from '../records.ts';
import { Drain, type Item, type ItemFate } from './drain.ts';
import type { LedgerTable } from './insert-entries.ts';
import type { Rejected } from './insert.ts';
import type { LedgerFiles } from './ledger-files.ts';
import { Orphans } from './orphans.ts';
import type { Owner } from './owner.ts';
import { encodeLine, REJECTED_FILE } from './record-line.ts';
import { closedRefusal, diskFullRefusal, noPlaceRefusal, rejectedRefusal } from './refusals.ts';
import type { LogEntry } from './segment-format.ts';
import { type LogPlace, SegmentLog } from './segment-log.ts';

export interface WalOptions {
  readonly table: LedgerTable;
  readonly files: LedgerFiles;
  readonly owner: Owner;
  readonly clock: Clock;
  /** Runs a callback at the end of this turn of the event loop. */
  readonly atEndOfTurn: (callback: () => void) => void;
  /** LEDGER_BATCH_SIZE, LEDGER_FLUSH_MS, LEDGER_FSYNC_MS (0: before the reply), LEDGER_MAX_BYTES of the host, LEDGER_WHEN_FULL. */
  readonly batchSize: number;
  readonly flushMs: number;
  readonly fsyncMs: number;
  readonly maxBytes: number;
  readonly whenFull: 'refuse' | 'drop';
  /** Most records that are in memory as well as on the disk. */
  readonly maxInMemory?: number;
  readonly onResult?: (result: LedgerResult, count: number) => void;
  readonly onEvent?: (event: LedgerEvent) => void;
}

const MAX_IN_MEMORY = 10_000;

/** A record of this turn, which waits for the write at its end. */
interface Append {
  readonly entry: LogEntry;
  readonly decided: (refusal: LedgerRefusal | undefined) => void;
}

/**
 * A ledger that appends each record to a segment on the disk before its reply ends, and brings it to PostgreSQL later.
 * The newest records are in memory too, so that nothing is read back unless PostgreSQL falls behind.
 */
export class WalLedger implements Ledger {
  readonly #options: WalOptions;
  readonly #log: SegmentLog;
  readonly #orphans: Orphans;
  readonly #drain: Drain;
  readonly #maxInMemory: number;
  #turn: Append[] = [];
  readonly #byId = new Map<string, BarcodeRecord>();
  /** The last entry in memory; those behind it are on the disk only. Undefined if all are in memory. */
  #coldFrom: { readonly place: LogPlace | undefined } | undefined;
  #lastPlace: LogPlace | undefined;
  #syncing: Promise<void> | undefined;
  #syncTimer: Timer | undefined;
  /** Records that wait for PostgreSQL without being on the disk. */
  #withoutDisk = 0;
  #isDiskFailing = false;
  #isRefusing = false;
  #isClosed = false;

  constructor(options: WalOptions) {
    this.#options = options;
    this.#maxInMemory = options.maxInMemory ?? MAX_IN_MEMORY;
    const { files, owner, table, clock, batchSize, flushMs } = options;
    this.#log = new SegmentLog(files, owner.name);
    this.#drain = new Drain({
      table,
      clock,
      batchSize,
      flushMs,
      onEvent: (event) => options.onEvent?.(event),
      onRejected: (rejected) => this.#reject(rejected),
      more: () => this.#more(),
    });
    this.#orphans = new Orphans({
      files,
      owner,
      clock,
      log: this.#log,
      drain: () => this.#drain,
      count: (result, count) => this.#count(result, count),
      onEvent: (event) => options.onEvent?.(event),
      onDiskFailed: (error) => this.#noteDiskFailed(error),
      upkeep: () => this.#upkeep(),
    });
  }

  get pending(): number {
    return this.#log.pending + this.#orphans.pending + this.#withoutDisk;
  }

  append(record: BarcodeRecord): Promise<LedgerRefusal | undefined> {
    if (this.#isClosed) return Promise.resolve(this.#refuse(closedRefusal));
    return new Promise((decided) => {
      // It can be found from now on, since the client may ask for it as soon as it has the reply.
      this.#byId.set(record.id, record);
      this.#atEndOfTurn({ entry: { kind: 'record', record }, decided });
    });
  }

  aborted(id: string): void {
    const record = this.#byId.get(id);
    if (record !== undefined) this.#byId.set(id, { ...record, status: 'aborted' });
    if (!this.#isClosed) this.#atEndOfTurn({ entry: { kind: 'aborted', id }, decided: () => {} });
  }

  refusal(): LedgerRefusal | undefined {
    if (this.#options.whenFull === 'drop') return undefined;
    if (this.#isFull) return diskFullRefusal(this.#options.maxBytes);
    return this.#isDiskFailing && this.#drain.isSuspended ? noPlaceRefusal : undefined;
  }

  find(id: string): BarcodeRecord | undefined {
    return this.#byId.get(id);
  }

  async close(): Promise<void> {
    if (this.#turn.length > 0) this.#writeTurn();
    this.#isClosed = true;
    this.#syncTimer?.cancel();
    await this.#orphans.close();
    await this.#drain.close();
    await this.#sync();
    await this.#log.removeSettled(true).catch((error: unknown) => this.#noteDiskFailed(error));
    await this.#log.savePosition().catch((error: unknown) => this.#noteDiskFailed(error));
    this.#log.close();
  }

  #atEndOfTurn(append: Append): void {
    if (this.#turn.push(append) === 1) this.#options.atEndOfTurn(() => this.#writeTurn());
  }

  /** One write for all records of a turn. */
  #writeTurn(): void {
    const turn = this.#turn;
    this.#turn = [];
    const kept = this.#isFull ? [] : turn;
    if (kept.length === 0) {
      for (const append of turn) this.#drop(append, diskFullRefusal(this.#options.maxBytes));
      return;
    }
    try {
      const places = this.#log.append(kept.map(({ entry }) => entry));
      for (const [index, append] of kept.entries()) this.#keep(append, places[index] as LogPlace);
      this.#isDiskFailing = false;
      this.#isRefusing = false;
    } catch (error) {
      this.#noteDiskFailed(error);
      for (const append of kept) this.#keepWithoutDisk(append);
    }
  }

  #keep({ entry, decided }: Append, place: LogPlace): void {
    if (this.#coldFrom === undefined && this.#drain.length < this.#maxInMemory) this.#push(entry, place);
    else {
      this.#coldFrom ??= { place: this.#lastPlace };
      if (entry.kind === 'record') this.#byId.delete(entry.record.id);
    }
    if (this.#options.fsyncMs > 0) {
      decided(undefined);
      this.#syncTimer ??= this.#options.clock.setTimeout(() => {
        this.#syncTimer = undefined;
        void this.#sync();
      }, this.#options.fsyncMs);
    } else void this.#syncFor(decided);
  }

  #push(entry: LogEntry, place: LogPlace): void {
    this.#lastPlace = place;
    const settled = (fate: ItemFate): void => {
      this.#log.settle(place);
      this.#left(entry, fate);
    };
    this.#drain.push({ entry, mayWait: true, settled });
  }

  /** The disk does not take it, so PostgreSQL must, before the reply. */
  #keepWithoutDisk({ entry, decided }: Append): void {
    if (entry.kind === 'record' && this.#coldFrom !== undefined) return this.#drop({ entry, decided }, noPlaceRefusal);
    this.#withoutDisk++;
    const settled = (fate: ItemFate): void => {
      this.#withoutDisk--;
      if (fate === 'unavailable') this.#drop({ entry, decided }, noPlaceRefusal);
      else {
        this.#left(entry, fate);
        decided(fate === 'stored' ? undefined : rejectedRefusal);
      }
    };
    const item: Item = { entry, mayWait: false, settled };
    this.#drain.push(item);
    this.#drain.flush();
  }

  #left(entry: LogEntry, fate: ItemFate): void {
    if (entry.kind !== 'record') return;
    this.#byId.delete(entry.record.id);
    if (fate === 'stored') this.#count('written', 1);
  }

  #drop({ entry, decided }: Append, why: LedgerRefusal): void {
    if (entry.kind === 'record') this.#byId.delete(entry.record.id);
    if (entry.kind === 'aborted') return decided(undefined);
    if (this.#options.whenFull === 'refuse') return decided(this.#refuse(why));
    this.#count('dropped', 1);
    if (!this.#isRefusing) this.#options.onEvent?.({ kind: 'dropped', why: why.detail });
    this.#isRefusing = true;
    return decided(undefined);
  }

  #refuse(why: LedgerRefusal): LedgerRefusal {
    this.#count('refused', 1);
    if (!this.#isRefusing) this.#options.onEvent?.({ kind: 'refused', why: why.detail });
    this.#isRefusing = true;
    return why;
  }

  get #isFull(): boolean {
    return this.#log.bytes + this.#orphans.bytes > this.#options.maxBytes;
  }

  /** Entries that are not in the queue: those of this process that are on the disk only, and those of dead ones. */
  async #more(): Promise<boolean> {
    try {
      await this.#log.removeSettled(this.#isFull);
      if (this.#isClosed) return false;
      const warmed = this.#coldFrom !== undefined && this.#drain.length === 0 && (await this.#warm());
      return (await this.#orphans.replay()) || warmed;
    } catch (error) {
      this.#noteDiskFailed(error);
      return false;
    }
  }

  /** Brings the next entries that are on the disk only into memory. */
  async #warm(): Promise<boolean> {
    const entries = await this.#log.readBehind(this.#coldFrom?.place);
    if (entries === undefined || entries.length === 0) {
      this.#coldFrom = undefined;
      return false;
    }
    for (const { entry, segment, end } of entries) this.#push(entry, { segment, end });
    const place = this.#lastPlace as LogPlace;
    this.#coldFrom = this.#log.isEnd(place) ? undefined : { place };
    this.#drain.flush();
    return true;
  }

  async #reject({ record, why }: Rejected): Promise<void> {
    this.#count('rejected', 1);
    this.#options.onEvent?.({ kind: 'rejected', id: record.id, why });
    // For a person to look at.
    await this.#options.files.appendLine(REJECTED_FILE, encodeLine(record)).catch((error: unknown) => {
      this.#noteDiskFailed(error);
    });
  }

  async #syncFor(decided: Append['decided']): Promise<void> {
    // A sync that is under way may have begun before this record was written.
    await this.#syncing;
    this.#syncing ??= this.#sync().finally(() => (this.#syncing = undefined));
    await this.#syncing;
    decided(undefined);
  }

  async #sync(): Promise<void> {
    if (!this.#log.isDirty) return;
    try {
      await this.#log.sync();
    } catch (error) {
      this.#noteDiskFailed(error);
    }
  }

  async #upkeep(): Promise<void> {
    // Requests may be refused because the disk has failed, and then nobody else would find out that it works again.
    if (this.#isDiskFailing) {
      this.#log.probe();
      this.#isDiskFailing = false;
    }
    await this.#log.savePosition();
  }

  #noteDiskFailed(error: unknown): void {
    if (!this.#isDiskFailing) this.#options.onEvent?.({ kind: 'disk-failed', why: messageOf(error) });
    this.#isDiskFailing = true;
  }

  #count(result: LedgerResult, count: number): void {
    if (count > 0) this.#options.onResult?.(result, count);
  }
}
