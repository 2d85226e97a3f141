import type { Clock, Timer } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import { StoreError } from '../errors.ts';
import type { Ledger, LedgerEvent, LedgerResult } from '../ledger.ts';
import type { BarcodeRecord } from '../records.ts';
import { Availability } from './availability.ts';
import { insertBatch, type InsertMany, type InsertOutcome, type Rejected } from './insert.ts';
import { type Owner, thisProcess } from './owner.ts';
import { Replay } from './replay.ts';
import { filesIn, type SpillFiles } from './spill-files.ts';
import { SpillFolder } from './spill-folder.ts';

export interface LedgerOptions {
  readonly insertMany: InsertMany;
  readonly clock: Clock;
  /** LEDGER_BATCH_SIZE. */
  readonly batchSize: number;
  /** LEDGER_FLUSH_MS: how long a record waits for others to share its batch. */
  readonly flushMs: number;
  /** Shared by all processes of the host. */
  readonly spillDir: string;
  /** Most records in memory. */
  readonly maxPending?: number;
  /** Most bytes in `spillDir`. */
  readonly maxSpillBytes?: number;
  readonly onResult?: (result: LedgerResult, count: number) => void;
  readonly onEvent?: (event: LedgerEvent) => void;
  readonly owner?: Owner;
  /** In place of the folder `spillDir`. */
  readonly files?: SpillFiles;
}

const MAX_PENDING = 10_000;
const MAX_SPILL_BYTES = 1024 ** 3;
const SPILL_FILE_BYTES = 8 * 1024 ** 2;
/** A write that takes longer is given up and its records go to the disk: written twice is harmless, waiting is not. */
const STALL_MS = 2_000;
const ADOPT_EVERY_MS = 30_000;

/** A caller of `flush`. */
interface FlushWaiter {
  remaining: number;
  readonly resolve: () => void;
  readonly reject: (error: StoreError) => void;
}

/**
 * A ledger that writes in batches, one at a time, and lets the records of an outage wait on the disk. What is in memory
 * (at most LEDGER_FLUSH_MS and one batch under way) is lost with a process that is killed; what is on the disk is not.
 */
export class BatchedLedger implements Ledger {
  readonly #options: LedgerOptions;
  readonly #folder: SpillFolder;
  readonly #replay: Replay;
  readonly #postgres: Availability;
  readonly #maxPending: number;
  /** In order of arrival; a record leaves when it is settled. */
  readonly #waiting = new Map<string, BarcodeRecord>();
  readonly #waiters: FlushWaiter[] = [];
  /** Number of waiting records, counted from the oldest, that must be written now. */
  #due = 0;
  #pumping: Promise<void> | undefined;
  #adoptAtMs = Number.NEGATIVE_INFINITY;
  #timers = new Map<'flush' | 'retry' | 'adopt', Timer>();
  #isDropping = false;
  #isDiskFailing = false;
  #isClosed = false;

