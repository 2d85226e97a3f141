import type { PoolClient } from 'pg';
import { codeOf } from '../../core/errors.ts';

/** The `Idempotency-Key` of a batch. */
export interface BatchKey {
  readonly key: string;
  /** How long it is remembered. */
  readonly windowMs: number;
}

/** Another request has the key. */
export type KeyTaken =
  | { readonly kind: 'under-way' }
  /** What its first request has made, and the hash of its body. */
  | { readonly kind: 'done'; readonly id: string; readonly bodyHash: Buffer };

/** lock_not_available */
const LOCKED = '55P03';
/** A request whose first one has not been committed is told so instead of waiting for it with a connection. */
const LOCK_WAIT = `SET LOCAL lock_timeout = '200ms'`;
const NO_LOCK_WAIT = 'SET LOCAL lock_timeout = 0';

// The row is seen by nobody before the batch is committed with it, so a request that dies leaves its key free.
const CLAIM = `INSERT INTO idempotency_keys (key_id, key, body_hash, barcode_id, is_done, claimed_until, created_at)
VALUES ($1, $2, '', $3, true, now(), now())
ON CONFLICT (key_id, key) DO UPDATE SET body_hash = EXCLUDED.body_hash, barcode_id = EXCLUDED.barcode_id,
  is_done = true, claimed_until = EXCLUDED.claimed_until, created_at = EXCLUDED.created_at
WHERE idempotency_keys.created_at < now() - $4 * interval '1 millisecond'
  OR (NOT idempotency_keys.is_done AND idempotency_keys.claimed_until < now())
RETURNING 1`;
const LOOK = 'SELECT body_hash, barcode_id, is_done FROM idempotency_keys WHERE key_id = $1 AND key = $2';
const FINISH = 'UPDATE idempotency_keys SET body_hash = $3 WHERE key_id = $1 AND key = $2';

/** Claims the key for a batch within its transaction; undefined: it is claimed. */
export async function claimBatchKey(
  client: PoolClient,
  { id, keyId }: { readonly id: string; readonly keyId: string },
  { key, windowMs }: BatchKey,
): Promise<KeyTaken | undefined> {
  await client.query(LOCK_WAIT);
  try {
    const claimed = await client.query(CLAIM, [keyId, key, id, windowMs]);
    await client.query(NO_LOCK_WAIT);
    if (claimed.rowCount === 1) return undefined;
  } catch (error) {
    if (codeOf(error) === LOCKED) return { kind: 'under-way' };
    throw error;
  }
  const { rows } = await client.query<{ body_hash: Buffer; barcode_id: string; is_done: boolean }>(LOOK, [keyId, key]);
  const [row] = rows;
  // Gone between the two statements, or a request for one barcode that has not ended.
  if (row === undefined || !row.is_done) return { kind: 'under-way' };
  return { kind: 'done', id: row.barcode_id, bodyHash: row.body_hash };
}

/** The body is known now; with the commit the key stands for the batch. */
export async function finishBatchKey(client: PoolClient, keyId: string, key: string, bodyHash: Buffer): Promise<void> {
  await client.query(FINISH, [keyId, key, bodyHash]);
}
