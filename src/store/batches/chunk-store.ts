import type { Pool, PoolClient } from 'pg';
import { batchItemId, uuidv7Time } from '../../core/ids.ts';
import { INSERT_MANY, insertParameters } from '../barcodes.ts';
import { toStoreError } from '../errors.ts';
import type { BarcodeRecord } from '../records.ts';
import { withPartitions } from '../partitions/with-partitions.ts';
import { inTransaction } from '../transaction.ts';
import {
  type Chunk,
  CHUNK_QUEUE,
  type ChunkQueue,
  type ClaimedChunk,
  DEAD_QUEUE,
  QUEUE_SCHEMA,
} from './chunk-queue.ts';

/** An item that has no result yet. */
export interface PendingItem {
  readonly item: number;
  /** The canonical request, as JSON. */
  readonly request: string;
}

/** What became of an item: its image, or why there is none. */
export type ItemOutcome =
  | { readonly kind: 'made'; readonly item: number; readonly request: ItemRequest; readonly bytes: Uint8Array }
  | { readonly kind: 'failed'; readonly item: number; readonly reason: string; readonly detail: string };

/** The parts of a canonical request that its record has. */
export interface ItemRequest {
  readonly symbology: string;
  readonly format: string;
  readonly text: string;
}

/** What a worker does with a chunk after it has stored outcomes: goes on, ends it, or puts the rest back into the queue. */
export type ChunkEnd = 'more' | 'done' | 'put-back';

/** Items of a chunk: large enough that the queue costs little, small enough that keys take turns often. */
export const CHUNK_ITEMS = 250;
/** Chunks in the queue for each worker: the next one is there when one ends, and the others stay rows of their batch. */
const QUEUED_PER_WORKER = 2;
/** Seconds before a chunk that was put back is taken again. */
const PUT_BACK_SECONDS = 2;

const QUEUED = `SELECT count(*)::int AS queued FROM ${QUEUE_SCHEMA}.job
WHERE name = '${CHUNK_QUEUE}' AND state IN ('created', 'retry') AND start_after <= now()`;

// The key whose last turn is longest ago, then its oldest batch. A key that has been revoked has no more turns.
const NEXT_OPEN = `SELECT batches.id, batches.key_id AS "keyId", fed, total FROM batches
JOIN api_keys ON api_keys.id = batches.key_id AND revoked_at IS NULL
LEFT JOIN batch_turns ON batch_turns.key_id = batches.key_id
WHERE status = 'running' AND fed < total
ORDER BY fed_at NULLS FIRST, batches.id LIMIT 1 FOR UPDATE OF batches SKIP LOCKED`;
const FEED = `UPDATE batches SET fed = $2, started_at = coalesce(started_at, now()) WHERE id = $1`;
const TAKE_TURN = `INSERT INTO batch_turns (key_id, fed_at) VALUES ($1, clock_timestamp())
ON CONFLICT (key_id) DO UPDATE SET fed_at = EXCLUDED.fed_at`;

const ITEMS = `SELECT item, request FROM batch_items JOIN batches ON batches.id = batch_id AND status = 'running'
WHERE batch_id = $1 AND item >= $2 AND item < $2 + $3
  AND NOT EXISTS (SELECT FROM batch_results done WHERE done.batch_id = $1 AND done.item = batch_items.item)
ORDER BY item`;

// The attempt must still be this one: a worker that was taken for dead must change nothing.
const GUARD = `SELECT 1 FROM ${QUEUE_SCHEMA}.job
WHERE name = $1 AND id = $2 AND state = 'active' AND retry_count = $3 FOR UPDATE`;
const INSERT_RESULTS = `INSERT INTO batch_results (batch_id, item, reason, detail)
SELECT $1, item, reason, detail FROM unnest($2::int[], $3::text[], $4::text[]) AS result (item, reason, detail)
ON CONFLICT (batch_id, item) DO NOTHING RETURNING reason IS NULL AS made`;
const COUNT = `UPDATE batches SET done = done + $2, failed = failed + $3,
  status = CASE WHEN status = 'running' AND done + failed + $2 + $3 >= total THEN 'completed' ELSE status END,
  finished_at = CASE WHEN done + failed + $2 + $3 >= total THEN coalesce(finished_at, now()) ELSE finished_at END
WHERE id = $1`;

