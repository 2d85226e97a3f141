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

export type SettledFate = 'stored' | 'rejected';

interface EntriesOutcome {
  /** Of the first entries, up to the first one that was not taken. */
  readonly fates: readonly SettledFate[];
  /** The rejected records among them. */
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
  const left = new Set(outcome.left.map(({ id }) => id));
  let { trouble } = outcome;
  if (left.size === 0 && late.length > 0)
    await inTime(table.setAborted(late), clock).catch((error: unknown) => {
      trouble = error;
    });
  if (trouble !== undefined) for (const id of late) left.add(id);
  const bad = new Set(outcome.rejected.map(({ record }) => record.id));
  const first = entries.findIndex((entry) => left.has(idOf(entry)));
  const taken = first === -1 ? entries : entries.slice(0, first);
  const ids = new Set(taken.map(idOf));
  return {
    fates: taken.map((entry) => (entry.kind === 'record' && bad.has(entry.record.id) ? 'rejected' : 'stored')),
    rejected: outcome.rejected.filter(({ record }) => ids.has(record.id)),
    trouble,
  };
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
