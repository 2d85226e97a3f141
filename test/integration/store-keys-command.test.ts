import assert from 'node:assert/strict';
import { cp, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { keys } from '../../src/cli/keys.ts';
import { systemClock } from '../../src/core/clock.ts';
import { UsageError } from '../../src/core/errors.ts';
import { findEmbeddedPostgres } from '../../src/store/embedded/embedded-postgres.ts';
import { queryOnce } from '../../src/store/embedded/postmaster.ts';
import { hashOfKey } from '../../src/store/keys.ts';
import { migrate, migrationsFolder } from '../../src/store/migrations.ts';
import { openStore } from '../../src/store/store.ts';
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

interface ShownKey {
  readonly id: string;
  readonly key: string;
  readonly prefix: string;
  readonly expires_at: string | null;
  readonly previous_until: string | null;
  readonly scopes: readonly string[] | null;
}

test('a key can end, be for some endpoints, and get another text while the one before is accepted', async () => {
  const env = { DATABASE_URL: await postgres.database() };
  const asked = async (...args: string[]): Promise<ShownKey> => JSON.parse((await run([...args, '--json'], env)).out);
  const made = await asked('create', '--expires', '90d', '--scope', 'getBarcode,createBarcode,getBarcode');
  assert.deepEqual(made.scopes, ['getBarcode', 'createBarcode']);
  const inDays = (Date.parse(made.expires_at ?? '') - Date.now()) / 86_400_000;
  assert.ok(inDays > 89.9 && inDays <= 90, `${inDays} days`);
  assert.match(
    (await run(['list'], env)).out,
    /  active until 2\S+  no own limit  for getBarcode,createBarcode  unnamed\n$/,
  );

  const rotated = await run(['rotate', made.id, '--overlap', '1h'], env);
  assert.match(rotated.out, /^rk_[\w-]{32}\n$/);
  assert.match(rotated.err, /The text before is accepted until 2/);
  const [after] = (await asked('list')) as unknown as ShownKey[];
  assert.equal(after?.id, made.id);
  assert.equal(after?.expires_at, made.expires_at);
  assert.notEqual(after?.prefix, made.prefix);
  assert.match((await run(['list'], env)).out, /  text before accepted until 2/);
  const renewed = await asked('rotate', rotated.out.trim(), '--overlap', '0s', '--expires', '2099-01-31');
  assert.deepEqual([renewed.expires_at, renewed.previous_until], ['2099-01-31T00:00:00.000Z', null]);

  const revoked = await asked('create');
  await run(['revoke', revoked.id], env);
  await assert.rejects(run(['rotate', revoked.id], env), /Cannot rotate key .* as it is revoked: make another/);
});

test('--scope takes endpoints that are there, also those of the configuration file, and names the nearest of others', async () => {
  const folder = await temporaryFolder();
  const config = join(folder, 'rampart.config.mjs');
  const route = { endpoint: 'orders', path: '/orders', upstream: 'app' };
  const file = { upstreams: { app: { backends: ['http://127.0.0.1:1'] } }, routes: [route] };
  await writeFile(config, `export default ${JSON.stringify(file)};`);
  const env = { DATABASE_URL: await postgres.database() };
  const withFile = { ...env, RAMPART_CONFIG: config };
  const made = await run(['create', '--scope', 'orders,createBarcode', '--json'], withFile);
  assert.deepEqual((JSON.parse(made.out) as ShownKey).scopes, ['orders', 'createBarcode']);
  for (const [scope, settings, expected] of [
    ['creatBarcode', env, ["there is no endpoint 'creatBarcode'; did you mean createBarcode?"]],
    [
      'nosuch,getBarcode,order',
      withFile,
      ["there is no endpoint 'nosuch'", "there is no endpoint 'order'; did you mean orders?"],
    ],
    ['orders', env, ["there is no endpoint 'orders'"]],
    ['renderItem', env, ["there is no endpoint 'renderItem'"]],
  ] as const)
    await assert.rejects(run(['create', '--scope', scope], settings), (error: unknown) => {
      assert.ok(error instanceof UsageError);
      const told = error.problems.map((line, index) =>
        expected[index]?.includes('mean') === true ? line : line.split(';')[0],
      );
      assert.deepEqual(told, expected);
      return true;
    });
  assert.equal((JSON.parse((await run(['list', '--json'], env)).out) as unknown[]).length, 1);
});

test('a secret for webhooks is shown once, replaced and taken away; a revoked key gets none', async () => {
  const env = { DATABASE_URL: await postgres.database() };
  const { id } = JSON.parse((await run(['create', '--json'], env)).out) as ShownKey;
  const made = await run(['webhook', id], env);
  assert.match(made.out, /^whsec_[A-Za-z0-9+/]{32}\n$/);
  assert.match(made.err, /signs webhooks with this secret now\. It is not shown again/);
  const stored = async () =>
    (
      await queryOnce(
        env.DATABASE_URL,
        'SELECT webhook_secret AS s, webhook_previous AS p, webhook_previous_until AS u FROM api_keys',
      )
    )[0];
  assert.deepEqual(await stored(), { s: made.out.trim(), p: null, u: null });
  const listed = await run(['list'], env);
  assert.ok(listed.out.includes('signs webhooks') && !listed.out.includes('whsec_'));

  const next = JSON.parse((await run(['webhook', id, '--overlap', '1h', '--json'], env)).out) as {
    webhook_secret: string;
  };
  const after = await stored();
  assert.deepEqual([after?.['s'], after?.['p']], [next.webhook_secret, made.out.trim()]);
  assert.ok(after?.['u'] instanceof Date);
  assert.ok(Math.abs(after['u'].getTime() - Date.now() - 3_600_000) < 60_000);
  // The key itself is another matter.
  await run(['rotate', id], env);
  assert.equal((await stored())?.['s'], next.webhook_secret);

  const none = await run(['webhook', id, '--none'], env);
  assert.deepEqual([none.out, /signs no webhooks any more/.test(none.err)], ['', true]);
  assert.deepEqual(await stored(), { s: null, p: null, u: null });
  await run(['revoke', id], env);
  await assert.rejects(run(['webhook', id], env), /Cannot change key .* as it is revoked/);
});

test('a text that a rotation has left accepted names its key, and one that is refused names none', async () => {
  const env = { DATABASE_URL: await postgres.database() };
  const asked = async (...args: string[]): Promise<ShownKey> => JSON.parse((await run([...args, '--json'], env)).out);
  const made = await asked('create', '--expires', '2028-02-29');
  assert.equal(made.expires_at, '2028-02-29T00:00:00.000Z');
  const rotated = await asked('rotate', made.id);
  assert.equal((await asked('limit', made.key, '--rate', '5')).id, made.id);
  assert.equal((await asked('revoke', made.key)).id, made.id);
  const other = await asked('create');
  await asked('rotate', other.id, '--overlap', '0s');
  await assert.rejects(run(['revoke', other.key], env), /as none has this id/);
  assert.equal((await asked('revoke', rotated.key)).id, made.id);
});

test('two rotations at once leave one new text that works', async () => {
  const env = { DATABASE_URL: await postgres.database() };
  const { id } = JSON.parse((await run(['create', '--json'], env)).out) as ShownKey;
  const both = await Promise.allSettled([run(['rotate', id], env), run(['rotate', id], env)]);
  const texts = both.flatMap((one) => (one.status === 'fulfilled' ? [one.value.out.trim()] : []));
  assert.ok(texts.length > 0);
  for (const one of both)
    if (one.status === 'rejected')
      assert.match(String(one.reason), /^UsageError: Cannot rotate key .*, as another command rotated it/);
  const store = openStore({
    url: env.DATABASE_URL,
    poolMax: 1,
    poolTimeoutMs: 5000,
    applicationName: 'test',
    clock: systemClock,
  });
  for (const text of texts) assert.equal((await store.keys.findByHash(hashOfKey(text)))?.id, id);
  await store.close();
});

test('a database of the version before takes the new columns, and its keys go on', async () => {
  const url = await postgres.database();
  const before = await temporaryFolder();
  for (const name of await readdir(migrationsFolder))
    if (name < '20261127') await cp(join(migrationsFolder, name), join(before, name), { recursive: true });
  await migrate(url, before);
  const id = '01890000-0000-7000-8000-000000000001';
  await queryOnce(
    url,
    `INSERT INTO api_keys (id, name, prefix, hash, created_at) VALUES ('${id}', 'old', 'rk_old', sha256('old'), now())`,
  );
  const [key] = JSON.parse((await run(['list', '--json'], { DATABASE_URL: url })).out) as ShownKey[];
  assert.deepEqual([key?.id, key?.expires_at, key?.scopes, key?.previous_until], [id, null, null, null]);
  assert.equal((await run(['rotate', id], { DATABASE_URL: url })).code, 0);
  await rm(before, { recursive: true });
});

test('a data directory without a database is named, and nothing is made there', async () => {
  const dataDir = await temporaryFolder();
  const env = { RAMPART_DATA_DIR: join(dataDir, 'elsewhere') };
  for (const args of [['list'], ['revoke', 'rk_abcdefg'], ['rotate', 'rk_abcdefg'], ['limit', 'rk_abcdefg', '--none']])
    await assert.rejects(run(args, env), (error) => {
      assert.ok(error instanceof UsageError);
      assert.match(error.message, /there is no database in \S+\/elsewhere: .* RAMPART_DATA_DIR or DATABASE_URL/);
      return true;
    });
  assert.deepEqual(await readdir(dataDir), []);
  const made = await run(['create'], env);
  assert.match(made.err, /^There is no database in \S+\/elsewhere yet, so one is made\.\n/);
  await rm(dataDir, { recursive: true });
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
    ['create', '--expires', 'soon'],
    ['create', '--expires', '0d'],
    ['create', '--expires', '2020-01-01'],
    ['create', '--expires', '2027-02-31x'],
    ['create', '--expires', '2027-02-31'],
    ['create', '--expires', '2027-02-29T12:00Z'],
    ['create', '--expires', '2027-13-01'],
    ['create', '--scope', ''],
    ['create', '--scope', 'a b'],
    ['create', '--overlap', '1h'],
    ['rotate'],
    ['rotate', 'rk_nothing'],
    ['rotate', 'rk_nothing', '--overlap', 'long'],
    ['rotate', 'rk_nothing', '--scope', 'a'],
    ['limit', 'rk_nothing'],
    ['limit', 'rk_nothing', '--rate', '1', '--none'],
    ['limit', 'rk_nothing', '--rate', '1'],
    ['toString'],
  ];
  for (const args of wrong)
    await assert.rejects(run(args, env), (error) => error instanceof UsageError && !error.message.includes('\n'));
  assert.match((await run(['--help'], {})).out, /^usage: rampart keys/);
});
