import type { Pool, PoolClient } from 'pg';
import type { PgBoss } from 'pg-boss';
import {
  WEBHOOK_DELAY_MAX_SECONDS,
  WEBHOOK_DELAY_SECONDS,
  WEBHOOK_RETRIES,
  type WebhookVerdict,
} from '../../policy/batch/webhook-delivery.ts';
import { inTransaction } from '../transaction.ts';
import { type Batch, BATCH_COLUMNS, batchOf, type BatchRow, WITH_WEBHOOKS } from './batches.ts';
import { bossDb } from './chunk-queue.ts';

/** The end of a batch that is to be announced. */
interface EndedBatch {
  readonly batchId: string;
  /** A batch that was taken up again ends more than once, and each end is a message of its own. */
  readonly finishedAtMs: number;
}

/** A webhook that this process sends. */
export interface ClaimedWebhook extends EndedBatch {
  readonly jobId: string;
  /** Attempts before this one. */
  readonly retries: number;
  readonly batch: Batch;
  readonly url: string;
  /** The present one, and the one before while it is still used; none if the key has lost its secret or was revoked. */
  readonly secrets: readonly string[];
}

export const WEBHOOK_QUEUE = 'batch-webhook';

/** Beyond the time limit of an attempt; then its process has died. */
const EXPIRE_SECONDS = 30;
const AT_ONCE = 100;

const options = {
  expireInSeconds: EXPIRE_SECONDS,
  retryLimit: WEBHOOK_RETRIES,
  retryDelay: WEBHOOK_DELAY_SECONDS,
  retryBackoff: true,
  retryDelayMax: WEBHOOK_DELAY_MAX_SECONDS,
  deleteAfterSeconds: 60,
} as const;

const ENDED = `SELECT id, key_id AS "keyId", finished_at AS "finishedAt" FROM batch_webhooks
JOIN batches ON id = batch_id AND status <> 'running'
WHERE state = 'waiting' ORDER BY finished_at LIMIT ${AT_ONCE} FOR UPDATE OF batch_webhooks SKIP LOCKED`;
const SENDING = `UPDATE batch_webhooks SET state = 'sending' WHERE batch_id = ANY($1::uuid[])`;
// An attempt counts before it is made, so that the last one is known to be the last even if its process dies.
const BEGIN = `UPDATE batch_webhooks SET attempts = attempts + 1, state = $2::varchar,
  last_error = CASE WHEN $2::varchar = 'failed' THEN 'its sender died' ELSE last_error END
FROM batches WHERE batch_id = $1 AND id = $1 AND state <> 'waiting' AND finished_at = $3`;
const LOOK = `SELECT ${BATCH_COLUMNS}, url, coalesce((
  SELECT array_remove(ARRAY[webhook_secret, CASE WHEN webhook_previous_until > now() THEN webhook_previous END], NULL)
  FROM api_keys WHERE api_keys.id = key_id AND revoked_at IS NULL AND webhook_secret IS NOT NULL), '{}') AS secrets
FROM ${WITH_WEBHOOKS} WHERE batches.id = $1`;
const END = `UPDATE batch_webhooks SET state = $2, last_error = $3
WHERE batch_id = $1 AND state <> 'waiting'`;

/** The webhooks of batches that have ended: a queue of pg-boss, so that they outlive any process. */
export class WebhookQueue {
  readonly #boss: PgBoss;
  readonly #pool: Pool;

  constructor(boss: PgBoss, pool: Pool) {
    this.#boss = boss;
    this.#pool = pool;
  }

  /** After the start of pg-boss. */
  async start(): Promise<void> {
    await this.#boss.createQueue(WEBHOOK_QUEUE, options);
  }

  /** Moves the webhooks of batches that have ended into the queue. */
  feed(): Promise<void> {
    return inTransaction(this.#pool, async (client) => {
      const { rows } = await client.query<{ id: string; keyId: string; finishedAt: Date }>(ENDED);
      if (rows.length === 0) return;
      await client.query(SENDING, [rows.map(({ id }) => id)]);
      const jobs = rows.map(({ id, keyId, finishedAt }) => ({
        data: { batchId: id, finishedAtMs: finishedAt.getTime() } satisfies EndedBatch,
        group: { id: keyId },
      }));
      await this.#boss.insert(WEBHOOK_QUEUE, jobs, { db: bossDb(client) });
    });
  }

  /** One that is due; each key has one under way at a time, so that a receiver that hangs holds up only its own key. */
  async claim(): Promise<ClaimedWebhook | undefined> {
    for (;;) {
      const [job] = await this.#boss.fetch<EndedBatch>(WEBHOOK_QUEUE, { includeMetadata: true, groupConcurrency: 1 });
      if (job === undefined) return undefined;
      const { id: jobId, retryCount: retries, data } = job;
      const found = await this.#begin(data, retries);
      if (found !== undefined) return { ...data, ...found, jobId, retries };
      // The batch has been removed or taken up again since it ended.
      await this.#boss.complete(WEBHOOK_QUEUE, { id: jobId, retryCount: retries });
    }
  }

  /** Writes down how an attempt ended, and ends the job or leaves it for later. */
  async end({ batchId, jobId, retries }: ClaimedWebhook, verdict: WebhookVerdict): Promise<void> {
    const state = verdict.kind === 'delivered' ? 'delivered' : verdict.kind === 'again' ? 'sending' : 'failed';
    const why = verdict.kind === 'delivered' ? null : verdict.why.slice(0, 200);
    await inTransaction(this.#pool, async (client) => {
      await client.query(END, [batchId, state, why]);
      const attempt = { id: jobId, retryCount: retries };
      const db = { db: bossDb(client) };
      if (verdict.kind === 'again') await this.#boss.fail(WEBHOOK_QUEUE, attempt, { message: why }, db);
      else await this.#boss.complete(WEBHOOK_QUEUE, attempt, null, db);
    });
  }

  #begin({ batchId, finishedAtMs }: EndedBatch, retries: number): Promise<Found | undefined> {
    const state = retries < WEBHOOK_RETRIES ? 'sending' : 'failed';
    return inTransaction(this.#pool, async (client: PoolClient) => {
      const begun = await client.query(BEGIN, [batchId, state, new Date(finishedAtMs)]);
      if (begun.rowCount === 0) return undefined;
      const [row] = (await client.query<BatchRow & { url: string; secrets: string[] }>(LOOK, [batchId])).rows;
      return row && { batch: batchOf(row), url: row.url, secrets: row.secrets };
    });
  }
}

type Found = Pick<ClaimedWebhook, 'batch' | 'url' | 'secrets'>;
