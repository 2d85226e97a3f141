import { createHash, type Hash } from 'node:crypto';
import type { Pool, PoolClient } from 'pg';
import { cursorAfter, idOfCursor, isUuid } from '../cursor.ts';
import { inTransaction } from '../transaction.ts';
import { type BatchKey, claimBatchKey, finishBatchKey, type KeyTaken } from './batch-claim.ts';
import { COPY_LIMIT_MS, copyIn } from './copy-in.ts';

/** `running`: waits or is worked on; `completed`: every item has a result; `cancelled`: no further item is begun. */
export type BatchStatus = 'running' | 'completed' | 'cancelled';

/** A batch as its progress shows it. */
export interface Batch {
  /** UUIDv7. */
  readonly id: string;
  readonly total: number;
  /** Items with a barcode. */
  readonly done: number;
  /** Items without one, for a reason that their results give. */
  readonly failed: number;
  readonly status: BatchStatus;
  /** Milliseconds since the epoch; the first item was begun, the last one ended. */
  readonly createdAtMs: number;
  readonly startedAtMs: number | undefined;
  readonly finishedAtMs: number | undefined;
  /** How far the announcement of its end is; undefined if nobody has asked for one. */
  readonly webhook: BatchWebhook | undefined;
}

/** `waiting` for the end of the batch; `sending`: it is sent, and sent again while it fails; `failed`: it has been given up. */
export type WebhookState = 'waiting' | 'sending' | 'delivered' | 'failed';

export interface BatchWebhook {
  readonly state: WebhookState;
  readonly attempts: number;
  /** Why the last attempt failed. */
  readonly lastError: string | undefined;
}

/** What became of an item. */
export interface BatchResult {
  /** From 1 on. */
  readonly item: number;
  /** The canonical request. */
  readonly request: string;
  /** Why there is no barcode; undefined where there is one. */
  readonly reason: string | undefined;
  readonly detail: string | undefined;
}

export interface NewBatch {
  readonly id: string;
  readonly keyId: string;
  readonly createdAtMs: number;
  readonly idempotency?: BatchKey | undefined;
  /** Where its end is announced. */
  readonly webhook?: string | undefined;
}

/**
 * `accepted`: it is stored. `repeated`: an earlier request with its key and its items has made this batch. `mismatch`: the
 * earlier one had other items. `under-way`: it has not ended. `no-secret`: the key has none that a webhook could be signed with.
 */
export type Accepted =
  | { readonly kind: 'accepted'; readonly total: number }
  | { readonly kind: 'repeated'; readonly batch: Batch }
  | { readonly kind: 'mismatch' | 'under-way' | 'no-secret' };

type BatchPage =
  | { readonly kind: 'page'; readonly batches: readonly Batch[]; readonly nextCursor: string | undefined }
  | { readonly kind: 'malformed-cursor' };

