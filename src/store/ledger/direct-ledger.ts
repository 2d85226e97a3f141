import type { Clock } from '../../core/clock.ts';
import type { Ledger, LedgerEvent, LedgerRefusal, LedgerResult } from '../ledger.ts';
import type { BarcodeRecord } from '../records.ts';
import { Drain, type ItemFate } from './drain.ts';
import type { LedgerTable } from './insert-entries.ts';
import type { LedgerFiles } from './ledger-files.ts';
import { LedgerReport } from './ledger-report.ts';
import { Orphans } from './orphans.ts';
import type { Owner } from './owner.ts';
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
  readonly #report: LedgerReport;
  #isClosed = false;

  constructor(options: DirectOptions) {
    this.#options = options;
    const { files, owner, table, clock, batchSize, flushMs } = options;
    this.#report = new LedgerReport(options);
    const onEvent = (event: LedgerEvent): void => this.#report.event(event);
    this.#drain = new Drain({
      table,
      clock,
      batchSize,
      flushMs,
      onEvent,
      onRejected: (rejected) => this.#report.rejected(rejected),
      // What another mode has left can wait for the next start.
      more: async () => !this.#isClosed && this.#orphans.replay(),
    });
    this.#orphans = new Orphans({
      files,
      owner,
      clock,
      log: new SegmentLog(files, owner.name),
      drain: () => this.#drain,
      count: (result, count) => this.#report.count(result, count),
      onEvent,
      onDiskFailed: (error) => this.#report.diskFailed(error),
    });
  }

  get pending(): number {
    return this.#drain.length + this.#orphans.pending;
  }

  append(record: BarcodeRecord): Promise<LedgerRefusal | undefined> {
    const refusal = this.#isClosed ? closedRefusal : this.refusal();
    if (refusal !== undefined) return Promise.resolve(this.#report.refused(refusal));
    this.#byId.set(record.id, record);
    const { promise, resolve } = Promise.withResolvers<LedgerRefusal | undefined>();
    this.#push({ kind: 'record', record }, (fate) => {
      this.#byId.delete(record.id);
      if (fate === 'stored') {
        this.#report.count('written', 1);
        this.#report.kept();
      }
      if (fate === 'stored' || this.#options.mode === 'memory') resolve(undefined);
      else resolve(this.#report.refused(fate === 'rejected' ? rejectedRefusal : unavailableRefusal));
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
    if (this.#byId.size > 0) this.#report.dropped(this.#byId.size, 'PostgreSQL did not take them before the end');
    this.#byId.clear();
  }

  get #isFull(): boolean {
    return this.#drain.length >= (this.#options.maxInMemory ?? MAX_IN_MEMORY);
  }

  #push(entry: LogEntry, settled: (fate: ItemFate) => void): void {
    if (this.#options.mode === 'memory' && this.#isFull) {
      if (entry.kind === 'record') this.#report.dropped(1, 'too many wait in memory for PostgreSQL');
      settled('unavailable');
      return;
    }
    this.#drain.push({ entry, mayWait: this.#options.mode === 'memory', settled });
  }
}
