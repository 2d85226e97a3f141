import type { Client } from 'pg';
import type { Clock } from '../../core/clock.ts';
import { uuidFloor } from '../../core/ids.ts';
import { isExpired, keptFrom, missingDays, partitionName } from '../../policy/ledger/retention.ts';
import { Session, sessionConfig } from '../session.ts';
import { addPartition } from './add-partition.ts';
import { readCatalog, type StoredPartition } from './catalog.ts';
import { partitionTable, type PartitionStep } from './partition-table.ts';

export interface RetentionOptions {
  /** Of the server itself, not of a pooler in transaction mode: the lock belongs to the session. */
  readonly url: string;
  readonly clock: Clock;
  /** 0: all records are kept. */
  readonly retentionDays: number;
  readonly idempotencyWindowMs: number;
  /** Says what would be done, and does nothing. */
  readonly isDryRun: boolean;
  readonly onStep?: (step: PartitionStep) => void | Promise<void>;
}

export interface DroppedPartition {
  readonly name: string;
  /** An estimate. */
  readonly records: number;
  readonly bytes: number;
}

/** What a run has done, or would do. */
export interface RetentionReport {
  readonly isDryRun: boolean;
  /** Another process is at it; nothing was done. */
  readonly isElsewhere: boolean;
  /** The table of the version before was partitioned. */
  readonly wasPartitioned: boolean;
  /** Why it could not be. */
  readonly obstacle: string | undefined;
  readonly added: readonly string[];
  readonly dropped: readonly DroppedPartition[];
  /** Old records of the table of the version before, which is no day's partition. */
  readonly deletedRecords: number;
  readonly deletedIdempotencyKeys: number;
  readonly kept: number;
}

/** Held by the one process that is at it, as long as its session lasts. */
export const RETENTION_LOCK = 72_707_371;
/** A deletion holds locks for some milliseconds. */
const DELETE_ROWS = 2_000;

const nothing: RetentionReport = {
  isDryRun: false,
  isElsewhere: false,
  wasPartitioned: false,
  obstacle: undefined,
  added: [],
  dropped: [],
  deletedRecords: 0,
  deletedIdempotencyKeys: 0,
  kept: 0,
};

/** Brings the partitions of the records up to date: makes those of the next days, and drops those that are expired. */
export async function runRetention(options: RetentionOptions): Promise<RetentionReport> {
  const { url } = options;
  const client = new Session(sessionConfig({ url, applicationName: 'rampart retention', connectMs: 10_000 }));
  client.on('error', () => {});
  await client.connect();
  try {
    const { rows } = await client.query<{ taken: boolean }>(`SELECT pg_try_advisory_lock(${RETENTION_LOCK}) AS taken`);
    if (rows[0]?.taken !== true) return { ...nothing, isDryRun: options.isDryRun, isElsewhere: true };
    return options.isDryRun ? await planned(client, options) : await carriedOut(client, options);
  } finally {
    await client.end().catch(() => {});
  }
}

async function planned(client: Client, options: RetentionOptions): Promise<RetentionReport> {
  const { clock, retentionDays } = options;
  const { isPartitioned, partitions, detached } = await readCatalog(client);
  const now = clock.wallNow();
  const expired = partitions.filter((one) => one.isLeaving || isExpired(one, now, retentionDays));
  const old = await oldRecords(client, partitions, options, 'count');
  return {
    ...nothing,
    isDryRun: true,
    wasPartitioned: !isPartitioned,
    added: missingDays(partitions, now).map(partitionName),
    dropped: [...expired.map(droppedOf), ...detached.map((name) => ({ name, records: 0, bytes: 0 }))],
    deletedRecords: old,
    deletedIdempotencyKeys: await oldKeys(client, options, 'count'),
    kept: partitions.length - expired.length,
  };
}

