import { createHash } from 'node:crypto';
import type { Pool } from 'pg';
import type { Clock } from '../core/clock.ts';
import { newApiKey, uuidv7 } from '../core/ids.ts';
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
}

/** The rights of a key. */
type KeyTerms = Pick<KeyRecord, 'limit' | 'priority'>;

interface CreatedKey {
  readonly record: KeyRecord;
  /** The key itself, which is stored nowhere. */
  readonly text: string;
}

/** The result of a change to one key. */
export type ChangeResult =
  | { readonly kind: 'changed'; readonly record: KeyRecord }
  | { readonly kind: 'not-found' }
  /** Several keys begin so. */
  | { readonly kind: 'ambiguous'; readonly matches: readonly KeyRecord[] };

export interface KeyStore {
  create(name: string, terms?: KeyTerms): Promise<CreatedKey>;
  /** Whether there is a key that is not revoked. */
  hasValid(): Promise<boolean>;
  /** Newest first, revoked ones included. */
  list(): Promise<KeyRecord[]>;
  /** Takes an id, a whole key, or the first 7 to 11 characters of one. Revoking twice is no fault. */
  revoke(idOrPrefix: string): Promise<ChangeResult>;
  /** Gives a key another limit, or none; it is named as for `revoke`. */
  setLimit(idOrPrefix: string, limit: RateLimit | undefined): Promise<ChangeResult>;
  /** The key of this SHA-256, revoked or not. */
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
}

function recordOf(row: KeyRow): KeyRecord {
  const { id, name, prefix, requestsPerSecond, burst, priority } = row;
  return {
    id,
    name,
    prefix,
    createdAtMs: row.createdAt.getTime(),
    revokedAtMs: row.revokedAt?.getTime(),
    limit: requestsPerSecond === null || burst === null ? undefined : { requestsPerSecond, burst },
    // The table has a check for it.
    priority: priority === null ? undefined : (priority as Priority),
  };
}

const limitColumns = (limit: RateLimit | undefined) => ({
  requestsPerSecond: limit?.requestsPerSecond ?? null,
  burst: limit?.burst ?? null,
});

// The start of a host and the look-ups of a worker are plain SQL: with Prisma's query compiler, which is loaded with the
// first query that needs it, a process takes 12 MB more (ADR 72).
const COLUMNS = `id, name, prefix, created_at AS "createdAt", revoked_at AS "revokedAt",
  requests_per_second AS "requestsPerSecond", burst, priority`;
const FIND_BY_HASH = `SELECT ${COLUMNS} FROM api_keys WHERE hash = $1`;
const HAS_VALID = 'SELECT EXISTS (SELECT FROM api_keys WHERE revoked_at IS NULL) AS found';
const INSERT = `INSERT INTO api_keys (id, name, prefix, hash, created_at, requests_per_second, burst, priority)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING ${COLUMNS}`;

export function keyStore(prisma: Prisma, pool: Pool, clock: Clock): KeyStore {
  return {
    create: (name, terms) => createKey(pool, clock.wallNow(), name, terms),
    async hasValid() {
      return (await pool.query<{ found: boolean }>(HAS_VALID)).rows[0]?.found === true;
    },
    async list() {
      return (await (await prisma()).apiKey.findMany({ orderBy: { id: 'desc' } })).map(recordOf);
    },
    revoke(idOrPrefix) {
      const now = new Date(clock.wallNow());
      return change(prisma, idOrPrefix, ({ revokedAt }) => ({ revokedAt: revokedAt ?? now }));
    },
    setLimit(idOrPrefix, limit) {
      return change(prisma, idOrPrefix, () => limitColumns(limit));
    },
    async findByHash(hash) {
      const row = (await pool.query<KeyRow>(FIND_BY_HASH, [Buffer.from(hash)])).rows[0];
      return row === undefined ? undefined : recordOf(row);
    },
  };
}

async function createKey(pool: Pool, nowMs: number, name: string, terms?: KeyTerms): Promise<CreatedKey> {
  const text = newApiKey();
  const { requestsPerSecond, burst } = limitColumns(terms?.limit);
  const prefix = text.slice(0, PREFIX_CHARACTERS);
  const limits = [requestsPerSecond, burst, terms?.priority ?? null];
  const values = [uuidv7(nowMs), name, prefix, Buffer.from(hashOfKey(text)), new Date(nowMs), ...limits];
  const { rows } = await pool.query<KeyRow>(INSERT, values);
  return { record: recordOf(rows[0] as KeyRow), text };
}

async function change(
  prisma: Prisma,
  idOrPrefix: string,
  dataFor: (row: KeyRow) => Client.ApiKeyUpdateInput,
): Promise<ChangeResult> {
  const matches = await matching(prisma, idOrPrefix);
  const [match] = matches;
  if (match === undefined) return { kind: 'not-found' };
  if (matches.length > 1) return { kind: 'ambiguous', matches: matches.map(recordOf) };
  const row = await (await prisma()).apiKey.update({ where: { id: match.id }, data: dataFor(match) });
  return { kind: 'changed', record: recordOf(row) };
}

async function matching(prisma: Prisma, idOrPrefix: string): Promise<KeyRow[]> {
  if (isUuid(idOrPrefix)) return (await prisma()).apiKey.findMany({ where: { id: idOrPrefix } });
  if (!idOrPrefix.startsWith('rk_') || idOrPrefix.length < SHORTEST_PREFIX) return [];
  // More than the prefix is not stored, so only the whole key proves which one is meant.
  if (idOrPrefix.length > PREFIX_CHARACTERS)
    return (await prisma()).apiKey.findMany({ where: { hash: hashOfKey(idOrPrefix) } });
  const found = await (await prisma()).apiKey.findMany({ where: { prefix: { startsWith: idOrPrefix } } });
  // `startsWith` becomes LIKE, in which `_` and `%` stand for anything.
  return found.filter(({ prefix }) => prefix.startsWith(idOrPrefix));
}
