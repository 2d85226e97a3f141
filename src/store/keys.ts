import { createHash } from 'node:crypto';
import type { Pool } from 'pg';
import type { Clock } from '../core/clock.ts';
import { newApiKey, uuidv7 } from '../core/ids.ts';
import { newWebhookSecret } from '../core/webhook-signature.ts';
import type { Priority } from '../policy/admission/priority.ts';
import type { RateLimit } from '../protocol/tokens.ts';
import { isUuid } from './cursor.ts';
import type { Prisma as Client } from './generated/client.ts';
import type { Prisma } from './prisma.ts';

/** A key without its secret. */
export interface KeyRecord {
  readonly id: string;
  readonly name: string;
  /** The first characters of the key, for people to tell keys apart. */
  readonly prefix: string;
  readonly createdAtMs: number;
  readonly revokedAtMs: number | undefined;
  /** The key's own rate limit; undefined if the limit of the configuration holds. */
  readonly limit: RateLimit | undefined;
  readonly priority: Priority | undefined;
  /** Refused from then on. Of the text before a rotation, the end of the overlap where that is sooner. */
  readonly expiresAtMs: number | undefined;
  /** The endpoints that it may use; undefined: all. */
  readonly scopes: readonly string[] | undefined;
  /** Until when the text before the last rotation is accepted; it may have passed. */
  readonly previousUntilMs: number | undefined;
  /** Whether it has a secret that signs webhooks. */
  readonly hasWebhookSecret: boolean;
}

/** The rights of a key. */
export type KeyTerms = Partial<Pick<KeyRecord, 'limit' | 'priority' | 'expiresAtMs' | 'scopes'>>;

export interface Rotation {
  /** For how long the present text is still accepted. */
  readonly overlapMs: number;
  /** Another end; undefined: the key keeps its own. */
  readonly expiresAtMs: number | undefined;
}

interface CreatedKey {
  readonly record: KeyRecord;
  /** The key itself, which is stored nowhere. */
  readonly text: string;
}

/** The result of a change to one key. */
export type ChangeResult =
  | { readonly kind: 'changed'; readonly record: KeyRecord }
  | { readonly kind: 'not-found' }
  /** Another rotation has come between. */
  | { readonly kind: 'changed-meanwhile'; readonly record: KeyRecord }
  /** A revoked key cannot be rotated. */
  | { readonly kind: 'revoked'; readonly record: KeyRecord }
  /** Several keys begin so. */
  | { readonly kind: 'ambiguous'; readonly matches: readonly KeyRecord[] };

export interface KeyStore {
  create(name: string, terms?: KeyTerms): Promise<CreatedKey>;
  /** Whether there is a key that is neither revoked nor expired. */
  hasValid(): Promise<boolean>;
  /** Newest first, revoked ones included. */
  list(): Promise<KeyRecord[]>;
  /** Takes an id, a whole key (also by a text that a rotation has left accepted), or the first 7 to 11 characters. Revoking twice is no fault. */
  revoke(idOrPrefix: string): Promise<ChangeResult>;
  /** Gives a key another limit, or none; it is named as for `revoke`. */
  setLimit(idOrPrefix: string, limit: RateLimit | undefined): Promise<ChangeResult>;
  /**
   * Gives a key another text, which is returned with it; everything else of the key stays. A text before the present one
   * is refused at once.
   */
  rotate(idOrPrefix: string, rotation: Rotation): Promise<ChangeResult & { readonly text?: string }>;
  /**
   * Gives a key a secret that signs webhooks, which is returned with it, or takes it away (`remove`). The one before signs beside it
   * for so long.
   */
  setWebhookSecret(
    idOrPrefix: string,
    terms: { readonly overlapMs: number } | 'remove',
  ): Promise<ChangeResult & { readonly secret?: string }>;
  /** The key of this SHA-256, revoked, expired or not; also by its text before a rotation, while that is accepted. */
  findByHash(hash: Uint8Array): Promise<KeyRecord | undefined>;
}

/** `rk_` and 48 of the key's 192 random bits: enough to tell keys apart, far from enough to guess one. */
const PREFIX_CHARACTERS = 11;
const SHORTEST_PREFIX = 7;

/** SHA-256 of a key's text: all that is stored of it. */
export function hashOfKey(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(createHash('sha256').update(text).digest());
}

