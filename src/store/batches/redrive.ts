import type { Pool } from 'pg';
import { type GivenUpItem, redrivableReasons, redriveRanges } from '../../policy/batch/redrive.ts';
import { isUuid } from '../cursor.ts';
import { inTransaction } from '../transaction.ts';
import { type BatchStatus, NEW_BATCH_CHANNEL } from './batches.ts';
import type { ChunkQueue } from './chunk-queue.ts';
import { CHUNK_ITEMS } from './chunk-store.ts';

/** Items of one batch that were given up for one reason, and may be taken up again. */
export interface GivenUp {
  readonly batchId: string;
  readonly keyId: string;
  readonly keyName: string;
  readonly reason: string;
  readonly items: number;
  /** The first of them, and what was said of it. */
  readonly first: number;
  readonly detail: string;
}

/** `redriven`: so many items are in the queue again. */
export type Redriven =
  | { readonly kind: 'redriven'; readonly items: number }
  | { readonly kind: 'no-batch' | 'nothing' | 'cancelled' | 'revoked' };

// For each batch by itself, so that its results are found by their key and the results of all others are not read.
const LIST = `SELECT batches.id AS "batchId", key_id AS "keyId", api_keys.name AS "keyName", reason, items, first, detail
FROM batches JOIN api_keys ON api_keys.id = key_id, LATERAL (
  SELECT reason, count(*)::int AS items, min(item) AS first, (array_agg(detail ORDER BY item))[1] AS detail
  FROM batch_results WHERE batch_id = batches.id AND reason = ANY($1) GROUP BY reason) given_up
WHERE failed > 0 ORDER BY batches.id DESC, reason`;

const LOCK = `SELECT key_id AS "keyId", status, revoked_at IS NOT NULL AS "isRevoked" FROM batches
JOIN api_keys ON api_keys.id = key_id WHERE batches.id = $1 FOR UPDATE OF batches`;
const TAKE = `DELETE FROM batch_results WHERE batch_id = $1 AND reason = ANY($2) RETURNING item, reason`;
const REOPEN = `UPDATE batches SET failed = failed - $2, status = 'running', finished_at = NULL WHERE id = $1`;
// The batch ends once more, which is announced once more.
const ANNOUNCE_AGAIN = `UPDATE batch_webhooks SET state = 'waiting', attempts = 0, last_error = NULL WHERE batch_id = $1`;
/** Jobs of one statement. */
const AT_ONCE = 1000;

/** What an operator does with items that were given up. */
export class Redrive {
  readonly #pool: Pool;
  readonly #queue: Pick<ChunkQueue, 'add'>;

  constructor(pool: Pool, queue: Pick<ChunkQueue, 'add'>) {
    this.#pool = pool;
    this.#queue = queue;
  }

  /** Newest batches first. */
  async list(): Promise<GivenUp[]> {
    return (await this.#pool.query<GivenUp>(LIST, [redrivableReasons])).rows;
  }

  /** Takes up the items of a batch again that were given up: their results go, and the batch runs until they have new ones. */
  async redrive(batchId: string): Promise<Redriven> {
    if (!isUuid(batchId)) return { kind: 'no-batch' };
    return inTransaction(this.#pool, async (client): Promise<Redriven> => {
      const found = await client.query<{ keyId: string; status: BatchStatus; isRevoked: boolean }>(LOCK, [batchId]);
      const [batch] = found.rows;
      if (batch === undefined) return { kind: 'no-batch' };
      if (batch.status === 'cancelled') return { kind: 'cancelled' };
      if (batch.isRevoked) return { kind: 'revoked' };
      const { rows: items } = await client.query<GivenUpItem>(TAKE, [batchId, redrivableReasons]);
      if (items.length === 0) return { kind: 'nothing' };
      await client.query(REOPEN, [batchId, items.length]);
      await client.query(ANNOUNCE_AGAIN, [batchId]);
      const chunks = redriveRanges(items, CHUNK_ITEMS).map((range) => ({ batchId, keyId: batch.keyId, ...range }));
      for (let at = 0; at < chunks.length; at += AT_ONCE) await this.#queue.add(client, chunks.slice(at, at + AT_ONCE));
      await client.query(`NOTIFY ${NEW_BATCH_CHANNEL}`);
      return { kind: 'redriven', items: items.length };
    });
  }
}
