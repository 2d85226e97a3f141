import type { Ledger, LedgerRefusal } from '../ledger.ts';
import type { BarcodeRecord } from '../records.ts';
import { Drain, type Item, type ItemFate } from './drain.ts';
import { GroupSync } from './group-sync.ts';
import { Orphans } from './orphans.ts';
import { type LedgerOptions, MAX_IN_MEMORY } from './ledger-options.ts';
import { LedgerReport } from './ledger-report.ts';
import { closedRefusal, diskFullRefusal, noPlaceRefusal, rejectedRefusal } from './refusals.ts';
import type { LogEntry } from './segment-format.ts';
import { type LogPlace, SegmentLog } from './segment-log.ts';

export interface WalOptions extends LedgerOptions {
  /** Runs a callback at the end of this turn of the event loop. */
  readonly atEndOfTurn: (callback: () => void) => void;
  /** LEDGER_FSYNC_MS; 0: before the reply. */
  readonly fsyncMs: number;
  /** LEDGER_MAX_BYTES, of the host. */
  readonly maxBytes: number;
}

const MAX_BYTES_IN_MEMORY = 64 * 1024 ** 2;
/** How long a record whose sync failed waits for PostgreSQL. */
const UNSYNCED_LIMIT_MS = 2_000;

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
  readonly #sync: GroupSync;
  /** Records whose sync failed, which wait for PostgreSQL, by id. */
  readonly #unsynced = new Map<string, Append['decided']>();
  #bytesInMemory = 0;
  /** Records that wait for PostgreSQL without being on the disk. */
  #withoutDisk = 0;
  readonly #report: LedgerReport;
  #isClosed = false;

  constructor(options: WalOptions) {
    this.#options = options;
    this.#report = new LedgerReport(options);
    this.#maxInMemory = options.maxInMemory ?? MAX_IN_MEMORY;
    const { files, owner, clock, fsyncMs } = options;
    const report = this.#report;
    this.#log = new SegmentLog(files, owner.name);
    const log = this.#log;
    this.#sync = new GroupSync({ log, clock, fsyncMs, onFailed: (error) => report.diskFailed(error) });
    this.#drain = new Drain({ ...options, report, more: () => this.#more() });
    this.#orphans = new Orphans({ ...options, log, report, drain: this.#drain, upkeep: () => this.#upkeep() });
  }

  get pending(): number {
    return this.#log.pending + this.#orphans.pending + this.#withoutDisk;
  }

  append(record: BarcodeRecord): Promise<LedgerRefusal | undefined> {
    if (this.#isClosed) return Promise.resolve(this.#report.refused(closedRefusal));
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
    return this.#report.isDiskFailing && this.#drain.isSuspended ? noPlaceRefusal : undefined;
  }

  find(id: string): BarcodeRecord | undefined {
    return this.#byId.get(id);
  }

  get isBehind(): boolean {
    return this.#coldFrom !== undefined;
  }

  async close(): Promise<void> {
    if (this.#turn.length > 0) this.#writeTurn();
    this.#isClosed = true;
    await this.#orphans.close();
    await this.#drain.close();
    await this.#sync.close();
    await this.#log.removeSettled(true).catch((error: unknown) => this.#report.diskFailed(error));
    await this.#log.savePosition().catch((error: unknown) => this.#report.diskFailed(error));
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
      if (!this.#sync.isFailing) this.#report.diskWorks();
      this.#report.kept();
    } catch (error) {
      this.#report.diskFailed(error);
      for (const append of kept) this.#keepWithoutDisk(append);
    }
  }

  #keep({ entry, decided }: Append, place: LogPlace): void {
    if (this.#coldFrom === undefined && this.#hasMemory) this.#push(entry, place);
    else {
      this.#coldFrom ??= { place: this.#lastPlace };
      if (entry.kind === 'record') this.#byId.delete(entry.record.id);
    }
    if (this.#options.fsyncMs > 0) {
      decided(undefined);
      this.#sync.written();
    } else void this.#decideBySync(entry, decided);
  }

  get #hasMemory(): boolean {
    return this.#drain.length < this.#maxInMemory && this.#bytesInMemory < MAX_BYTES_IN_MEMORY;
  }

  #push(entry: LogEntry, place: LogPlace): void {
    this.#lastPlace = place;
    this.#bytesInMemory += bytesOf(entry);
    const settled = (fate: ItemFate): void => {
      this.#log.settle(place);
      this.#bytesInMemory -= bytesOf(entry);
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
    const { id } = entry.record;
    this.#byId.delete(id);
    if (fate === 'stored') this.#report.count('written', 1);
    this.#unsynced.get(id)?.(fate === 'stored' ? undefined : rejectedRefusal);
    this.#unsynced.delete(id);
  }

  #drop({ entry, decided }: Append, why: LedgerRefusal): void {
    if (entry.kind === 'record') this.#byId.delete(entry.record.id);
    if (entry.kind === 'aborted') return decided(undefined);
    if (this.#options.whenFull === 'refuse') return decided(this.#report.refused(why));
    this.#report.dropped(1, why.detail);
    return decided(undefined);
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
      this.#report.diskFailed(error);
      return false;
    }
  }

  /** Brings the next entries that are on the disk only into memory. */
  async #warm(): Promise<boolean> {
    const behind = await this.#log.readBehind(this.#coldFrom?.place);
    if (behind === undefined) {
      this.#coldFrom = undefined;
      return false;
    }
    const { entries, segment, lost } = behind;
    this.#report.damaged(segment.name, lost);
    if (entries.length === 0) {
      this.#coldFrom = { place: { segment, end: segment.bytes } };
      return true;
    }
    for (const { entry, end } of entries) this.#push(entry, { segment, end });
    const place = this.#lastPlace as LogPlace;
    this.#coldFrom = this.#log.isEnd(place) ? undefined : { place };
    this.#drain.flush();
    return true;
  }

  async #decideBySync(entry: LogEntry, decided: Append['decided']): Promise<void> {
    if ((await this.#sync.synced()) || entry.kind === 'aborted' || !this.#byId.has(entry.record.id)) {
      decided(undefined);
      return;
    }
    const { id } = entry.record;
    this.#unsynced.set(id, decided);
    this.#drain.flush();
    this.#options.clock.setTimeout(() => {
      if (this.#unsynced.delete(id)) decided(this.#report.refused(noPlaceRefusal));
    }, UNSYNCED_LIMIT_MS);
  }

  async #upkeep(): Promise<void> {
    // Requests may be refused because the disk has failed, and then nobody else would find out that it works again.
    if (this.#report.isDiskFailing) {
      this.#log.probe();
      if (!this.#sync.isFailing || (await this.#sync.synced())) this.#report.diskWorks();
    }
    // Without appends the drain does not run, and a segment that is settled would fill the ledger.
    await this.#log.removeSettled(this.#isFull);
    await this.#log.savePosition();
  }
}

const bytesOf = (entry: LogEntry): number => (entry.kind === 'record' ? entry.record.bytes.length : 0);
