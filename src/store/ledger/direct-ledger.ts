import type { Ledger, LedgerRefusal } from '../ledger.ts';
import type { BarcodeRecord } from '../records.ts';
import { Drain, type ItemFate } from './drain.ts';
import { type LedgerOptions, MAX_IN_MEMORY } from './ledger-options.ts';
import { LedgerReport } from './ledger-report.ts';
import { Orphans } from './orphans.ts';
import { closedRefusal, memoryFullRefusal, rejectedRefusal, unavailableRefusal } from './refusals.ts';
import type { LogEntry } from './segment-format.ts';
import { SegmentLog } from './segment-log.ts';

export interface DirectOptions extends LedgerOptions {
  /** `sync`: a record is kept when PostgreSQL has it. `memory`: as soon as it is in memory. */
  readonly mode: 'sync' | 'memory';
}

/** An insert that was stuck when PostgreSQL came back has ended by then. */
const SECOND_MARK_MS = 2_000;

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
    this.#report = new LedgerReport(options);
    const report = this.#report;
    // Records that another mode has left can wait for the next start.
    this.#drain = new Drain({ ...options, report, more: async () => !this.#isClosed && this.#orphans.replay() });
    const log = new SegmentLog(options.files, options.owner.name);
    this.#orphans = new Orphans({ ...options, log, report, drain: this.#drain });
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
      else {
        if (fate === 'unavailable') this.#disown(record.id);
        resolve(this.#report.refused(fate === 'rejected' ? rejectedRefusal : unavailableRefusal));
      }
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

  get isBehind(): boolean {
    return false;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#orphans.close();
    await this.#drain.close();
    if (this.#byId.size > 0) this.#report.dropped(this.#byId.size, 'PostgreSQL did not take them before the end');
    this.#byId.clear();
  }

  /**
   * Marks a record whose request is refused because PostgreSQL did not say in time whether it has it: if it has, nobody got
   * the reply. Twice, because PostgreSQL may run the mark before the insert that was stuck, if both waited for the same lock.
   */
  #disown(id: string, marks = 2): void {
    if (this.#isClosed || marks === 0) return;
    const again = (): void => void this.#options.clock.setTimeout(() => this.#disown(id, marks - 1), SECOND_MARK_MS);
    this.#drain.push({ entry: { kind: 'aborted', id }, mayWait: true, settled: again });
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
