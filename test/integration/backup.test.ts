import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { Header } from 'tar';
import { findEmbeddedPostgres, startEmbeddedPostgres } from '../../src/store/embedded/embedded-postgres.ts';
import { queryOnce } from '../../src/store/embedded/postmaster.ts';
import { temporaryFolder } from '../support/postgres.ts';
import { rampartEntry, runRampart, type Stack, startStack } from '../support/stack.ts';
import { startSteadyClient, type SteadyResult } from '../support/steady-client.ts';

/** The ids of all records in the database of a data directory. */
async function idsIn(dataDir: string): Promise<Set<string>> {
  const running = await findEmbeddedPostgres(dataDir);
  const server = running ?? (await startEmbeddedPostgres({ dataDir }));
  try {
    return new Set((await queryOnce(server.url, 'SELECT id FROM barcodes')).map(({ id }) => String(id)));
  } finally {
    if (running === undefined) await server.stop();
  }
}

const idOf = (location: string): string => location.split('/').at(-1) ?? '';

describe('a backup', () => {
  let stack: Stack;
  let file: string;
  let before1: readonly string[];
  let meanwhile: SteadyResult;

  before(async () => {
    stack = await startStack({ GENERATOR_INSTANCES: '1' });
    file = join(await temporaryFolder(), 'backup.tar.gz');
    const options = { url: stack.url, key: stack.key, perSecond: 60, keepAlive: true };
    const earlier = startSteadyClient(options);
    await new Promise((resolve) => void setTimeout(resolve, 1500));
    before1 = (await earlier.stop()).locations.map(idOf);
    // A record is in PostgreSQL within its flush interval.
    await new Promise((resolve) => void setTimeout(resolve, 1000));
    const load = startSteadyClient(options);
    const made = await stack.run('backup', file, '--json');
    meanwhile = await load.stop();
    assert.equal(made.code, 0, made.stderr);
    const { files, bytes } = JSON.parse(made.stdout) as { files: number; bytes: number };
    assert.ok(files > 900 && bytes > 1e6, made.stdout);
  });
  after(() => stack.stop());

  test('is made while requests are answered, and has every record from before it, once', async () => {
    assert.deepEqual(Object.keys(meanwhile.outcomes), ['201']);
    assert.ok(before1.length > 50);
    const dataDir = await temporaryFolder();
    const restored = await runRampart(['restore', file, '--json'], { ...stack.env, RAMPART_DATA_DIR: dataDir });
    assert.equal(restored.code, 0, restored.stderr);
    const { records, keys } = JSON.parse(restored.stdout) as { records: number; keys: number };
    const ids = await idsIn(dataDir);
    assert.equal(ids.size, records);
    assert.equal(keys, 1);
    assert.deepEqual(
      before1.filter((id) => !ids.has(id)),
      [],
    );
    // Nothing that the client did not send.
    const sent = new Set([...before1, ...meanwhile.locations.map(idOf)]);
    assert.deepEqual(
      [...ids].filter((id) => !sent.has(id)),
      [],
    );
  });

  test('is refused where a file is there already, and by a running or used data directory', async () => {
    const again = await stack.run('backup', file);
    assert.deepEqual([again.code, /is there already/.test(again.stderr)], [2, true]);
    const running = await stack.run('restore', file, '--replace');
    assert.deepEqual([running.code, /stop Rampart first/.test(running.stderr)], [2, true], running.stderr);
  });

  test('moves a database aside only when it is told to', async () => {
    const dataDir = await temporaryFolder();
    const env = { ...stack.env, RAMPART_DATA_DIR: dataDir };
    assert.equal((await runRampart(['restore', file], env)).code, 0);
    const refused = await runRampart(['restore', file], env);
    assert.deepEqual([refused.code, /--replace/.test(refused.stderr)], [2, true]);
    const replaced = await runRampart(['restore', file, '--replace'], env);
    assert.equal(replaced.code, 0, replaced.stderr);
    const movedTo = /is in (.*)\.\n/.exec(replaced.stdout)?.[1] ?? '';
    assert.ok(existsSync(join(movedTo, 'PG_VERSION')), replaced.stdout);
  });

  /** Damages of an archive: what is left of it, or added to it. */
  const damages: Record<string, (archive: Buffer) => Buffer> = {
    'cut off within the compressed bytes': (archive) => archive.subarray(0, archive.length - 100_000),
    'cut off after a file': (archive) =>
      gzipSync(Buffer.concat([gunzipSync(archive).subarray(0, -4096), Buffer.alloc(1024)]), { level: 1 }),
    'a byte that flipped': (archive) => {
      const damaged = Buffer.from(archive);
      const at = damaged.length >> 1;
      damaged[at] = (damaged[at] ?? 0) ^ 0xff;
      return damaged;
    },
    'no archive': () => Buffer.from('hello'),
    'an entry outside of the data': (archive) => withEntry(archive, 'data/../../evil'),
    'an absolute entry': (archive) => withEntry(archive, '/tmp/evil'),
    'a link': (archive) => withEntry(archive, 'data/link', 'SymbolicLink'),
  };

  function withEntry(archive: Buffer, path: string, type: 'File' | 'SymbolicLink' = 'File'): Buffer {
    const block = Buffer.alloc(512);
    new Header({ path, type, size: 0, mode: 0o600, linkpath: type === 'File' ? '' : '/etc' }).encode(block, 0);
    const plain = gunzipSync(archive);
    return gzipSync(Buffer.concat([plain.subarray(0, 1024), block, plain.subarray(1024)]), { level: 1 });
  }

  for (const [what, damage] of Object.entries(damages)) {
    test(`that is damaged is refused, and nothing is changed: ${what}`, async () => {
      const folder = await temporaryFolder();
      const damaged = join(folder, 'damaged.tar.gz');
      writeFileSync(damaged, damage(readFileSync(file)));
      const dataDir = await temporaryFolder();
      const refused = await runRampart(['restore', damaged], { ...stack.env, RAMPART_DATA_DIR: dataDir });
      assert.equal(refused.code, 2, refused.stderr);
      assert.match(refused.stderr, /Cannot restore .* as it (cannot be read|is incomplete|is no backup)/);
      assert.deepEqual(readdirSync(dataDir), []);
    });
  }

  test('of a stopped Rampart is the same, and its PostgreSQL is stopped again', async () => {
    const dataDir = await temporaryFolder();
    const env = { ...stack.env, RAMPART_DATA_DIR: dataDir };
    assert.equal((await runRampart(['restore', file], env)).code, 0);
    const second = join(await temporaryFolder(), 'second.tar.gz');
    const made = await runRampart(['backup', second], env);
    assert.equal(made.code, 0, made.stderr);
    assert.equal(await findEmbeddedPostgres(dataDir), undefined);
    const other = await temporaryFolder();
    const restored = await runRampart(['restore', second], { ...stack.env, RAMPART_DATA_DIR: other });
    assert.equal(restored.code, 0, restored.stderr);
    assert.deepEqual(await idsIn(other), await idsIn(dataDir));
  });

  test('never replaces a device or a folder, and of two at once into one file one is refused', async () => {
    const folder = await temporaryFolder();
    const device = await stack.run('backup', '/dev/null', '--force');
    assert.deepEqual([device.code, /no ordinary file/.test(device.stderr)], [2, true], device.stderr);
    assert.ok(statSync('/dev/null').isCharacterDevice());
    const twice = join(folder, 'twice.tar.gz');
    const codes = (await Promise.all([stack.run('backup', twice), stack.run('backup', twice)])).map(({ code }) => code);
    assert.deepEqual(codes.sort(), [0, 2]);
    assert.deepEqual(readdirSync(folder), ['twice.tar.gz']);
  });

  test('that cannot be written is refused with why, and leaves nothing', async () => {
    const refused = await stack.run('backup', join(stack.dataDir, 'nowhere', 'x.tar.gz'));
    assert.deepEqual([refused.code, refused.stderr.includes('Cannot write the backup')], [2, true], refused.stderr);
    assert.ok(!refused.stderr.includes('    at '), refused.stderr);
    const folder = await temporaryFolder();
    const { PATH = '' } = process.env;
    const full = spawnSync(
      'bash',
      ['-c', `ulimit -f 200; exec "${process.execPath}" "${rampartEntry}" backup "${join(folder, 'x.tar.gz')}"`],
      { env: { ...stack.env, PATH }, encoding: 'utf8' },
    );
    assert.notEqual(full.status, 0);
    assert.deepEqual(readdirSync(folder), [], full.stderr);
  });

  test('of DATABASE_URL is refused with what to use instead', async () => {
    const env = { ...stack.env, DATABASE_URL: 'postgresql://rampart@127.0.0.1:1/rampart' };
    for (const [command, tool] of [
      ['backup', 'pg_dump'],
      ['restore', 'pg_restore'],
    ] as const) {
      const refused = await runRampart([command, join(stack.dataDir, 'x')], env);
      assert.deepEqual([refused.code, refused.stderr.includes(tool)], [2, true], refused.stderr);
    }
  });
});