interface KeyRow {
  id: string;
  name: string;
  prefix: string;
  createdAt: Date;
  revokedAt: Date | null;
  requestsPerSecond: number | null;
  burst: number | null;
  priority: string | null;
  expiresAt: Date | null;
  scopes: string[] | null;
  previousUntil: Date | null;
  /** Empty where it is not read. */
  webhookSecret: string | null;
}

function recordOf(row: KeyRow): KeyRecord {
  const { id, name, prefix, requestsPerSecond, burst, priority, scopes } = row;
  return {
    id,
    name,
    prefix,
    createdAtMs: row.createdAt.getTime(),
    revokedAtMs: row.revokedAt?.getTime(),
    limit: requestsPerSecond === null || burst === null ? undefined : { requestsPerSecond, burst },
    // The table has a check for it.
    priority: priority === null ? undefined : (priority as Priority),
    expiresAtMs: row.expiresAt?.getTime(),
    scopes: scopes === null || scopes.length === 0 ? undefined : scopes,
    previousUntilMs: row.previousUntil?.getTime(),
    hasWebhookSecret: row.webhookSecret !== null,
  };
}

const limitColumns = (limit: RateLimit | undefined) => ({
  requestsPerSecond: limit?.requestsPerSecond ?? null,
  burst: limit?.burst ?? null,
});

// The start of a host and the look-ups of a worker are plain SQL: with Prisma's query compiler, which is loaded with the
// first query that needs it, a process takes 12 MB more (ADR 72).
const COLUMNS = `id, name, prefix, created_at AS "createdAt", revoked_at AS "revokedAt",
  requests_per_second AS "requestsPerSecond", burst, priority, expires_at AS "expiresAt", scopes,
  previous_until AS "previousUntil", CASE WHEN webhook_secret IS NOT NULL THEN '' END AS "webhookSecret"`;
const FIND_BY_HASH = `SELECT ${COLUMNS}, hash = $1 AS "isPresent" FROM api_keys
WHERE hash = $1 OR (previous_hash = $1 AND previous_until > $2)`;
const HAS_VALID = `SELECT EXISTS (SELECT FROM api_keys
WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $1)) AS found`;
const INSERT = `INSERT INTO api_keys
(id, name, prefix, hash, created_at, requests_per_second, burst, priority, expires_at, scopes)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING ${COLUMNS}`;

export function keyStore(prisma: Prisma, pool: Pool, clock: Clock): KeyStore {
  return {
    create: (name, terms) => createKey(pool, clock.wallNow(), name, terms),
    async hasValid() {
      return (await pool.query<{ found: boolean }>(HAS_VALID, [new Date(clock.wallNow())])).rows[0]?.found === true;
    },
    async list() {
      return (await (await prisma()).apiKey.findMany({ orderBy: { id: 'desc' } })).map(recordOf);
    },
    revoke(idOrPrefix) {
      const now = new Date(clock.wallNow());
      return change(prisma, { idOrPrefix, now }, ({ revokedAt }) => ({ revokedAt: revokedAt ?? now }));
    },
    setLimit(idOrPrefix, limit) {
      return change(prisma, { idOrPrefix, now: new Date(clock.wallNow()) }, () => limitColumns(limit));
    },
    rotate: (idOrPrefix, rotation) => rotateKey(prisma, idOrPrefix, rotation, clock.wallNow()),
    setWebhookSecret: (idOrPrefix, terms) => setWebhookSecret(prisma, idOrPrefix, terms, clock.wallNow()),
    findByHash: (hash) => findByHash(pool, hash, new Date(clock.wallNow())),
  };
}

async function findByHash(pool: Pool, hash: Uint8Array, now: Date): Promise<KeyRecord | undefined> {
  const values = [Buffer.from(hash), now];
  const row = (await pool.query<KeyRow & { isPresent: boolean }>(FIND_BY_HASH, values)).rows[0];
  if (row === undefined) return undefined;
  const record = recordOf(row);
  if (row.isPresent) return record;
  const ends = [record.expiresAtMs, record.previousUntilMs].filter((end) => end !== undefined);
  return { ...record, expiresAtMs: Math.min(...ends) };
}

