import type { Clock } from '../../core/clock.ts';
import { StoreError } from '../errors.ts';
import type { BarcodeRecord } from '../records.ts';
import { insertBatch, type InsertMany, type Rejected } from './insert.ts';
import type { LogEntry } from './segment-format.ts';

/** The table of the ledger. */
export interface LedgerTable {
  readonly insertMany: InsertMany;
  /** Marks records that are there as `aborted`; those that are not there are no error. */
  readonly setAborted: (ids: readonly string[]) => Promise<void>;
}

interface EntriesOutcome {
  /** How many of the first entries are stored or rejected. */
  readonly done: number;
  readonly rejected: readonly Rejected[];
  /** Why the rest was not taken. */
  readonly trouble: unknown;
}

/** A statement that takes longer is given up, and its records wait: written twice is harmless, waiting is not. */
const STALL_MS = 2_000;

/** Inserts records and marks aborted ones, in as few statements as possible. */
export async function insertEntries(
  table: LedgerTable,
  entries: readonly LogEntry[],
  clock: Clock,
): Promise<EntriesOutcome> {
  const { records, late } = merged(entries);
  const outcome = await insertBatch((batch) => inTime(table.insertMany(batch), clock), records);
  if (outcome.left.length > 0) {
    const left = new Set([...outcome.left.map(({ id }) => id), ...late]);
    return {
      done: entries.findIndex((entry) => left.has(idOf(entry))),
      rejected: outcome.rejected,
      trouble: outcome.trouble,
    };
  }
  if (late.length > 0) {
    try {
      await inTime(table.setAborted(late), clock);
    } catch (trouble) {
      const left = new Set(late);
      return { done: entries.findIndex((entry) => left.has(idOf(entry))), rejected: outcome.rejected, trouble };
    }
  }
  return { done: entries.length, rejected: outcome.rejected, trouble: undefined };
}

const idOf = (entry: LogEntry): string => (entry.kind === 'record' ? entry.record.id : entry.id);

/** The records with what later entries say of them, and the ids of earlier records that were aborted. */
function merged(entries: readonly LogEntry[]): {
  readonly records: readonly BarcodeRecord[];
  readonly late: readonly string[];
} {
  const records = new Map<string, BarcodeRecord>();
  const late: string[] = [];
  for (const entry of entries) {
    if (entry.kind === 'record') records.set(entry.record.id, entry.record);
    else {
      const record = records.get(entry.id);
      if (record === undefined) late.push(entry.id);
      else records.set(entry.id, { ...record, status: 'aborted' });
    }
  }
  return { records: [...records.values()], late };
}

async function inTime<T>(work: Promise<T>, clock: Clock): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const stall = clock.setTimeout(
    () => reject(new StoreError('unavailable', `PostgreSQL has not answered for ${STALL_MS} ms`, undefined, undefined)),
    STALL_MS,
  );
  try {
    return await Promise.race([work, promise]);
  } finally {
    stall.cancel();
  }
}