  constructor(options: LedgerOptions) {
    this.#options = options;
    this.#maxPending = options.maxPending ?? MAX_PENDING;
    this.#folder = new SpillFolder({
      files: options.files ?? filesIn(options.spillDir),
      owner: options.owner ?? thisProcess(),
      maxBytes: options.maxSpillBytes ?? MAX_SPILL_BYTES,
      fileBytes: SPILL_FILE_BYTES,
    });
    this.#postgres = new Availability(options.clock, (event) => options.onEvent?.(event));
    this.#replay = new Replay({
      folder: this.#folder,
      batchSize: options.batchSize,
      insert: (records) => this.#insert(records),
      onReplayed: (count) => this.#count('replayed', count),
      onDamaged: (file, lines) => {
        this.#count('dropped', lines);
        options.onEvent?.({ kind: 'damaged', file, lines });
      },
      onDiskFailed: (error) => this.#noteDiskFailed(error),
    });
    this.#pump();
  }

  get pending(): number {
    return this.#waiting.size + this.#folder.records - this.#replay.done;
  }

  append(record: BarcodeRecord): void {
    if (this.#isClosed) return this.#drop(1, 'the ledger is closed');
    if (this.#waiting.size >= this.#maxPending) return this.#drop(1, `${this.#maxPending} records wait in memory`);
    this.#waiting.set(record.id, record);
    if (this.#waiting.size - this.#due >= this.#options.batchSize) this.#flushNow();
    else this.#after('flush', this.#options.flushMs, () => this.#flushNow());
  }

  find(id: string): BarcodeRecord | undefined {
    return this.#waiting.get(id);
  }

  flush(): Promise<void> {
    if (this.#waiting.size === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ remaining: this.#waiting.size, resolve, reject });
      this.#flushNow();
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const timer of this.#timers.values()) timer.cancel();
    this.#flushNow();
    while (this.#pumping !== undefined) await this.#pumping;
    if (this.#waiting.size > 0)
      this.#drop(this.#waiting.size, 'neither PostgreSQL nor the disk took them before the end');
    this.#waiting.clear();
  }

  #flushNow(): void {
    this.#due = this.#waiting.size;
    this.#pump();
  }

  /** Runs the one loop that writes, unless it is running already. */
  #pump(): void {
    this.#pumping ??= this.#runUntilDone();
  }

  async #runUntilDone(): Promise<void> {
    // More may have become due after the loop looked last.
    while (!(await this.#run()) && this.#due > 0);
    this.#pumping = undefined;
    this.#schedule();
  }

  /** Writes what is due, then replays; resolves to whether it ended because neither PostgreSQL nor the disk takes anything. */
  async #run(): Promise<boolean> {
    if (!this.#isClosed && this.#options.clock.now() >= this.#adoptAtMs) await this.#adopt();
    for (;;) {
      const batch = [...this.#waiting.values().take(Math.min(this.#due, this.#options.batchSize))];
      if (batch.length > 0 && !(await this.#settle(batch))) return true;
      // Fresh batches and replayed ones take turns, so that neither starves.
      const replayed = !this.#isClosed && !this.#postgres.isSuspended && (await this.#replay.next());
      if (!replayed && this.#due === 0) return false;
    }
  }

  /** Sets the timers for what is left after a run. */
  #schedule(): void {
    if (this.#isClosed) return;
    const adoptInMs = Math.max(0, this.#adoptAtMs - this.#options.clock.now());
    this.#after('adopt', adoptInMs, () => this.#pump());
    if (this.#postgres.isFailing && this.pending > 0)
      this.#after('retry', this.#postgres.retryInMs(), () => this.#flushNow());
    if (this.#waiting.size > 0) this.#after('flush', this.#options.flushMs, () => this.#flushNow());
  }

  #after(name: 'flush' | 'retry' | 'adopt', delayMs: number, run: () => void): void {
    if (this.#timers.has(name)) return;
    const timer = this.#options.clock.setTimeout(() => {
      this.#timers.delete(name);
      run();
    }, delayMs);
    this.#timers.set(name, timer);
  }

  /** Brings a batch to PostgreSQL, or to the disk; false where neither takes it, and it stays in memory. */
  async #settle(batch: readonly BarcodeRecord[]): Promise<boolean> {
    if (this.#postgres.isSuspended) return this.#spill(batch);
    const outcome = await this.#insert(batch);
    this.#count('written', outcome.stored.length);
    this.#release([...outcome.stored, ...outcome.rejected.map(({ record }) => record)]);
    return outcome.left.length === 0 || this.#spill(outcome.left);
  }

  async #insert(records: readonly BarcodeRecord[]): Promise<InsertOutcome> {
    const outcome = await insertBatch((batch) => this.#insertOrStall(batch), records);
    for (const rejected of outcome.rejected) await this.#reject(rejected);
    if (outcome.left.length > 0) this.#postgres.failed(outcome.trouble);
    else {
      this.#isDropping = false;
      this.#postgres.succeeded();
    }
    return outcome;
  }

  async #insertOrStall(records: readonly BarcodeRecord[]): Promise<number> {
    const { promise, reject } = Promise.withResolvers<number>();
    const stall = this.#options.clock.setTimeout(
      () =>
        reject(new StoreError('unavailable', `PostgreSQL has not answered for ${STALL_MS} ms`, undefined, undefined)),
      STALL_MS,
    );
    try {
      return await Promise.race([this.#options.insertMany(records), promise]);
    } finally {
      stall.cancel();
    }
  }

  async #spill(records: readonly BarcodeRecord[]): Promise<boolean> {
    try {
      const kept = await this.#folder.append(records);
      this.#count('spilled', kept);
      if (kept < records.length)
        this.#drop(records.length - kept, `the ${this.#folder.bytes} bytes of spill files are all there may be`);
      this.#release(records);
      this.#isDiskFailing = false;
      return true;
    } catch (error) {
      this.#noteDiskFailed(error);
      const refusal = new StoreError(
        'unavailable',
        `Cannot record: PostgreSQL is away, and the disk failed: ${messageOf(error)}`,
        undefined,
        error,
      );
      for (const waiter of this.#waiters.splice(0)) waiter.reject(refusal);
      return false;
    }
  }

  /** Forgets records whose fate is settled, and tells those who waited for it. */
  #release(records: readonly BarcodeRecord[]): void {
    for (const { id } of records) this.#waiting.delete(id);
    this.#due = Math.min(Math.max(0, this.#due - records.length), this.#waiting.size);
    for (const waiter of this.#waiters) waiter.remaining -= records.length;
    while (this.#waiters[0] !== undefined && this.#waiters[0].remaining <= 0) this.#waiters.shift()?.resolve();
  }

  async #reject({ record, why }: Rejected): Promise<void> {
    this.#count('rejected', 1);
    this.#options.onEvent?.({ kind: 'rejected', id: record.id, why });
    await this.#folder.setAside(record).catch(() => {});
  }

  async #adopt(): Promise<void> {
    this.#adoptAtMs = this.#options.clock.now() + ADOPT_EVERY_MS;
    try {
      const files = await this.#folder.adopt();
      if (files > 0) this.#options.onEvent?.({ kind: 'adopted', files });
    } catch (error) {
      this.#noteDiskFailed(error);
    }
  }

  #noteDiskFailed(error: unknown): void {
    if (!this.#isDiskFailing) this.#options.onEvent?.({ kind: 'disk-failed', why: messageOf(error) });
    this.#isDiskFailing = true;
  }

  #count(result: LedgerResult, count: number): void {
    if (count > 0) this.#options.onResult?.(result, count);
  }

  #drop(count: number, why: string): void {
    this.#count('dropped', count);
    if (!this.#isDropping) this.#options.onEvent?.({ kind: 'dropped', why });
    this.#isDropping = true;
  }
}
