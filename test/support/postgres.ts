import { rmSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { systemClock } from '../../src/core/clock.ts';
import type { EmbeddedPostgres } from '../../src/store/embedded/embedded-postgres.ts';
import { startEmbeddedPostgres } from '../../src/store/embedded/embedded-postgres.ts';
import { queryOnce } from '../../src/store/embedded/postmaster.ts';
import { migrate } from '../../src/store/migrations.ts';
import type { Store, StoreOptions } from '../../src/store/store.ts';
import { openStore } from '../../src/store/store.ts';

const folders: string[] = [];
process.once('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A folder of this test alone, which the account of the embedded PostgreSQL can enter; gone when the test's process ends. */
export async function temporaryFolder(name = 'rampart-test-'): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), name));
  folders.push(folder);
  await chmod(folder, 0o755);
  return folder;
}

export interface TestPostgres {
  readonly url: string;
  readonly dataDir: string;
  /** A fresh, empty database of this server. */
  database(): Promise<string>;
  /** A store on a fresh database with all migrations; closed with the server. */
  store(options?: Partial<StoreOptions>): Promise<Store>;
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** One real PostgreSQL for the tests of a file, started before them and gone after them. */
export function withPostgres(): TestPostgres {
  let server: EmbeddedPostgres | undefined;
  let dataDir = '';
  let databases = 0;
  const stores: Store[] = [];
  const running = () => {
    if (server === undefined) throw new Error('PostgreSQL starts before the first test, not before');
    return server;
  };

  const self: TestPostgres = {
    get url() {
      return running().url;
    },
    get dataDir() {
      return dataDir;
    },
    async database() {
      const name = `test_${(databases += 1)}`;
      await queryOnce(running().url, `CREATE DATABASE ${name}`);
      const url = new URL(running().url);
      url.pathname = `/${name}`;
      return url.href;
    },
    async store(options = {}) {
      const url = options.url ?? (await self.database());
      await migrate(url);
      const defaults = { poolMax: 4, poolTimeoutMs: 2_000, applicationName: 'test', clock: systemClock };
      const store = openStore({ ...defaults, ...options, url });
      stores.push(store);
      return store;
    },
    stop: () => running().stop(),
    async start() {
      server = await startEmbeddedPostgres({ dataDir });
    },
  };

  before(async () => {
    dataDir = await temporaryFolder();
    await self.start();
  });
  after(async () => {
    await Promise.all(stores.map((store) => store.close()));
    await server?.stop();
    await rm(dataDir, { recursive: true, force: true });
  });
  return self;
}

/** Waits for a condition, with a generous end: a test that fails must not hang. */
export async function eventually(isTrue: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let attempt = 0; attempt < 1_500; attempt += 1) {
    if (await isTrue()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`never came true: ${what}`);
}
