import type { Pool } from 'pg';
import { uuidv7Time } from '../../core/ids.ts';
import type { Partition } from '../../policy/ledger/retention.ts';

/** A partition as PostgreSQL has it. */
export interface StoredPartition extends Partition {
  /** Its first id; undefined: from the beginning. */
  readonly fromId: string | undefined;
  /** An estimate. */
  readonly records: number;
  readonly bytes: number;
  /** A detachment that was interrupted: its records are not read any more. */
  readonly isLeaving: boolean;
}

export interface Catalog {
  /** Whether `barcodes` is a partitioned table yet. */
  readonly isPartitioned: boolean;
  /** In the order of their ids. */
  readonly partitions: readonly StoredPartition[];
  /** Tables that were partitions, and were detached before an interruption. */
  readonly detached: readonly string[];
}

/** What runs statements: a pool, or one client. */
export type Queryable = Pick<Pool, 'query'>;

const IS_PARTITIONED = `SELECT relkind = 'p' AS "isPartitioned" FROM pg_class WHERE oid = 'barcodes'::regclass`;

const PARTITIONS = `SELECT child.relname AS name, pg_get_expr(child.relpartbound, child.oid) AS bound,
  obj_description(child.oid, 'pg_class') AS comment, greatest(child.reltuples, 0)::float8 AS records,
  pg_total_relation_size(child.oid)::float8 AS bytes, inhdetachpending AS "isLeaving"
FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid WHERE inhparent = 'barcodes'::regclass`;

const DETACHED = `SELECT relname AS name FROM pg_class
WHERE relname ~ '^barcodes_([0-9]{8,}|before)$' AND relkind = 'r' AND NOT relispartition
  AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'barcodes'::regclass)`;

interface PartitionRow {
  readonly name: string;
  readonly bound: string | null;
  readonly comment: string | null;
  readonly records: number;
  readonly bytes: number;
  readonly isLeaving: boolean;
}

/** The partitions of the records. */
export async function readCatalog(db: Queryable): Promise<Catalog> {
  const { rows } = await db.query<{ isPartitioned: boolean }>(IS_PARTITIONED);
  if (rows[0]?.isPartitioned !== true) return { isPartitioned: false, partitions: [], detached: [] };
  const partitions = (await db.query<PartitionRow>(PARTITIONS)).rows.map(partitionOf);
  const detached = (await db.query<{ name: string }>(DETACHED)).rows.map(({ name }) => name);
  return { isPartitioned: true, partitions: partitions.toSorted((a, b) => a.toMs - b.toMs), detached };
}

const FIRST_IDS = `SELECT pg_get_expr(child.relpartbound, child.oid) AS bound
FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid WHERE inhparent = 'barcodes'::regclass`;

/** The first ids of the partitions, in order; of none where the table has no partitions. */
export async function firstIdsOf(db: Queryable): Promise<string[]> {
  const { rows } = await db.query<{ bound: string | null }>(FIRST_IDS);
  return rows.flatMap(({ bound }) => BOUND.exec(bound ?? '')?.[1] ?? []).toSorted();
}

const BOUND = /^FOR VALUES FROM \((?:MINVALUE|'([0-9a-f-]{36})')\) TO \((?:MAXVALUE|'([0-9a-f-]{36})')\)$/;

function partitionOf({ name, bound, comment, records, bytes, isLeaving }: PartitionRow): StoredPartition {
  const [, fromId, toId = ''] = BOUND.exec(bound ?? '') ?? [];
  const madeAtMs = comment === null ? Number.NaN : Date.parse(comment.replace(MADE_AT, ''));
  return {
    name,
    fromId,
    fromMs: fromId === undefined ? undefined : msOf(fromId),
    toMs: msOf(toId),
    madeAtMs: Number.isNaN(madeAtMs) ? undefined : madeAtMs,
    records,
    bytes,
    isLeaving,
  };
}

/** PostgreSQL does not keep the time at which a table was made, so its comment does. */
export const MADE_AT = 'made at ';

/** Of a bound, which is no UUIDv7; unknown bounds never end. */
const msOf = (id: string): number => uuidv7Time(id.replace('-0000-0000-', '-7000-8000-')) ?? Number.POSITIVE_INFINITY;
