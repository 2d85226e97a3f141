import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/core/clock.ts';
import { UsageError } from '../../src/core/errors.ts';
import { isRoot } from '../../src/store/embedded/account.ts';
import { findEmbeddedPostgres, startEmbeddedPostgres } from '../../src/store/embedded/embedded-postgres.ts';
import { isAlive, queryOnce } from '../../src/store/embedded/postmaster.ts';
import { migrate } from '../../src/store/migrations.ts';
import { openStore } from '../../src/store/store.ts';
import { eventually, temporaryFolder } from '../support/postgres.ts';

/** Ends a test with whatever its folder still runs stopped, and the folder gone. */
async function inFolder(work: (dataDir: string) => Promise<void>, name?: string): Promise<void> {
  const dataDir = await temporaryFolder(name);
  try {
    await work(dataDir);
  } finally {
    await (await findEmbeddedPostgres(dataDir))?.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** Another process that starts the PostgreSQL of a folder and then does nothing. */
async function startElsewhere(dataDir: string): Promise<{ pid: number; kill(): Promise<void> }> {
  const module = fileURLToPath(new URL('../../src/store/embedded/embedded-postgres.ts', import.meta.url));
  const code = `const { startEmbeddedPostgres } = await import(${JSON.stringify(module)});
    const { pid } = await startEmbeddedPostgres({ dataDir: ${JSON.stringify(dataDir)} });
    console.log(pid); setInterval(() => {}, 60_000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string];
  return {
    pid: Number(line),
    async kill() {
      // The whole group: the server must be in a session of its own, or Ctrl-C would reach it as well.
      process.kill(-(child.pid as number), 'SIGKILL');
      await once(child, 'exit');
    },
  };
}

test('the server outlives a starter that is killed, and the next start adopts it', () =>
  inFolder(async (dataDir) => {
    const starter = await startElsewhere(dataDir);
    await starter.kill();
    assert.ok(await isAlive(starter.pid));
    const adopted = await startEmbeddedPostgres({ dataDir });
    assert.deepEqual([adopted.adopted, adopted.pid], [true, starter.pid]);
    assert.equal((await findEmbeddedPostgres(dataDir))?.pid, starter.pid);
    await queryOnce(adopted.url, 'SELECT 1');
    await adopted.stop();
    assert.ok(!(await isAlive(starter.pid)));
    assert.equal(await findEmbeddedPostgres(dataDir), undefined);
  }));

test('twenty starts and stops leave no process, socket or lock, and the data stays', () =>
  inFolder(async (dataDir) => {
    for (let round = 0; round < 20; round += 1) {
      const server = await startEmbeddedPostgres({ dataDir });
      assert.equal(server.adopted, false);
      await queryOnce(server.url, round === 0 ? 'CREATE TABLE rounds (n int)' : 'INSERT INTO rounds VALUES (1)');
      if (round === 19) assert.equal((await queryOnce(server.url, 'SELECT n FROM rounds')).length, 19);
      await server.stop();
      assert.ok(!(await isAlive(server.pid)));
      assert.deepEqual((await readdir(server.folder)).toSorted(), ['data', 'server.log']);
      assert.ok(!(await readdir(join(server.folder, 'data'))).includes('postmaster.pid'));
    }
  }));

test('two starts at once come to one server', () =>
  inFolder(async (dataDir) => {
    const servers = await Promise.all([1, 2, 3].map(() => startEmbeddedPostgres({ dataDir })));
    assert.equal(new Set(servers.map(({ pid }) => pid)).size, 1);
    await Promise.all(servers.map((server) => server.stop()));
    assert.equal(await findEmbeddedPostgres(dataDir), undefined);
  }));

const migrationCount = readdirSync(new URL('../../prisma/migrations', import.meta.url)).filter((name) =>
  /^\d/.test(name),
).length;

test('an initialisation that was killed half-way is done again', () =>
  inFolder(async (dataDir) => {
    // The process id of a draft's maker is in its name; this one has ended.
    const gone = spawn(process.execPath, ['-e', '']);
    await once(gone, 'exit');
    const draft = join(dataDir, 'postgres', `draft-${gone.pid}-0`);
    await mkdir(draft, { recursive: true });
    await writeFile(join(draft, 'PG_VERSION'), '18\n');
    const server = await startEmbeddedPostgres({ dataDir });
    await queryOnce(server.url, 'SELECT 1');
    await server.stop();
    assert.deepEqual((await readdir(server.folder)).toSorted(), ['data', 'server.log']);
  }));

test('a server that was killed is recovered, with all that was committed', () =>
  inFolder(async (dataDir) => {
    const first = await startEmbeddedPostgres({ dataDir });
    await queryOnce(first.url, 'CREATE TABLE kept AS SELECT 1 AS n');
    process.kill(first.pid, 'SIGKILL');
    await eventually(async () => !(await isAlive(first.pid)), 'the server is gone');
    const second = await startEmbeddedPostgres({ dataDir });
    assert.equal(second.adopted, false);
    assert.deepEqual(await queryOnce(second.url, 'SELECT n FROM kept'), [{ n: 1 }]);
    await second.stop();
  }));

test('a lock of a dead server whose process id another process has got is no obstacle', () =>
  inFolder(async (dataDir) => {
    const first = await startEmbeddedPostgres({ dataDir });
    const lock = join(first.folder, 'data', 'postmaster.pid');
    const content = await readFile(lock, 'utf8');
    await first.stop();
    // PostgreSQL believes a lock of a living process of its own user, and none of its parents is.
    const stranger = spawn('sleep', ['600'], isRoot() ? await ownerOf(join(first.folder, 'data')) : {});
    await writeFile(lock, content.replace(/^\d+/, `${stranger.pid}`), { mode: 0o600 });
    try {
      const second = await startEmbeddedPostgres({ dataDir });
      assert.equal(second.adopted, false);
      await second.stop();
      assert.ok(stranger.exitCode === null && stranger.signalCode === null, 'the other process was left alone');
    } finally {
      stranger.kill('SIGKILL');
    }
  }));

async function ownerOf(path: string): Promise<{ uid: number; gid: number }> {
  const { uid, gid } = await stat(path);
  return { uid, gid };
}

/** Starts in this data directory, and uses the server as pg and as Prisma do. */
async function startAndUse(dataDir: string): Promise<void> {
  const server = await startEmbeddedPostgres({ dataDir });
  assert.equal((await migrate(server.url)).applied.length, migrationCount);
  const [poolMax, poolTimeoutMs] = [1, 5_000];
  const store = openStore({ url: server.url, poolMax, poolTimeoutMs, applicationName: 'test', clock: systemClock });
  assert.deepEqual(await store.keys.list(), []);
  await store.close();
  await server.stop();
  assert.ok(!existsSync(new URL(server.url).searchParams.get('host') ?? ''), 'no socket folder is left');
}

test('spaces, quotes and commas in the path are no obstacle to pg and to Prisma', () =>
  inFolder((folder) => startAndUse(join(folder, `it's "so", %2F`)), 'a test, ümlaut-'));

test('a path that is too long for a socket is no obstacle', () =>
  inFolder((folder) => startAndUse(join(folder, 'x'.repeat(120)))));

test('only the socket in a folder of mode 0700 leads to the server, and fsync stays on', () =>
  inFolder(async (dataDir) => {
    const server = await startEmbeddedPostgres({ dataDir });
    const settings = await queryOnce(
      server.url,
      `SELECT current_setting('listen_addresses') AS listens, current_setting('fsync') AS fsync,
        current_setting('server_encoding') AS encoding, current_setting('max_connections') AS connections,
        current_setting('data_checksums') AS checksums`,
    );
    assert.deepEqual(settings, [{ listens: '', fsync: 'on', encoding: 'UTF8', connections: '100', checksums: 'on' }]);
    for (const folder of [server.folder, new URL(server.url).searchParams.get('host') ?? ''])
      assert.equal((await stat(folder)).mode & 0o777, 0o700);
    await server.stop();
  }));

test('data that cannot be used is refused in one line that says what would work', () =>
  inFolder(async (dataDir) => {
    const refused = async (folder: string, expected: RegExp) =>
      assert.rejects(startEmbeddedPostgres({ dataDir: folder }), (error) => {
        assert.ok(error instanceof UsageError, String(error));
        assert.match(error.message, expected);
        assert.ok(!error.message.includes('\n'));
        return true;
      });
    await writeFile(join(dataDir, 'file'), '');
    await refused(join(dataDir, 'file'), /Cannot keep the embedded PostgreSQL in .*file: E.*Set RAMPART_DATA_DIR/);
    const server = await startEmbeddedPostgres({ dataDir });
    await server.stop();
    const version = join(server.folder, 'data', 'PG_VERSION');
    await writeFile(version, '17\n');
    await refused(
      dataDir,
      /PostgreSQL 18 on .* which PostgreSQL 17 has written. Start PostgreSQL 17 on it once more .* pg_dump/,
    );
    await writeFile(version, '18\n');
    await writeFile(join(server.folder, 'data', 'postgresql.conf'), 'nonsense = 1\n');
    await refused(dataDir, /Cannot start the embedded PostgreSQL: .*(nonsense|configuration).*server\.log/);
  }));

test('a running server with too few connections is started again with enough; one with enough is adopted', () =>
  inFolder(async (dataDir) => {
    const first = await startEmbeddedPostgres({ dataDir });
    const second = await startEmbeddedPostgres({ dataDir, maxConnections: 120 });
    assert.equal(second.adopted, false);
    assert.deepEqual(await queryOnce(second.url, 'SHOW max_connections'), [{ max_connections: '120' }]);
    assert.ok(!(await isAlive(first.pid)));
    const third = await startEmbeddedPostgres({ dataDir, maxConnections: 110 });
    assert.deepEqual([third.adopted, third.pid], [true, second.pid]);
    await third.stop();
  }));
