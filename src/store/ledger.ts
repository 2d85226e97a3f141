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
}
