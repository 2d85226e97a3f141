import type { Pool } from 'pg';
import { messageOf } from '../../core/errors.ts';
import { dayOf } from '../../policy/ledger/retention.ts';
import { StoreError } from '../errors.ts';
import { addPartitions, lacksPartition } from './add-partition.ts';

/**
 * Runs an insert of records, and once more if there was no partition for one of them: their ids may be of a day long past,
 * or of a clock that is wrong. What fails again may be stored later, so it counts as unavailable, never as rejected.
 */
export async function withPartitions<Result>(
  pool: Pool,
  ids: readonly string[],
  insert: () => Promise<Result>,
): Promise<Result> {
  try {
    return await insert();
  } catch (error) {
    if (!lacksPartition(error)) throw error;
  }
  try {
    await addPartitions(pool, new Set(ids.map(dayOfId)));
    return await insert();
  } catch (error) {
    if (!lacksPartition(error)) throw error;
    throw new StoreError('unavailable', `Cannot make a partition for records: ${messageOf(error)}`, undefined, error);
  }
}

/** The day of an id's first 48 bits, by which the table is partitioned. */
const dayOfId = (id: string): number => dayOf(Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16));
