import type { BarcodeRecord } from './records.ts';

/** What became of records: the labels of `rampart_ledger_records_total`. `replayed`: from the segment of a process that had ended. */
export type LedgerResult = 'written' | 'replayed' | 'dropped' | 'rejected' | 'refused' | 'damaged';

export type LedgerEvent =
  | { readonly kind: 'unavailable'; readonly why: string }
  | { readonly kind: 'available' }
  | { readonly kind: 'adopted'; readonly files: number }
  | { readonly kind: 'damaged'; readonly file: string; readonly places: number }
  | { readonly kind: 'rejected'; readonly id: string; readonly why: string }
  /** The first of a series; the metric counts them all. */
  | { readonly kind: 'dropped'; readonly why: string }
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'disk-failed'; readonly why: string };

/** Why a record is not kept, so that its reply must not be sent. */
export interface LedgerRefusal {
  readonly reason: 'ledger-full' | 'store-unavailable';
  readonly detail: string;
}

/** The durable record of what was generated. */
export interface Ledger {
  /**
   * Resolves as soon as the record is as safe as LEDGER_DURABILITY promises, or to why it is not kept: the fate of this
   * record, whatever becomes of its neighbours. Never rejects.
   */
  append(record: BarcodeRecord): Promise<LedgerRefusal | undefined>;
  /** The client of a record that was appended has not got all of its reply. */
  aborted(id: string): void;
  /** Why a record would be refused now, for an answer before the work is done. */
  refusal(): LedgerRefusal | undefined;
  /** Records that PostgreSQL does not have yet. */
  readonly pending: number;
  /** A record that is still in memory, so that a client can read what it has just written. */
  find(id: string): BarcodeRecord | undefined;
  /** Whether records that PostgreSQL does not have are on the disk only, where `find` does not look. */
  readonly isBehind: boolean;
  /** Writes what it can, and leaves the rest on the disk; nothing is appended afterwards. */
  close(): Promise<void>;
}
