import type { Clock } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import type { Ledger, LedgerEvent, LedgerRefusal, LedgerResult } from '../ledger.ts';
import type { BarcodeRecord } from '../records.ts';
import { Drain, type ItemFate } from './drain.ts';
import type { LedgerTable } from './insert-entries.ts';
import type { Rejected } from './insert.ts';
import type { LedgerFiles } from './ledger-files.ts';
import { Orphans } from './orphans.ts';
import type { Owner } from './owner.ts';
import { encodeLine, REJECTED_FILE } from './record-line.ts';
import { closedRefusal, memoryFullRefusal, rejectedRefusal, unavailableRefusal } from './refusals.ts';
import type { LogEntry } from './segment-format.ts';
import { SegmentLog } from './segment-log.ts';

export interface DirectOptions {
  /** `sync`: a record is kept when PostgreSQL has it. `memory`: as soon as it is in memory. */
  readonly mode: 'sync' | 'memory';
  readonly table: LedgerTable;
  /** Of segments that another mode has left. */
  readonly files: LedgerFiles;
  readonly owner: Owner;
  readonly clock: Clock;
  readonly batchSize: number;
  readonly flushMs: number;
  readonly whenFull: 'refuse' | 'drop';
  /** Most records in memory. */
  readonly maxInMemory?: number;
  readonly onResult?: (result: LedgerResult, count: number) => void;
  readonly onEvent?: (event: LedgerEvent) => void;
}

const MAX_IN_MEMORY = 10_000;

/** A ledger without a disk: records go to PostgreSQL before their reply, or wait for it in memory. */
export class DirectLedger implements Ledger {
  readonly #options: DirectOptions;
  readonly #drain: Drain;
  readonly #orphans: Orphans;
  readonly #byId = new Map<string, BarcodeRecord>();
  #isRefusing = false;
  #isClosed = false;

  constructor(options: DirectOptions) {
    this.#options = options;
    const { files, owner, table, clock, batchSize, flushMs } = options;
    const onEvent = (event: LedgerEvent): void => options.onEvent?.(event);
    this.#drain = new Drain({
      table,
      clock,
      batchSize,
      flushMs,
      onEvent,
      onRejected: (rejected) => this.#reject(rejected),
      more: () => this.#orphans.replay(),
    });
    this.#orphans = new Orphans({
      files,
      owner,
      clock,
      log: new SegmentLog(files, owner.name),
      drain: () => this.#drain,
      count: (result, count) => this.#count(result, count),
      onEvent,
      onDiskFailed: (error) => onEvent({ kind: 'disk-failed', why: messageOf(error) }),
    });
  }

  get pending(): number {
    return this.#drain.length + this.#orphans.pending;
  }

  append(record: BarcodeRecord): Promise<LedgerRefusal | undefined> {
    const refusal = this.#isClosed ? closedRefusal : this.refusal();
    if (refusal !== undefined) return Promise.resolve(this.#notKept(refusal));
    this.#byId.set(record.id, record);
    const { promise, resolve } = Promise.withResolvers<LedgerRefusal | undefined>();
    this.#push({ kind: 'record', record }, (fate) => {
      this.#byId.delete(record.id);
      if (fate === 'stored') this.#count('written', 1);
      if (fate === 'stored' || this.#options.mode === 'memory') resolve(undefined);
      else resolve(this.#notKept(fate === 'rejected' ? rejectedRefusal : unavailableRefusal));
    });
    if (this.#options.mode === 'memory') return Promise.resolve(undefined);
    this.#drain.flush();
    return promise;
  }

  aborted(id: string): void {
    const record = this.#byId.get(id);
    if (record !== undefined) this.#byId.set(id, { ...record, status: 'aborted' });
    if (!this.#isClosed && this.refusal() === undefined) this.#push({ kind: 'aborted', id }, () => {});
  }

  refusal(): LedgerRefusal | undefined {
    if (this.#options.whenFull === 'drop' && this.#options.mode === 'memory') return undefined;
    if (this.#options.mode === 'sync') return this.#drain.isSuspended ? unavailableRefusal : undefined;
    return this.#isFull ? memoryFullRefusal : undefined;
  }

  find(id: string): BarcodeRecord | undefined {
    return this.#byId.get(id);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#orphans.close();
    await this.#drain.close();
    if (this.#byId.size > 0) this.#count('dropped', this.#byId.size);
    if (this.#byId.size > 0)
      this.#options.onEvent?.({ kind: 'dropped', why: 'PostgreSQL did not take them before the end' });
    this.#byId.clear();
  }

  get #isFull(): boolean {
    return this.#drain.length >= (this.#options.maxInMemory ?? MAX_IN_MEMORY);
  }

  #push(entry: LogEntry, settled: (fate: ItemFate) => void): void {
    if (this.#options.mode === 'memory' && this.#isFull) return settled('unavailable');
    this.#drain.push({ entry, mayWait: this.#options.mode === 'memory', settled });
  }

  /** Counts a record that is not kept; what is refused has no reply of its own, what is dropped has. */
  #notKept(refusal: LedgerRefusal): LedgerRefusal {
    this.#count('refused', 1);
    if (!this.#isRefusing) this.#options.onEvent?.({ kind: 'refused', why: refusal.detail });
    this.#isRefusing = true;
    return refusal;
  }

  async #reject({ record, why }: Rejected): Promise<void> {
    this.#count('rejected', 1);
    this.#options.onEvent?.({ kind: 'rejected', id: record.id, why });
    // For a person to look at.
    await this.#options.files.appendLine(REJECTED_FILE, encodeLine(record)).catch((error: unknown) => {
      this.#options.onEvent?.({ kind: 'disk-failed', why: messageOf(error) });
    });
  }

  #count(result: LedgerResult, count: number): void {
    if (count > 0) this.#options.onResult?.(result, count);
  }
}
