import type { Pool } from 'pg';
import { isUuid } from '../cursor.ts';
import { type Batch, BATCH_COLUMNS, type BatchRow, batchOf, CANCEL_BATCH, WITH_WEBHOOKS } from './batches.ts';

/** A batch with the key that it belongs to. */
export interface BatchOfKey extends Batch {
  readonly keyId: string;
  readonly keyName: string;
  readonly keyPrefix: string;
}

export interface StoppedBatch {
  readonly batch: BatchOfKey;
  /** Whether this call cancelled it; false if it had ended before. */
  readonly isChanged: boolean;
}

/** The batches of all keys, for those who run the host. */
export interface BatchOverview {
  /** Those that have not ended first; of both, the newest, at most one more than `MOST_SHOWN`. */
  newest(): Promise<BatchOfKey[]>;
  /** Cancels a batch, so that no further item is begun. Undefined if there is no such batch; one that has ended stays as it is. */
  stop(id: string): Promise<StoppedBatch | undefined>;
}

export const MOST_SHOWN = 50;

interface Row extends BatchRow {
  readonly keyId: string;
  readonly keyName: string;
  readonly keyPrefix: string;
}

const SELECT = `SELECT ${BATCH_COLUMNS}, key_id AS "keyId",
  (SELECT name FROM api_keys WHERE api_keys.id = key_id) AS "keyName",
  (SELECT prefix FROM api_keys WHERE api_keys.id = key_id) AS "keyPrefix" FROM ${WITH_WEBHOOKS}`;
// One query for each state, because the index has the state first.
const NEWEST = `${SELECT} WHERE status = $1 ORDER BY id DESC LIMIT ${MOST_SHOWN + 1}`;
const ONE = `${SELECT} WHERE id = $1`;

const ofKey = (row: Row): BatchOfKey => ({
  ...batchOf(row),
  keyId: row.keyId,
  keyName: row.keyName,
  keyPrefix: row.keyPrefix,
});

export function batchOverview(pool: Pick<Pool, 'query'>): BatchOverview {
  const newest = async (status: string): Promise<BatchOfKey[]> =>
    (await pool.query<Row>(NEWEST, [status])).rows.map(ofKey);
  return {
    async newest() {
      const running = await newest('running');
      const ended = [...(await newest('completed')), ...(await newest('cancelled'))];
      ended.sort(({ id: one }, { id: other }) => (one < other ? 1 : -1));
      return [...running, ...ended].slice(0, MOST_SHOWN + 1);
    },
    async stop(id) {
      if (!isUuid(id)) return undefined;
      const { rowCount } = await pool.query(CANCEL_BATCH, [id]);
      const [row] = (await pool.query<Row>(ONE, [id])).rows;
      return row && { batch: ofKey(row), isChanged: rowCount === 1 };
    },
  };
}
