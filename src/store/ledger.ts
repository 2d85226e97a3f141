import type { Clock, Timer } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import { StoreError } from './errors.ts';
import type { InsertMany, InsertOutcome, Rejected } from './ledger/insert.ts';
import { insertBatch } from './ledger/insert.ts';
import type { Owner } from './ledger/owner.ts';
import { thisProcess } from './ledger/owner.ts';
import type { SpillFiles } from './ledger/spill-files.ts';
import { filesIn } from './ledger/spill-files.ts';
import { SpillFolder } from './ledger/spill-folder.ts';
import type { BarcodeRecord } from './records.ts';

/** The result of a record: the labels of `rampart_ledger_records_total`. A spilled record is counted again when it is replayed. */
export type LedgerResult = 'written' | 'spilled' | 'replayed' | 'dropped' | 'rejected';

export type LedgerEvent =
  | { readonly kind: 'away'; readonly why: string }
  | { readonly kind: 'back' }
  | { readonly kind: 'adopted'; readonly files: number }
  | { readonly kind: 'damaged'; readonly file: string; readonly lines: number }
  | { readonly kind: 'rejected'; readonly id: string; readonly why: string }
  /** The first of a series; the metric counts them all. */
  | { readonly kind: 'dropped'; readonly why: string }
  | { readonly kind: 'disk-failed'; readonly why: string };

interface LedgerStats {
  /** In memory only. */
  readonly buffered: number;
  readonly onDisk: number;
  readonly diskBytes: number;
  readonly away: boolean;
}

/** The durable record of what was generated. Appending never waits and never fails. */
export interface Ledger {
  append(record: BarcodeRecord): void;
  /** Records that PostgreSQL does not have yet, in memory and on this process's disk. */
  readonly pending: number;
  /** A record that is still in memory, so that a client can read what it has just written. */
  find(id: string): BarcodeRecord | undefined;
  /** Resolves when all that was appended before is in PostgreSQL or on the disk; rejects with a StoreError where neither takes it. */
  flush(): Promise<void>;
  /** Flushes, or spills where PostgreSQL is away; nothing is appended afterwards. */
  close(): Promise<void>;
  stats(): LedgerStats;
}

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
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 5_000;
const ADOPT_EVERY_MS = 30_000;

interface Waiter {
  remaining: number;
  readonly resolve: () => void;
  readonly reject: (error: StoreError) => void;
}

interface Replay {
  readonly file: string;
  records: readonly BarcodeRecord[];
  done: number;
}

class BatchedLedger implements Ledger {
  readonly #options: LedgerOptions;
  readonly #folder: SpillFolder;
  readonly #maxPending: number;
  /** In order of arrival; a record leaves when it is settled. */
  readonly #waiting = new Map<string, BarcodeRecord>();
  readonly #waiters: Waiter[] = [];
  /** How many of the waiting records, from the first, are not to wait for more company. */
  #due = 0;
  #pumping: Promise<void> | undefined;
  #replay: Replay | undefined;
  #failures = 0;
  #retryAtMs = Number.NEGATIVE_INFINITY;
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
    this.#pump();
  }

  get pending(): number {
    return this.#waiting.size + this.#folder.records - (this.#replay?.done ?? 0);
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

  stats(): LedgerStats {
    const { records, bytes } = this.#folder;
    return { buffered: this.#waiting.size, onDisk: records, diskBytes: bytes, away: this.#failures > 0 };
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
      const replayed = !this.#isClosed && !this.#isUnavailable() && (await this.#replayBatch());
      if (!replayed && this.#due === 0) return false;
    }
  }

  /** Sets the timers for what is left after a run. */
  #schedule(): void {
    if (this.#isClosed) return;
    const nowMs = this.#options.clock.now();
    this.#after('adopt', Math.max(0, this.#adoptAtMs - nowMs), () => this.#pump());
    if (this.#failures > 0 && this.pending > 0)
      this.#after('retry', Math.max(0, this.#retryAtMs - nowMs), () => this.#flushNow());
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
    if (this.#isUnavailable()) return this.#spill(batch);
    const outcome = await this.#insert(batch);
    this.#count('written', outcome.stored.length);
    this.#release([...outcome.stored, ...outcome.rejected.map(({ record }) => record)]);
    return outcome.left.length === 0 || this.#spill(outcome.left);
  }

  async #insert(records: readonly BarcodeRecord[]): Promise<InsertOutcome> {
    const outcome = await insertBatch((batch) => this.#insertOrStall(batch), records);
    for (const rejected of outcome.rejected) await this.#reject(rejected);
    if (outcome.left.length > 0) this.#noteAway(outcome.trouble);
    else this.#noteBack();
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

  /** Brings one batch from the disk to PostgreSQL; false where there is none, or PostgreSQL is away. */
  async #replayBatch(): Promise<boolean> {
    this.#replay ??= await this.#openReplay();
    const replay = this.#replay;
    if (replay === undefined) return false;
    const batch = replay.records.slice(0, this.#options.batchSize);
    if (batch.length > 0) {
      const { stored, left } = await this.#insert(batch);
      this.#count('replayed', stored.length);
      replay.records = [...left, ...replay.records.slice(batch.length)];
      replay.done += batch.length - left.length;
      if (left.length > 0) return false;
    }
    if (replay.records.length > 0) return true;
    this.#replay = undefined;
    // Should it stay there, the next start replays it, which changes nothing.
    await this.#folder.remove(replay.file).catch((error: unknown) => this.#noteDiskFailed(error));
    return true;
  }

  async #openReplay(): Promise<Replay | undefined> {
    const file = this.#folder.oldest();
    if (file === undefined) return undefined;
    try {
      const { records, damaged } = await this.#folder.read(file);
      if (damaged > 0) {
        this.#count('dropped', damaged);
        this.#options.onEvent?.({ kind: 'damaged', file, lines: damaged });
      }
      return { file, records, done: 0 };
    } catch (error) {
      this.#folder.setFileAside(file);
      this.#noteDiskFailed(error);
      return undefined;
    }
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

  #isUnavailable(): boolean {
    return this.#options.clock.now() < this.#retryAtMs;
  }

  #noteAway(trouble: unknown): void {
    if (this.#failures === 0) this.#options.onEvent?.({ kind: 'away', why: messageOf(trouble) });
    const delayMs = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#failures);
    this.#failures += 1;
    this.#retryAtMs = this.#options.clock.now() + delayMs;
  }

  #noteDiskFailed(error: unknown): void {
    if (!this.#isDiskFailing) this.#options.onEvent?.({ kind: 'disk-failed', why: messageOf(error) });
    this.#isDiskFailing = true;
  }

  #noteBack(): void {
    this.#isDropping = false;
    if (this.#failures === 0) return;
    this.#failures = 0;
    this.#retryAtMs = Number.NEGATIVE_INFINITY;
    this.#options.onEvent?.({ kind: 'back' });
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

/**
 * A ledger that writes in batches, one at a time, and lets the records of an outage wait on the disk. What is in memory
 * (at most LEDGER_FLUSH_MS and one batch under way) is lost with a process that is killed; what is on the disk is not.
 */
export function createBatchedLedger(options: LedgerOptions): Ledger {
  return new BatchedLedger(options);
}
