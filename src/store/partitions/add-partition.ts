import type { Pool, PoolClient } from 'pg';
import { LAST_MS, uuidFloor } from '../../core/ids.ts';
import { codeOf } from '../../core/errors.ts';
import { partitionName, startOfDay } from '../../policy/ledger/retention.ts';
import { withClient } from '../borrowed.ts';
import { transaction } from '../transaction.ts';
import { MADE_AT } from './catalog.ts';

/** Locked within a transaction by whoever adds a partition, so that two do not add the same one. */
const ADD_LOCK = 72_707_370;
/** Inserts do not wait for this lock; another change of the table may hold it for as long as it runs. */
const LOCK_WAIT = '2s';

/** Adds the partition of a day, unless there is one. Writers and readers go on: the table is made first, then attached. */
export async function addPartition(client: Pick<PoolClient, 'query'>, day: number): Promise<void> {
  const name = partitionName(day);
  const end = await transaction(client, async () => {
    await client.query(`SET LOCAL lock_timeout = '${LOCK_WAIT}'`);
    await client.query(`SELECT pg_advisory_xact_lock(${ADD_LOCK})`);
    const found = await client.query<{ attached: boolean }>(
      'SELECT relispartition AS attached FROM pg_class WHERE oid = to_regclass($1)',
      [name],
    );
    const [table] = found.rows;
    // A table without a place was detached and not dropped yet: its records come back, and no record is lost.
    if (table === undefined)
      await client.query(`CREATE TABLE ${name} (LIKE barcodes INCLUDING DEFAULTS INCLUDING STORAGE)`);
    if (table?.attached !== true) {
      const nextDay = startOfDay(day + 1);
      const to = nextDay > LAST_MS ? 'MAXVALUE' : `'${uuidFloor(nextDay)}'`;
      const bounds = `FROM ('${uuidFloor(startOfDay(day))}') TO (${to})`;
      await client.query(`ALTER TABLE barcodes ATTACH PARTITION ${name} FOR VALUES ${bounds}`);
      // By the clock of PostgreSQL: those of the hosts may be wrong, which can be why this partition is needed.
      const { rows } = await client.query<{ now: Date }>('SELECT now() AS now');
      await client.query(`COMMENT ON TABLE ${name} IS '${MADE_AT}${rows[0]?.now.toISOString()}'`);
    }
  });
  // Another partition may cover the day, such as that of the records from before there were partitions.
  if (!end.isCommitted && codeOf(end.error) !== OVERLAPS) throw end.error;
}

/** invalid_object_definition */
const OVERLAPS = '42P17';
/** check_violation: also that there is no partition for a row. */
const NO_PARTITION = '23514';
/** A batch of records has ids of so many days at most, or it is a fault. */
const MAX_DAYS = 100;

/** Whether an insert failed because there is no partition for a record, or because the table is being partitioned. */
export const lacksPartition = (error: unknown): boolean => codeOf(error) === NO_PARTITION;

/** Adds the partitions of days for which records have come. */
export async function addPartitions(pool: Pool, days: ReadonlySet<number>): Promise<void> {
  await withClient(pool, async (client) => {
    for (const day of [...days].slice(0, MAX_DAYS)) await addPartition(client, day);
  });
}
