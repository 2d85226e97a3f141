import type { Pool } from 'pg';
import { INSERT_CLAIMED, insertParameters } from './barcodes.ts';
import { withPartitions } from './partitions/with-partitions.ts';
import { type BarcodeRecord, type BarcodeStatus, fromStoredText } from './records.ts';

/** A request that has an `Idempotency-Key`. */
export interface IdempotentRequest {
  readonly keyId: string;
  /** As the client has sent it. */
  readonly key: string;
  /** SHA-256 of the body as a JSON value. */
  readonly bodyHash: Uint8Array;
}

export interface ClaimTerms {
  /** The id that the record gets if this request is the first. */
  readonly barcodeId: string;
  /** How long this request may take before another one may do it again. */
  readonly claimMs: number;
  /** How long a key is remembered. */
  readonly windowMs: number;
}

/**
 * `claimed`: this request is the first, and must `complete` or `release`. `done`: the record of the first. `under-way`: the
 * first has not ended. `mismatch`: the first had another body.
 */
export type KeyClaim =
  | { readonly kind: 'claimed' | 'under-way' | 'mismatch' }
  | { readonly kind: 'done'; readonly record: BarcodeRecord };

export interface IdempotencyStore {
  claim(request: IdempotentRequest, terms: ClaimTerms): Promise<KeyClaim>;
  /** Stores the record of a claim; false if another request has taken the claim over, and nothing is stored. */
  complete(request: IdempotentRequest, record: BarcodeRecord): Promise<boolean>;
  /** Gives up a claim that is not done, so that the next request with the key is a first one. */
  release(request: IdempotentRequest, barcodeId: string): Promise<void>;
}

// A key is free if there is none, if it is older than the window, or if its maker has died. Rows are locked in the order
// of their commits, and a maker sets is_done in the statement that inserts its record, so two makers cannot both succeed.
const CLAIM = `INSERT INTO idempotency_keys (key_id, key, body_hash, barcode_id, claimed_until, created_at)
VALUES ($1, $2, $3, $4, now() + $5 * interval '1 millisecond', now())
ON CONFLICT (key_id, key) DO UPDATE SET body_hash = EXCLUDED.body_hash, barcode_id = EXCLUDED.barcode_id,
  is_done = false, claimed_until = EXCLUDED.claimed_until, created_at = EXCLUDED.created_at
WHERE idempotency_keys.created_at < now() - $6 * interval '1 millisecond'
  OR (NOT idempotency_keys.is_done AND idempotency_keys.claimed_until < now()
    AND idempotency_keys.body_hash = EXCLUDED.body_hash)
RETURNING 1`;

const LOOK = `SELECT body_hash = $3 AS same, is_done, barcode_id FROM idempotency_keys WHERE key_id = $1 AND key = $2`;

// A statement of its own: with a join, PostgreSQL would plan for every partition.
const RECORD = `SELECT id, key_id, symbology, format, text, text_escaped, bytes, status, request_id, created_at
FROM barcodes WHERE id = $1`;

const RELEASE = `DELETE FROM idempotency_keys WHERE key_id = $1 AND key = $2 AND barcode_id = $3 AND NOT is_done`;

const REMOVE_OLD = `DELETE FROM idempotency_keys WHERE (key_id, key) IN (
  SELECT key_id, key FROM idempotency_keys WHERE created_at < now() - $1 * interval '1 millisecond' LIMIT $2
  FOR UPDATE SKIP LOCKED
)`;

/** Claims of a worker between two removals of old keys, and the most that one removes. */
const REMOVE_OLD_EVERY = 1_000;

/** The key was released between the claim and the look, so that it is claimed again. */
const MAX_LOOKS = 5;

interface ClaimRow {
  readonly same: boolean;
  readonly is_done: boolean;
  readonly barcode_id: string;
}

interface RecordRow {
  readonly id: string;
  readonly key_id: string;
  readonly symbology: string;
  readonly format: string;
  readonly text: string;
  readonly text_escaped: boolean;
  readonly bytes: Buffer;
  readonly status: string;
  readonly request_id: string;
  readonly created_at: Date;
}

export function idempotencyStore(pool: Pool): IdempotencyStore {
  let claims = 0;
  return {
    async claim({ keyId, key, bodyHash }, { barcodeId, claimMs, windowMs }) {
      if (claims++ % REMOVE_OLD_EVERY === 0) await pool.query(REMOVE_OLD, [windowMs, REMOVE_OLD_EVERY]);
      for (let look = 0; look < MAX_LOOKS; look++) {
        const taken = await pool.query(CLAIM, [keyId, key, bodyHash, barcodeId, claimMs, windowMs]);
        if (taken.rowCount === 1) return { kind: 'claimed' };
        const [row] = (await pool.query<ClaimRow>(LOOK, [keyId, key, bodyHash])).rows;
        if (row !== undefined) return claimOf(pool, row);
      }
      return { kind: 'under-way' };
    },
    async complete({ keyId, key }, record) {
      const parameters = [...insertParameters([record]), keyId, key];
      const insert = () => pool.query(INSERT_CLAIMED, parameters);
      return (await withPartitions(pool, [record.id], insert)).rowCount === 1;
    },
    async release({ keyId, key }, barcodeId) {
      await pool.query(RELEASE, [keyId, key, barcodeId]);
    },
  };
}

async function claimOf(pool: Pool, claim: ClaimRow): Promise<KeyClaim> {
  if (!claim.same) return { kind: 'mismatch' };
  if (!claim.is_done) return { kind: 'under-way' };
  const [row] = (await pool.query<RecordRow>(RECORD, [claim.barcode_id])).rows;
  // The record has been dropped by retention before its key was.
  if (row === undefined) return { kind: 'under-way' };
  const record: BarcodeRecord = {
    id: row.id,
    keyId: row.key_id,
    symbology: row.symbology,
    format: row.format,
    text: fromStoredText({ text: row.text, textEscaped: row.text_escaped }),
    bytes: row.bytes,
    status: row.status as BarcodeStatus,
    requestId: row.request_id,
    createdAtMs: row.created_at.getTime(),
  };
  return { kind: 'done', record };
}
