import assert from 'node:assert/strict';
import { appendFile, cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { UsageError } from '../../src/core/errors.ts';
import { queryOnce } from '../../src/store/embedded/postmaster.ts';
import { migrate, migrationsFolder, readMigrations } from '../../src/store/migrations.ts';
import { temporaryFolder, withPostgres } from '../support/postgres.ts';
import { openPrismaEngine } from '../support/prisma-engine.ts';

const postgres = withPostgres();
const names = (await readMigrations()).map(({ name }) => name);

/** A copy of the migrations that a test may change. */
async function copiedMigrations(): Promise<string> {
  const folder = await temporaryFolder();
  await cp(migrationsFolder, folder, { recursive: true });
  return folder;
}

function usageError(expected: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof UsageError, String(error));
    assert.match(error.message, expected);
    assert.ok(!error.message.includes('\n'), 'one line');
    return true;
  };
}

test('migrate applies everything once, and then nothing', async () => {
  const url = await postgres.database();
  assert.deepEqual(await migrate(url), { applied: names, unknown: [] });
  assert.deepEqual(await migrate(url), { applied: [], unknown: [] });
});

test('several migrators at once apply each migration once', async () => {
  const url = await postgres.database();
  const results = await Promise.all([migrate(url), migrate(url), migrate(url), migrate(url)]);
  assert.deepEqual(
    results.flatMap(({ applied }) => applied),
    names,
  );
  assert.equal((await queryOnce(url, 'SELECT 1 FROM _prisma_migrations')).length, names.length);
});

test("Prisma's own engine finds nothing to do, nothing edited and nothing failed after migrate", async () => {
  const url = await postgres.database();
  await migrate(url);
  const engine = await openPrismaEngine(url);
  assert.deepEqual(await engine.diagnose(migrationsFolder), {
    history: null,
    failedMigrationNames: [],
    editedMigrationNames: [],
    hasMigrationsTable: true,
  });
  assert.deepEqual(await engine.apply(migrationsFolder), []);
  await engine.close();
});

test('the migrations make the tables that schema.prisma describes', async () => {
  const [migrated, described] = [await postgres.database(), await postgres.database()];
  await migrate(migrated);
  const engine = await openPrismaEngine(described);
  await queryOnce(described, await engine.sqlOfSchema());
  await engine.close();
  const columns = `SELECT table_name, column_name, udt_name, character_maximum_length, datetime_precision, is_nullable,
    column_default FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name !~ '^(_prisma_migrations|barcodes_[0-9]+)$' ORDER BY 1, 2`;
  // Partitions and the indexes of some lists are ours alone: schema.prisma has no word for them.
  const indexes = `SELECT replace(indexdef, 'ON ONLY', 'ON') AS indexdef FROM pg_indexes
    WHERE schemaname = 'public' AND tablename !~ '^(_prisma_migrations|barcodes_[0-9]+)$'
      AND indexname !~ '^barcodes_key_id_(symbology_id|id_aborted)_idx$' ORDER BY 1`;
  // Checks are ours alone: schema.prisma has no word for them.
  const constraints = `SELECT conname, pg_get_constraintdef(oid) AS definition FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND contype IN ('p', 'f', 'u') AND conparentid = 0
      AND conrelid <> coalesce(to_regclass('_prisma_migrations'), 0) ORDER BY 1`;
  for (const catalog of [columns, indexes, constraints]) {
    const rows = await queryOnce(migrated, catalog);
    assert.ok(rows.length > 0);
    assert.deepEqual(rows, await queryOnce(described, catalog));
  }
});

