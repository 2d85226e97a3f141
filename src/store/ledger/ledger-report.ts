import { messageOf } from '../../core/errors.ts';
import type { LedgerEvent, LedgerRefusal, LedgerResult } from '../ledger.ts';
import type { Rejected } from './insert.ts';
import type { LedgerFiles } from './ledger-files.ts';
import { encodeLine, REJECTED_FILE } from './record-line.ts';

export interface ReportOptions {
  readonly files: LedgerFiles;
  readonly onResult?: ((result: LedgerResult, count: number) => void) | undefined;
  readonly onEvent?: ((event: LedgerEvent) => void) | undefined;
}

/** Counts what becomes of records, and tells of the first of a series. */
export class LedgerReport {
  readonly #options: ReportOptions;
  #isLosing = false;
  #isDiskFailing = false;

  constructor(options: ReportOptions) {
    this.#options = options;
  }

  get isDiskFailing(): boolean {
    return this.#isDiskFailing;
  }

  count(result: LedgerResult, count: number): void {
    if (count > 0) this.#options.onResult?.(result, count);
  }

  event(event: LedgerEvent): void {
    this.#options.onEvent?.(event);
  }

  /** A record is kept again, so the next loss begins a new series. */
  kept(): void {
    this.#isLosing = false;
  }

  refused(why: LedgerRefusal): LedgerRefusal {
    this.#lose('refused', 1, why.detail);
    return why;
  }

  dropped(count: number, why: string): void {
    this.#lose('dropped', count, why);
  }

  #lose(kind: 'refused' | 'dropped', count: number, why: string): void {
    this.count(kind, count);
    if (!this.#isLosing) this.event({ kind, why });
    this.#isLosing = true;
  }

  /** Keeps a record that PostgreSQL will never take, for a person to look at. */
  async rejected({ record, why }: Rejected): Promise<void> {
    this.count('rejected', 1);
    this.event({ kind: 'rejected', id: record.id, why });
    await this.#options.files.appendLine(REJECTED_FILE, encodeLine(record)).catch((error: unknown) => {
      this.diskFailed(error);
    });
  }

  /** Places of a segment that were damaged; 0: none. */
  damaged(file: string, places: number): void {
    if (places === 0) return;
    this.count('damaged', places);
    this.event({ kind: 'damaged', file, places });
  }

  diskFailed(error: unknown): void {
    if (!this.#isDiskFailing) this.event({ kind: 'disk-failed', why: messageOf(error) });
    this.#isDiskFailing = true;
  }

  diskWorks(): void {
    this.#isDiskFailing = false;
  }
}
