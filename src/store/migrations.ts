import { createHash, randomUUID } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Client } from 'pg';
import { systemClock } from '../core/clock.ts';
import { UsageError, codeOf, messageOf } from '../core/errors.ts';
import { checkDatabaseUrl, connectionRefusal } from './connection.ts';
import { missingDays } from '../policy/ledger/retention.ts';
import { addPartition } from './partitions/add-partition.ts';
import { readCatalog } from './partitions/catalog.ts';
import { schemaOf, Session, sessionConfig } from './session.ts';
import { partitionEmptyTable } from './partitions/partition-table.ts';

// Prisma applies migrations with a native engine that is downloaded on first use. This runner needs no download
// and keeps Prisma's books, so that `prisma migrate status` and `deploy` agree with it afterwards.

export interface Migration {
  readonly name: string;
  readonly sql: string;
  /** SHA-256 of the file in hex, as Prisma computes it. */
  readonly checksum: string;
}

export interface MigrationResult {
  /** The migrations that this run has applied. */
  readonly applied: readonly string[];
  /** Migrations of the database that this version does not know, because a newer version made them. */
  readonly unknown: readonly string[];
}

interface BookedMigration {
  readonly migration_name: string;
  readonly checksum: string;
  readonly finished_at: Date | null;
}

/** The number that Prisma's engine locks: neither runs while the other does. */
const ADVISORY_LOCK = 72_707_369;
const LOCK_WAIT_MS = 60_000;
export const migrationsFolder = fileURLToPath(new URL('../../prisma/migrations', import.meta.url));

/** Word for word Prisma's own table (schema-engine, `_prisma_migrations`). */
const CREATE_BOOK = `CREATE TABLE _prisma_migrations (
  id                  VARCHAR(36) PRIMARY KEY NOT NULL,
  checksum            VARCHAR(64) NOT NULL,
  finished_at         TIMESTAMPTZ,
  migration_name      VARCHAR(255) NOT NULL,
  logs                TEXT,
  rolled_back_at      TIMESTAMPTZ,
  started_at          TIMESTAMPTZ NOT NULL DEFAULT now(),
  applied_steps_count INTEGER NOT NULL DEFAULT 0
)`;

/** All migrations of a folder, oldest first. */
export async function readMigrations(folder = migrationsFolder): Promise<Migration[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return Promise.all(
    names.toSorted().map(async (name) => {
      const sql = await readFile(join(folder, name, 'migration.sql'), 'utf8');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

async function readBook(client: Client): Promise<BookedMigration[]> {
  const found = await client.query<{ book: string | null }>("SELECT to_regclass('_prisma_migrations')::text AS book");
  if (found.rows[0]?.book === null) await client.query(CREATE_BOOK);
  const booked = await client.query<BookedMigration>(
    'SELECT migration_name, checksum, finished_at FROM _prisma_migrations WHERE rolled_back_at IS NULL ORDER BY started_at',
  );
  return booked.rows;
}

/** The migrations that are still to be applied; a UsageError where the database's past is not the one that we know. */
function pendingMigrations(migrations: readonly Migration[], booked: readonly BookedMigration[]): Migration[] {
  const failed = booked.find((row) => row.finished_at === null);
  if (failed !== undefined)
    throw new UsageError(
      `Cannot migrate the database, as its migration ${failed.migration_name} was begun and never finished: put right what it left, then tell with "prisma migrate resolve --applied" or "--rolled-back ${failed.migration_name}"`,
    );
  const done = new Map(booked.map((row) => [row.migration_name, row.checksum]));
  for (const { name, checksum } of migrations) {
    const was = done.get(name);
    if (was === undefined || was === checksum) continue;
    throw new UsageError(
      `Cannot migrate the database, as prisma/migrations/${name}/migration.sql was changed after it was applied: its SHA-256 is ${checksum}, and the applied one's was ${was}. Restore the file, and put the change into a new migration`,
    );
  }
  return migrations.filter(({ name }) => !done.has(name));
}

/**
 * Applies one migration and books it in the same transaction. Prisma books the start first, so a start that is killed
 * half-way leaves a failed migration to be resolved by hand; here it leaves nothing, and the next start tries again.
 */
async function apply(client: Client, migration: Migration): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query(
      'INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at) VALUES ($1, $2, $3, clock_timestamp())',
      [randomUUID(), migration.checksum, migration.name],
    );
    await client.query(migration.sql);
    await client.query(
      'UPDATE _prisma_migrations SET finished_at = clock_timestamp(), applied_steps_count = 1 WHERE migration_name = $1 AND rolled_back_at IS NULL',
      [migration.name],
    );
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    throw new UsageError(
      `Cannot apply the migration ${migration.name}: ${messageOf(error)}. Nothing of it was kept; the next start tries it again`,
    );
  }
}

async function takeLock(client: Client): Promise<void> {
  await client.query(`SET lock_timeout = ${LOCK_WAIT_MS}`);
  await client.query('SELECT pg_advisory_lock($1)', [ADVISORY_LOCK]).catch((error: unknown) => {
    // 55P03: lock_not_available.
    if (codeOf(error) !== '55P03') throw error;
    throw new UsageError(
      `Cannot migrate the database, as another process has been at it for ${LOCK_WAIT_MS / 1000} s: let it end, or end it`,
    );
  });
}

async function run(client: Client, migrations: readonly Migration[]): Promise<MigrationResult> {
  await takeLock(client);
  const booked = await readBook(client);
  const pending = pendingMigrations(migrations, booked);
  for (const migration of pending) await apply(client, migration);
  await partition(client);
  const known = new Set(migrations.map(({ name }) => name));
  const unknown = booked.map((row) => row.migration_name).filter((name) => !known.has(name));
  return { applied: pending.map(({ name }) => name), unknown };
}

/** A table without records becomes a partitioned one at once; one with records, while it is used (retention-run.ts). */
async function partition(client: Client): Promise<void> {
  await partitionEmptyTable(client, (ms) => new Promise((resolve) => void systemClock.setTimeout(resolve, ms)));
  const { isPartitioned, partitions } = await readCatalog(client);
  if (!isPartitioned) return;
  for (const day of missingDays(partitions, systemClock.wallNow())) await addPartition(client, day);
}

/** Looks first, because a user that may not make a schema may use one. */
async function ensureSchema(client: Client, schema: string): Promise<void> {
  const found = await client.query('SELECT FROM pg_namespace WHERE nspname = $1', [schema]);
  if (found.rowCount === 0) await client.query(`CREATE SCHEMA IF NOT EXISTS "${schema}"`);
}

/** Brings a database up to date, or says why not in one line. Safe to run from several processes at once. */
export async function migrate(url: string, folder = migrationsFolder): Promise<MigrationResult> {
  checkDatabaseUrl(url);
  const migrations = await readMigrations(folder);
  // A pooler between us and PostgreSQL must be in session mode: the lock belongs to the connection, and ends with it.
  const client = new Session(sessionConfig({ url, applicationName: 'rampart migrate', connectMs: 10_000 }));
  client.on('error', () => {});
  try {
    await client.connect();
    const schema = schemaOf(url);
    if (schema !== undefined) await ensureSchema(client, schema);
    return await run(client, migrations);
  } catch (error) {
    throw error instanceof UsageError ? error : connectionRefusal(url, error);
  } finally {
    await client.end().catch(() => {});
  }
}
