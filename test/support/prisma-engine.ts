import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import type * as Engine from '@prisma/schema-engine-wasm';
import { SchemaEngine } from '@prisma/schema-engine-wasm';
import { Pool } from 'pg';
import { readMigrations } from '../../src/store/migrations.ts';

/** Prisma's own schema engine, as the oracle for our migrations runner. */
export interface PrismaEngine {
  /** What `prisma migrate status` goes by. */
  diagnose(folder: string): Promise<Engine.DiagnoseMigrationHistoryOutput>;
  /** What `prisma migrate deploy` does; resolves to the names that it applied. */
  apply(folder: string): Promise<string[]>;
  /** The statements that make an empty database what schema.prisma says. */
  sqlOfSchema(): Promise<string>;
  close(): Promise<void>;
}

const schemaFile = fileURLToPath(new URL('../../prisma/schema.prisma', import.meta.url));
const noFilters = { externalTables: [], externalEnums: [] };

async function listOf(folder: string): Promise<Engine.MigrationList> {
  const migrations = await readMigrations(folder);
  return {
    baseDir: folder,
    lockfile: { path: 'migration_lock.toml', content: 'provider = "postgresql"\n' },
    shadowDbInitScript: '',
    migrationDirectories: migrations.map(({ name, sql }) => ({
      path: name,
      migrationFile: { path: 'migration.sql', content: { tag: 'ok', value: sql } },
    })),
  };
}

/** The engine races its lock against a timer of ten seconds that it never cancels; it need not keep the tests waiting. */
async function withUnreferencedTimers<Result>(call: () => Promise<Result>): Promise<Result> {
  const original = globalThis.setTimeout;
  const unreferenced = (callback: () => void, delayMs: number) => original(callback, delayMs).unref();
  globalThis.setTimeout = Object.assign(unreferenced, original);
  return call().finally(() => (globalThis.setTimeout = original));
}

export async function openPrismaEngine(url: string): Promise<PrismaEngine> {
  // One connection: the engine's advisory lock belongs to it, and ends with it.
  const pool = new Pool({ connectionString: url, max: 1 });
  const schema = await readFile(schemaFile, 'utf8');
  const adapter = bindMigrationAwareSqlAdapterFactory(new PrismaPg(pool));
  const engine = await SchemaEngine.new({ datamodels: [[schemaFile, schema]] }, () => {}, adapter);
  return {
    diagnose: async (folder) =>
      engine.diagnoseMigrationHistory({
        migrationsList: await listOf(folder),
        optInToShadowDatabase: false,
        filters: noFilters,
      }),
    apply: async (folder) => {
      const migrationsList = await listOf(folder);
      const done = await withUnreferencedTimers(() => engine.applyMigrations({ migrationsList, filters: noFilters }));
      return done.appliedMigrationNames;
    },
    sqlOfSchema: async () => {
      const to: Engine.DiffTarget = { tag: 'schemaDatamodel', files: [{ path: schemaFile, content: schema }] };
      const script = await engine.diff({
        from: { tag: 'empty' },
        to,
        script: true,
        exitCode: null,
        filters: noFilters,
      });
      return script.stdout ?? '';
    },
    close: async () => {
      engine.free();
      await pool.end();
    },
  };
}