const OLD_BATCH = `SELECT id FROM batches
WHERE finished_at < now() - $1 * interval '1 day' ORDER BY finished_at LIMIT 1`;
/** Short statements, because those who write results wait for none of them. */
const REMOVED_AT_ONCE = 5000;
const removeRows = (table: string): string => `DELETE FROM ${table} WHERE (batch_id, item) IN (
  SELECT batch_id, item FROM ${table} WHERE batch_id = $1 LIMIT $2)`;

const IS_RUNNING = `SELECT 1 FROM batches WHERE id = $1 AND status = 'running'`;
// The batches of a revoked key stand still, so nothing is pending there.
const PENDING = `SELECT coalesce(sum(total - done - failed), 0)::int AS pending FROM batches
JOIN api_keys ON api_keys.id = key_id AND revoked_at IS NULL WHERE status = 'running'`;

/** What a transaction has stored; undefined if the chunk was no longer this worker's. */
export interface Stored {
  readonly made: number;
  readonly failed: number;
}

/** The work of batch workers in PostgreSQL. */
export class ChunkStore {
  readonly #pool: Pool;
  readonly #queue: ChunkQueue;

  constructor(pool: Pool, queue: ChunkQueue) {
    this.#pool = pool;
    this.#queue = queue;
  }

  /** Moves chunks of open batches into the queue, for this many workers; keys take turns. */
  async feed(workers: number): Promise<void> {
    const { rows } = await this.#pool.query<{ queued: number }>(QUEUED);
    for (let queued = rows[0]?.queued ?? 0; queued < QUEUED_PER_WORKER * workers; queued++) {
      if (!(await inTransaction(this.#pool, (client) => this.#feedOne(client)))) return;
    }
  }

  async #feedOne(client: PoolClient): Promise<boolean> {
    const [open] = (await client.query<{ id: string; keyId: string; fed: number; total: number }>(NEXT_OPEN)).rows;
    if (open === undefined) return false;
    const { id, keyId, fed, total } = open;
    const count = Math.min(CHUNK_ITEMS, total - fed);
    await client.query(FEED, [id, fed + count]);
    await client.query(TAKE_TURN, [keyId]);
    await this.#queue.add(client, [{ batchId: id, keyId, first: fed + 1, count }]);
    return true;
  }

  /** The items of a chunk that have no result; none if its batch was cancelled. */
  async items({ batchId, first, count }: Chunk): Promise<PendingItem[]> {
    return (await this.#pool.query<PendingItem>(ITEMS, [batchId, first, count])).rows;
  }

  /** Whether the batch takes no further results, because it was cancelled. */
  async isOver({ batchId }: Chunk): Promise<boolean> {
    return (await this.#pool.query(IS_RUNNING, [batchId])).rowCount === 0;
  }

  /** Items of all batches that have no result. */
  async pending(): Promise<number> {
    return (await this.#pool.query<{ pending: number }>(PENDING)).rows[0]?.pending ?? 0;
  }

  /** Stores outcomes, counts them, and ends the chunk, all of it or nothing. An outcome that is there already stays. */
  async store(chunk: ClaimedChunk, outcomes: readonly ItemOutcome[], end: ChunkEnd): Promise<Stored | undefined> {
    const ids = outcomes.slice(0, 1).map(({ item }) => batchItemId(chunk.batchId, item));
    const work = withPartitions(this.#pool, ids, () => this.#storeAll(chunk, outcomes, end));
    return work.catch((error: unknown) => {
      throw toStoreError('store the results of a chunk', error, () => false);
    });
  }

  #storeAll(chunk: ClaimedChunk, outcomes: readonly ItemOutcome[], end: ChunkEnd): Promise<Stored | undefined> {
    return inTransaction(this.#pool, async (client) => {
      if (!(await this.#isOurs(client, CHUNK_QUEUE, chunk))) return undefined;
      const stored = await storeOutcomes(client, chunk, outcomes);
      if (end === 'put-back') await this.#queue.add(client, [chunkOf(chunk)], PUT_BACK_SECONDS);
      if (end !== 'more') await this.#queue.complete(client, chunk);
      return stored;
    });
  }

  /**
   * Removes batches that ended so many days ago, with their items and results, some at a time; false if there are none. Their
   * barcodes are records, which have a retention of their own.
   */
  async removeOld(days: number): Promise<boolean> {
    const [old] = (await this.#pool.query<{ id: string }>(OLD_BATCH, [days])).rows;
    if (old === undefined) return false;
    for (const table of ['batch_results', 'batch_items'])
      for (let removed = REMOVED_AT_ONCE; removed === REMOVED_AT_ONCE;)
        removed = (await this.#pool.query(removeRows(table), [old.id, REMOVED_AT_ONCE])).rowCount ?? 0;
    await this.#pool.query('DELETE FROM batch_webhooks WHERE batch_id = $1', [old.id]);
    await this.#pool.query('DELETE FROM batches WHERE id = $1', [old.id]);
    return true;
  }

  /** Puts the halves of a dead chunk into the queue, or gives up the one item that is left of it. */
  async split(chunk: ClaimedChunk, why: string): Promise<Stored | undefined> {
    const { first, count } = chunk;
    return inTransaction(this.#pool, async (client) => {
      if (!(await this.#isOurs(client, DEAD_QUEUE, chunk))) return undefined;
      const outcome = { kind: 'failed', item: first, reason: 'dead-letter', detail: why } as const;
      const half = count >> 1;
      const halves = [
        { ...chunkOf(chunk), count: half },
        { ...chunkOf(chunk), first: first + half, count: count - half },
      ];
      if (count > 1) await this.#queue.add(client, halves);
      const stored = await storeOutcomes(client, chunk, count > 1 ? [] : [outcome]);
      await this.#queue.complete(client, chunk, DEAD_QUEUE);
      return stored;
    });
  }

  async #isOurs(client: PoolClient, queue: string, { jobId, attempt }: ClaimedChunk): Promise<boolean> {
    return (await client.query(GUARD, [queue, jobId, attempt])).rowCount === 1;
  }
}

const chunkOf = ({ batchId, keyId, first, count }: Chunk): Chunk => ({ batchId, keyId, first, count });

async function storeOutcomes(
  client: PoolClient,
  { batchId, keyId }: Chunk,
  outcomes: readonly ItemOutcome[],
): Promise<Stored> {
  const records = outcomes.flatMap((outcome) => (outcome.kind === 'made' ? [recordOf(batchId, keyId, outcome)] : []));
  if (records.length > 0) await client.query(INSERT_MANY, insertParameters(records));
  if (outcomes.length === 0) return { made: 0, failed: 0 };
  const { rows } = await client.query<{ made: boolean }>(INSERT_RESULTS, [
    batchId,
    outcomes.map(({ item }) => item),
    outcomes.map((outcome) => (outcome.kind === 'made' ? null : outcome.reason)),
    outcomes.map((outcome) => (outcome.kind === 'made' ? null : outcome.detail)),
  ]);
  const made = rows.filter((row) => row.made).length;
  const stored = { made, failed: rows.length - made };
  await client.query(COUNT, [batchId, stored.made, stored.failed]);
  return stored;
}

type Made = Extract<ItemOutcome, { kind: 'made' }>;

function recordOf(batchId: string, keyId: string, { item, request, bytes }: Made): BarcodeRecord {
  const { symbology, format, text } = request;
  const requestId = `${batchId}/${item}`;
  const createdAtMs = uuidv7Time(batchId) ?? 0;
  return {
    id: batchItemId(batchId, item),
    keyId,
    symbology,
    format,
    text,
    bytes,
    requestId,
    createdAtMs,
    status: 'delivered',
  };
}
