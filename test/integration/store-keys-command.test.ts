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
  ];
  for (const args of wrong)
    await assert.rejects(run(args, env), (error) => error instanceof UsageError && !error.message.includes('\n'));
  assert.match((await run(['--help'], {})).out, /^Usage: rampart keys/);
});