/** Every read takes the key that asks: what another key made does not exist for it. */
export interface BatchStore {
  /**
   * Stores a batch with the canonical requests of its items, in parts as they come: all of them, or none if the iteration throws.
   */
  accept(batch: NewBatch, items: AsyncIterable<readonly string[]>): Promise<Accepted>;
  get(keyId: string, id: string): Promise<Batch | undefined>;
  /** Newest first. */
  list(request: { keyId: string; pageSize: number; cursor?: string | undefined }): Promise<BatchPage>;
  /** Begins no further item; the batch as it is then. One that has ended stays as it is. */
  cancel(keyId: string, id: string): Promise<Batch | undefined>;
  /** The results of items above `after`, in order. */
  results(id: string, after: number, limit: number): Promise<BatchResult[]>;
  /** The images of records, by their ids; without those that retention has dropped. */
  images(recordIds: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>>;
}

/** Batch workers listen here for new batches. */
export const NEW_BATCH_CHANNEL = 'rampart_batch';

const COPY_ITEMS = 'COPY batch_items (batch_id, item, request) FROM STDIN';
const INSERT_BATCH = 'INSERT INTO batches (id, key_id, total, created_at) VALUES ($1, $2, $3, $4)';
const HAS_SECRET = 'SELECT 1 FROM api_keys WHERE id = $1 AND webhook_secret IS NOT NULL';
const INSERT_WEBHOOK = 'INSERT INTO batch_webhooks (batch_id, url) VALUES ($1, $2)';
/** Of `batches LEFT JOIN batch_webhooks`. */
export const BATCH_COLUMNS = `id, total, done, failed, status, created_at AS "createdAt", started_at AS "startedAt",
  finished_at AS "finishedAt", state AS "webhookState", attempts, last_error AS "lastError"`;
export const WITH_WEBHOOKS = 'batches LEFT JOIN batch_webhooks ON batch_id = id';
const GET = `SELECT ${BATCH_COLUMNS} FROM ${WITH_WEBHOOKS} WHERE id = $1 AND key_id = $2`;
const LIST = `SELECT ${BATCH_COLUMNS} FROM ${WITH_WEBHOOKS} WHERE key_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3`;
/** Begins no further item of a batch; one that has ended stays as it is. */
export const CANCEL_BATCH = `UPDATE batches SET status = 'cancelled', finished_at = now() WHERE id = $1 AND status = 'running'`;
const CANCEL = `${CANCEL_BATCH} AND key_id = $2`;
const RESULTS = `SELECT item, request, reason, detail FROM batch_results JOIN batch_items USING (batch_id, item)
WHERE batch_id = $1 AND item > $2 ORDER BY item LIMIT $3`;

const IMAGES = 'SELECT id, bytes FROM barcodes WHERE id = ANY($1::uuid[])';

export interface BatchRow {
  readonly id: string;
  readonly total: number;
  readonly done: number;
  readonly failed: number;
  readonly status: BatchStatus;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
  readonly webhookState: WebhookState | null;
  readonly attempts: number | null;
  readonly lastError: string | null;
}

export const batchOf = ({ createdAt, startedAt, finishedAt, ...row }: BatchRow): Batch => ({
  id: row.id,
  total: row.total,
  done: row.done,
  failed: row.failed,
  status: row.status,
  webhook:
    row.webhookState === null
      ? undefined
      : { state: row.webhookState, attempts: row.attempts ?? 0, lastError: row.lastError ?? undefined },
  createdAtMs: createdAt.getTime(),
  startedAtMs: startedAt?.getTime(),
  finishedAtMs: finishedAt?.getTime(),
});

export function batchStore(pool: Pool): BatchStore {
  const get = async (keyId: string, id: string): Promise<Batch | undefined> => {
    if (!isUuid(id)) return undefined;
    const [row] = (await pool.query<BatchRow>(GET, [id, keyId])).rows;
    return row && batchOf(row);
  };
  return {
    async accept(batch, items) {
      const answer = await inTransaction(pool, (client) => accept(client, batch, items));
      if (answer.kind !== 'done') return answer;
      if (!(await hashOf(items, batch.webhook)).equals(answer.bodyHash)) return { kind: 'mismatch' };
      const first = await get(batch.keyId, answer.id);
      // The same key and body, and no batch of them: it was one barcode, or retention has removed it.
      return first === undefined ? { kind: 'mismatch' } : { kind: 'repeated', batch: first };
    },
    get,
    async list({ keyId, pageSize, cursor }) {
      const before = cursor === undefined ? undefined : idOfCursor(cursor);
      if (cursor !== undefined && before === undefined) return { kind: 'malformed-cursor' };
      // One row more than the page shows whether another page follows.
      const { rows } = await pool.query<BatchRow>(LIST, [keyId, before ?? null, pageSize + 1]);
      const batches = rows.slice(0, pageSize).map(batchOf);
      const last = batches.at(-1);
      return { kind: 'page', batches, nextCursor: rows.length > pageSize && last ? cursorAfter(last.id) : undefined };
    },
    async cancel(keyId, id) {
      if (!isUuid(id)) return undefined;
      await pool.query(CANCEL, [id, keyId]);
      return get(keyId, id);
    },
    async images(recordIds) {
      const { rows } = await pool.query<{ id: string; bytes: Buffer }>(IMAGES, [recordIds]);
      return new Map(rows.map((row) => [row.id, row.bytes]));
    },
    async results(id, after, limit) {
      const { rows } = await pool.query<{
        item: number;
        request: string;
        reason: string | null;
        detail: string | null;
      }>(RESULTS, [id, after, limit]);
      return rows.map(({ item, request, reason, detail }) => ({
        item,
        request,
        reason: reason ?? undefined,
        detail: detail ?? undefined,
      }));
    },
  };
}

async function accept(
  client: PoolClient,
  batch: NewBatch,
  items: AsyncIterable<readonly string[]>,
): Promise<Accepted | KeyTaken> {
  const { id, keyId, createdAtMs, idempotency, webhook } = batch;
  if (webhook !== undefined && (await client.query(HAS_SECRET, [keyId])).rowCount === 0) return { kind: 'no-secret' };
  const taken = idempotency && (await claimBatchKey(client, batch, idempotency));
  if (taken !== undefined) return taken;
  // As long as the COPY may take; the pool's own limit is for short statements.
  await client.query(`SET LOCAL statement_timeout = ${COPY_LIMIT_MS}`);
  const body = bodyHash(webhook);
  const total = await copyIn(client, COPY_ITEMS, rowsOf(id, hashed(items, body)));
  if (idempotency !== undefined) await finishBatchKey(client, keyId, idempotency.key, body.digest());
  await client.query(INSERT_BATCH, [id, keyId, total, new Date(createdAtMs)]);
  if (webhook !== undefined) await client.query(INSERT_WEBHOOK, [id, webhook]);
  // Heard when the transaction has been committed.
  await client.query(`NOTIFY ${NEW_BATCH_CHANNEL}`);
  return { kind: 'accepted', total };
}

/** Canonical requests are equal where the requests are, whatever the order of their fields. */
async function* hashed(items: AsyncIterable<readonly string[]>, into: Hash): AsyncGenerator<readonly string[]> {
  for await (const part of items) {
    for (const request of part) into.update(request).update('\n');
    yield part;
  }
}

/** Another webhook makes another request; a line of an item begins with a brace. */
const bodyHash = (webhook: string | undefined): Hash =>
  createHash('sha256').update(webhook === undefined ? '' : `webhook ${webhook}\n`);

/** Whether the items are those of the batch that has the key; they are read to their end, so bad ones are still refused. */
async function hashOf(items: AsyncIterable<readonly string[]>, webhook: string | undefined): Promise<Buffer> {
  const body = bodyHash(webhook);
  for await (const _ of hashed(items, body));
  return body.digest();
}

/** Rows in the text format of COPY; JSON has no control characters, so only its backslashes need another one. */
async function* rowsOf(id: string, parts: AsyncIterable<readonly string[]>): AsyncGenerator<string> {
  let item = 0;
  for await (const part of parts) {
    let rows = '';
    for (const request of part) {
      item++;
      rows += `${id}\t${item}\t${request.includes('\\') ? request.replaceAll('\\', '\\\\') : request}\n`;
    }
    if (rows !== '') yield rows;
  }
}