async function carriedOut(client: Client, options: RetentionOptions): Promise<RetentionReport> {
  const { clock, retentionDays } = options;
  let catalog = await readCatalog(client);
  let obstacle: string | undefined;
  const wasPartitioned = catalog.isPartitioned;
  if (!catalog.isPartitioned) {
    obstacle = await partitionTable(client, {
      wallMs: clock.wallNow(),
      pause: (ms) => new Promise((resolve) => void clock.setTimeout(resolve, ms)),
      onStep: options.onStep ?? (() => {}),
    });
    catalog = await readCatalog(client);
  }
  const now = clock.wallNow();
  const added = catalog.isPartitioned ? missingDays(catalog.partitions, now) : [];
  for (const day of added) await addPartition(client, day);
  const dropped: DroppedPartition[] = [];
  for (const name of catalog.detached) {
    await client.query(`DROP TABLE ${name}`);
    dropped.push({ name, records: 0, bytes: 0 });
  }
  for (const one of catalog.partitions) {
    if (!one.isLeaving && !isExpired(one, now, retentionDays)) continue;
    await dropPartition(client, one);
    dropped.push(droppedOf(one));
  }
  return {
    ...nothing,
    wasPartitioned: !wasPartitioned && obstacle === undefined,
    obstacle,
    added: added.map(partitionName),
    dropped,
    deletedRecords: await oldRecords(client, (await readCatalog(client)).partitions, options, 'delete'),
    deletedIdempotencyKeys: await oldKeys(client, options, 'delete'),
    kept: catalog.partitions.length + added.length - dropped.length + catalog.detached.length,
  };
}

const droppedOf = ({ name, records, bytes }: StoredPartition): DroppedPartition => ({ name, records, bytes });

/** Writers and readers of other partitions go on: the detachment waits for statements that may see this one. */
async function dropPartition(client: Client, { name, isLeaving }: StoredPartition): Promise<void> {
  // A detachment that was interrupted can only be finished.
  await client.query(`ALTER TABLE barcodes DETACH PARTITION ${name} ${isLeaving ? 'FINALIZE' : 'CONCURRENTLY'}`);
  await client.query(`DROP TABLE ${name}`);
}

type Work = 'count' | 'delete';

/** Expired records of the table of the version before, which holds more than one day. */
async function oldRecords(
  client: Client,
  partitions: readonly StoredPartition[],
  { clock, retentionDays }: RetentionOptions,
  work: Work,
): Promise<number> {
  const before = partitions.find(({ fromMs, isLeaving }) => fromMs === undefined && !isLeaving);
  if (retentionDays === 0 || before === undefined) return 0;
  const limit = uuidFloor(Math.min(keptFrom(clock.wallNow(), retentionDays), before.toMs));
  if (work === 'count') {
    const { rows } = await client.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM ${before.name} WHERE id < '${limit}'`,
    );
    return rows[0]?.n ?? 0;
  }
  return inBatches(
    client,
    `DELETE FROM ${before.name} WHERE id IN (
    SELECT id FROM ${before.name} WHERE id < '${limit}' ORDER BY id LIMIT ${DELETE_ROWS})`,
  );
}

/** Workers remove a key that is older than the window only when keys are used. */
async function oldKeys(client: Client, { idempotencyWindowMs }: RetentionOptions, work: Work): Promise<number> {
  const old = `created_at < now() - ${idempotencyWindowMs} * interval '1 millisecond'`;
  if (work === 'count') {
    const { rows } = await client.query<{ n: number }>(`SELECT count(*)::int AS n FROM idempotency_keys WHERE ${old}`);
    return rows[0]?.n ?? 0;
  }
  return inBatches(
    client,
    `DELETE FROM idempotency_keys WHERE (key_id, key) IN (
    SELECT key_id, key FROM idempotency_keys WHERE ${old} LIMIT ${DELETE_ROWS} FOR UPDATE SKIP LOCKED)`,
  );
}

async function inBatches(client: Client, statement: string): Promise<number> {
  let sum = 0;
  for (;;) {
    const deleted = (await client.query(statement)).rowCount ?? 0;
    sum += deleted;
    if (deleted < DELETE_ROWS) return sum;
  }
}
