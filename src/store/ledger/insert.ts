import { messageOf } from '../../core/errors.ts';
import { StoreError } from '../errors.ts';
import type { BarcodeRecord } from '../records.ts';

export type InsertMany = (records: readonly BarcodeRecord[]) => Promise<number>;

export interface Rejected {
  readonly record: BarcodeRecord;
  readonly why: string;
}

export interface InsertOutcome {
  readonly stored: readonly BarcodeRecord[];
  /** PostgreSQL will never take these. */
  readonly rejected: readonly Rejected[];
  /** Records that were not tried, or that may not be stored, because PostgreSQL is unavailable. */
  readonly left: readonly BarcodeRecord[];
  /** Why they are left. */
  readonly trouble: unknown;
}

/** A fault of the record rather than of the moment. TypeError and RangeError: the driver could not even write it down. */
function isRejection(error: unknown): boolean {
  if (error instanceof StoreError) return error.reason === 'rejected';
  return error instanceof TypeError || error instanceof RangeError;
}

/** Inserts a batch; one bad record must not block the others, so a batch that is rejected is halved until it stands alone. */
export async function insertBatch(insertMany: InsertMany, records: readonly BarcodeRecord[]): Promise<InsertOutcome> {
  try {
    await insertMany(records);
    return { stored: records, rejected: [], left: [], trouble: undefined };
  } catch (error) {
    if (!isRejection(error)) return { stored: [], rejected: [], left: records, trouble: error };
    const [only] = records;
    if (only !== undefined && records.length === 1)
      return { stored: [], rejected: [{ record: only, why: messageOf(error) }], left: [], trouble: undefined };
  }
  const middle = records.length >> 1;
  const first = await insertBatch(insertMany, records.slice(0, middle));
  // An outage in between: do not ask again for the second half.
  if (first.left.length > 0) return { ...first, left: [...first.left, ...records.slice(middle)] };
  const second = await insertBatch(insertMany, records.slice(middle));
  return {
    stored: [...first.stored, ...second.stored],
    rejected: [...first.rejected, ...second.rejected],
    left: second.left,
    trouble: second.trouble,
  };
}
