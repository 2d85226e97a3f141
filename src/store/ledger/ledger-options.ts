import type { Clock } from '../../core/clock.ts';
import type { LedgerTable } from './insert-entries.ts';
import type { ReportOptions } from './ledger-report.ts';
import type { Owner } from './owner.ts';

/** What every ledger needs, whatever LEDGER_DURABILITY says. */
export interface LedgerOptions extends ReportOptions {
  readonly table: LedgerTable;
  readonly owner: Owner;
  readonly clock: Clock;
  /** LEDGER_BATCH_SIZE. */
  readonly batchSize: number;
  /** LEDGER_FLUSH_MS. */
  readonly flushMs: number;
  /** LEDGER_WHEN_FULL. */
  readonly whenFull: 'refuse' | 'drop';
  /** Most records in memory. */
  readonly maxInMemory?: number;
}

export const MAX_IN_MEMORY = 10_000;