test("migrate finds nothing to do after Prisma's own engine, and both keep the same books", async () => {
  const theirs = await postgres.database();
  const ours = await postgres.database();
  const engine = await openPrismaEngine(theirs);
  assert.deepEqual(await engine.apply(migrationsFolder), names);
  await engine.close();
  assert.deepEqual(await migrate(theirs), { applied: [], unknown: [] });
  await migrate(ours);
  const columns = `SELECT column_name, data_type, character_maximum_length, is_nullable, column_default, ordinal_position
    FROM information_schema.columns WHERE table_name = '_prisma_migrations' ORDER BY ordinal_position`;
  assert.deepEqual(await queryOnce(ours, columns), await queryOnce(theirs, columns));
  const rows = `SELECT length(id), checksum, migration_name, logs, rolled_back_at, applied_steps_count,
    started_at <= finished_at AS ordered FROM _prisma_migrations ORDER BY migration_name`;
  assert.deepEqual(await queryOnce(ours, rows), await queryOnce(theirs, rows));
});

test("Prisma's own engine sees an edited migration where migrate does", async () => {
  const url = await postgres.database();
  await migrate(url);
  const folder = await copiedMigrations();
  await appendFile(join(folder, names[0] as string, 'migration.sql'), '\n-- edited\n');
  await assert.rejects(migrate(url, folder), usageError(/migration\.sql was changed after it was applied/));
  const engine = await openPrismaEngine(url);
  assert.deepEqual((await engine.diagnose(folder)).editedMigrationNames, [names[0]]);
  await engine.close();
  await rm(folder, { recursive: true });
});

test('a migration that fails leaves nothing of it, and is tried again', async () => {
  const url = await postgres.database();
  const folder = await copiedMigrations();
  const bad = join(folder, '29991231000000_bad');
  await mkdir(bad);
  await writeFile(join(bad, 'migration.sql'), 'CREATE TABLE half (id int); SELECT * FROM nowhere;');
  await assert.rejects(migrate(url, folder), usageError(/29991231000000_bad: relation "nowhere" does not exist/));
  assert.deepEqual(await queryOnce(url, "SELECT to_regclass('half')::text AS half"), [{ half: null }]);
  assert.deepEqual(await migrate(url), { applied: [], unknown: [] });
  await writeFile(join(bad, 'migration.sql'), 'CREATE TABLE half (id int);');
  assert.deepEqual(await migrate(url, folder), { applied: ['29991231000000_bad'], unknown: [] });
  assert.deepEqual(
    await migrate(url),
    { applied: [], unknown: ['29991231000000_bad'] },
    'an older version says what it does not know',
  );
  await rm(folder, { recursive: true });
});

test("a migration that failed under Prisma's own engine stops the start", async () => {
  const url = await postgres.database();
  const folder = await copiedMigrations();
  const bad = join(folder, '29991231000000_bad');
  await mkdir(bad);
  await writeFile(join(bad, 'migration.sql'), 'SELECT * FROM nowhere;');
  const engine = await openPrismaEngine(url);
  await assert.rejects(engine.apply(folder));
  await engine.close();
  await assert.rejects(migrate(url), usageError(/its migration 29991231000000_bad was begun and never finished/));
  await rm(folder, { recursive: true });
});

test('a URL that leads nowhere is refused in one line, without its password', async () => {
  const refused: [string, RegExp][] = [
    [
      'postgresql://u:hunter2@127.0.0.1:1/rampart',
      /u:\*\*\*@127\.0\.0\.1:1\/rampart: .*ECONNREFUSED.*; nothing listens there/,
    ],
    [
      postgres.url.replace('/rampart?', '/elsewhere?').replace('rampart@', 'rampart:hunter2@'),
      /database "elsewhere" does not exist; .* create it/,
    ],
    [postgres.url.replace('rampart@', 'somebody:hunter2@'), /role "somebody" does not exist; .* correct the user/],
    [postgres.url.replace('/run', '/gone'), /ENOENT.*its socket is not there/],
    ['mysql://u:hunter2@localhost/x', /got a URL that starts with mysql:/],
    ['u:hunter2', /got a URL that starts with u:/],
    ['hunter2', /got a text that is no URL/],
  ];
  for (const [url, expected] of refused) {
    await assert.rejects(migrate(url), (error: unknown) => {
      assert.ok(!String(error).includes('hunter2'), String(error));
      return usageError(expected)(error);
    });
  }
});