/** The present text must still be the one that was found, or two rotations at once would lose one of the new ones. */
async function rotateKey(
  prisma: Prisma,
  idOrPrefix: string,
  { overlapMs, expiresAtMs }: Rotation,
  nowMs: number,
): Promise<ChangeResult & { readonly text?: string }> {
  const text = newApiKey();
  const result = await change(prisma, { idOrPrefix, now: new Date(nowMs) }, ({ revokedAt, hash }) => {
    if (revokedAt !== null) return undefined;
    const isKept = overlapMs > 0;
    return {
      hash: hashOfKey(text),
      prefix: text.slice(0, PREFIX_CHARACTERS),
      previousHash: isKept ? hash : null,
      previousUntil: isKept ? new Date(nowMs + overlapMs) : null,
      ...(expiresAtMs !== undefined && { expiresAt: new Date(expiresAtMs) }),
    };
  });
  return result.kind === 'changed' ? { ...result, text } : result;
}

async function setWebhookSecret(
  prisma: Prisma,
  idOrPrefix: string,
  terms: { readonly overlapMs: number } | 'remove',
  nowMs: number,
): Promise<ChangeResult & { readonly secret?: string }> {
  const secret = terms === 'remove' ? null : newWebhookSecret();
  const overlapMs = terms === 'remove' ? 0 : terms.overlapMs;
  const result = await change(prisma, { idOrPrefix, now: new Date(nowMs) }, ({ revokedAt, webhookSecret }) => {
    if (revokedAt !== null) return undefined;
    const isKept = overlapMs > 0 && webhookSecret !== null;
    return {
      webhookSecret: secret,
      webhookPrevious: isKept ? webhookSecret : null,
      webhookPreviousUntil: isKept ? new Date(nowMs + overlapMs) : null,
    };
  });
  return result.kind === 'changed' && secret !== null ? { ...result, secret } : result;
}

async function createKey(pool: Pool, nowMs: number, name: string, terms?: KeyTerms): Promise<CreatedKey> {
  const text = newApiKey();
  const { requestsPerSecond, burst } = limitColumns(terms?.limit);
  const prefix = text.slice(0, PREFIX_CHARACTERS);
  const expiresAt = terms?.expiresAtMs === undefined ? null : new Date(terms.expiresAtMs);
  const limits = [requestsPerSecond, burst, terms?.priority ?? null, expiresAt, terms?.scopes ?? []];
  const values = [uuidv7(nowMs), name, prefix, Buffer.from(hashOfKey(text)), new Date(nowMs), ...limits];
  const { rows } = await pool.query<KeyRow>(INSERT, values);
  return { record: recordOf(rows[0] as KeyRow), text };
}

async function change(
  prisma: Prisma,
  named: NamedKey,
  /** Undefined: the key is revoked, and must not be changed. */
  dataFor: (row: FoundRow) => Client.ApiKeyUpdateInput | undefined,
): Promise<ChangeResult> {
  const matches = await matching(prisma, named);
  const [match] = matches;
  if (match === undefined) return { kind: 'not-found' };
  if (matches.length > 1) return { kind: 'ambiguous', matches: matches.map(recordOf) };
  const data = dataFor(match);
  if (data === undefined) return { kind: 'revoked', record: recordOf(match) };
  const where = { id: match.id, hash: match.hash, webhookSecret: match.webhookSecret };
  const [row] = await (await prisma()).apiKey.updateManyAndReturn({ where, data });
  if (row === undefined) return { kind: 'changed-meanwhile', record: recordOf(match) };
  return { kind: 'changed', record: recordOf(row) };
}

/** A row with the hash of its present text. */
type FoundRow = KeyRow & { hash: Uint8Array<ArrayBuffer> };

/** How a command names a key, and when. */
interface NamedKey {
  readonly idOrPrefix: string;
  readonly now: Date;
}

async function matching(prisma: Prisma, { idOrPrefix, now }: NamedKey): Promise<FoundRow[]> {
  if (isUuid(idOrPrefix)) return (await prisma()).apiKey.findMany({ where: { id: idOrPrefix } });
  if (!idOrPrefix.startsWith('rk_') || idOrPrefix.length < SHORTEST_PREFIX) return [];
  // More than the prefix is not stored, so only the whole key proves which one is meant.
  if (idOrPrefix.length > PREFIX_CHARACTERS) {
    const hash = hashOfKey(idOrPrefix);
    const where = { OR: [{ hash }, { previousHash: hash, previousUntil: { gt: now } }] };
    return (await prisma()).apiKey.findMany({ where });
  }
  const found = await (await prisma()).apiKey.findMany({ where: { prefix: { startsWith: idOrPrefix } } });
  // `startsWith` becomes LIKE, in which `_` and `%` stand for anything.
  return found.filter(({ prefix }) => prefix.startsWith(idOrPrefix));
}
