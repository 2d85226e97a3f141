import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { test } from 'node:test';
import { keys } from '../../src/cli/keys.ts';
import { UsageError } from '../../src/core/errors.ts';
import { findEmbeddedPostgres } from '../../src/store/embedded/embedded-postgres.ts';
import { queryOnce } from '../../src/store/embedded/postmaster.ts';
import { temporaryFolder, withPostgres } from '../support/postgres.ts';

const postgres = withPostgres();

async function run(args: string[], env: Record<string, string>) {
  const written = { out: '', err: '' };
  const stdout = { write: (text: string) => (written.out += text) };
  const stderr = { write: (text: string) => (written.err += text) };
  const code = await keys(args, { stdout, stderr, env, folder: '/' });
  return { ...written, code };
}

test('keys are made, listed and revoked on DATABASE_URL, and the text of a key is in no table', async () => {
  const env = { DATABASE_URL: await postgres.database() };
  const made = await run(['create', '--name', 'till 7'], env);
  assert.match(made.out, /^rk_[\w-]{32}\n$/);
  const key = made.out.trim();
  const madeToo = JSON.parse((await run(['create', '--json'], env)).out) as { key: string; id: string; name: string };
  assert.match(madeToo.key, /^rk_/);
  const listed = await run(['list'], env);
  assert.equal(listed.out.trim().split('\n').length, 2);
  assert.ok(!listed.out.includes(key));
  const rows = JSON.stringify(await queryOnce(env.DATABASE_URL, 'SELECT k::text FROM api_keys k'));
  assert.ok(rows.includes('till 7') && !rows.includes(key.slice(12)));
  const revoked = await run(['revoke', key.slice(0, 11), '--json'], env);
  assert.equal((JSON.parse(revoked.out) as { name: string }).name, 'till 7');
  const states = JSON.parse((await run(['list', '--json'], env)).out) as { name: string; revoked_at: string | null }[];
  assert.deepEqual(
    states.map(({ name, revoked_at }) => [name, revoked_at !== null]),
    [
      ['unnamed', false],
      ['till 7', true],
    ],
  );
});

test('a key can have its own limit and priority, which are listed, changed and taken away', async () => {
  const env = { DATABASE_URL: await postgres.database() };
  interface Shown {
    readonly id: string;
    readonly limit: unknown;
    readonly priority: unknown;
  }
  const asked = async (...args: string[]): Promise<Shown> => JSON.parse((await run([...args, '--json'], env)).out);
  const made = await asked('create', '--rate', '0.5', '--burst', '200', '--priority', 'bulk');
  assert.deepEqual([made.limit, made.priority], [{ requests_per_second: 0.5, burst: 200 }, 'bulk']);
  assert.match((await run(['list'], env)).out, / 0\.5\/s burst 200  bulk  unnamed\n$/);
  // Without a burst, what a second brings.
  const changed = await run(['limit', made.id, '--rate', '2.5'], env);
  assert.equal(changed.out, `Key ${made.id} (unnamed) has 2.5/s burst 3 now.\n`);
  assert.deepEqual((await asked('limit', made.id, '--none')).limit, null);
  const [listed] = (await asked('list')) as unknown as Shown[];
  assert.deepEqual([listed?.limit, listed?.priority], [null, 'bulk']);
  assert.deepEqual((await asked('create')).priority, null);
  await assert.rejects(
    queryOnce(env.DATABASE_URL, 'UPDATE api_keys SET burst = 3'),
    /api_keys_limit_is_whole/,
    'half a limit is none',
  );
});

test('an embedded PostgreSQL that is not running is started for the moment, and one that runs is left running', async () => {
  const dataDir = await temporaryFolder();
  const made = await run(['create'], { RAMPART_DATA_DIR: dataDir });
  assert.equal(made.code, 0);
  assert.equal(await findEmbeddedPostgres(dataDir), undefined);
  const listed = await run(['list', '--json'], { RAMPART_DATA_DIR: dataDir });
  assert.equal((JSON.parse(listed.out) as unknown[]).length, 1);
  await rm(dataDir, { recursive: true });
  await run(['create'], { RAMPART_DATA_DIR: postgres.dataDir });
  assert.notEqual(await findEmbeddedPostgres(postgres.dataDir), undefined);
});

test('a wrong command is refused in one line that says what would work', async () => {
  const env = { DATABASE_URL: postgres.url };
  const wrong = [
    [],
    ['make'],
    ['create', 'x'],
    ['revoke'],
    ['list', '--nmae'],
    ['create', '--name', ''],
    ['create', '--name', 'a\nb'],
    ['revoke', 'rk_nothing'],
    ['create', '--rate', 'fast'],
    ['create', '--rate', '0'],
    ['create', '--rate', '1e3'],
    ['create', '--rate', '10', '--burst', '1.5'],
    ['create', '--rate', '10', '--burst', '0'],
    ['create', '--burst', '5'],
    ['create', '--priority', 'urgent'],
    ['list', '--rate', '1'],
    ['limit', '--rate', '1'],
    ['limit', 'rk_nothing'],
    ['limit', 'rk_nothing', '--rate', '1', '--none'],
    ['limit', 'rk_nothing', '--rate', '1'],
    ['toString'],
  ];
  for (const args of wrong)
    await assert.rejects(run(args, env), (error) => error instanceof UsageError && !error.message.includes('\n'));
  assert.match((await run(['--help'], {})).out, /^usage: rampart keys/);
});
