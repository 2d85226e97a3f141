import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '../../src/core/clock.ts';
import { isRoot, serverAccount } from '../../src/store/embedded/account.ts';
import { queryOnce } from '../../src/store/embedded/postmaster.ts';
import { migrate } from '../../src/store/migrations.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { selfSigned } from '../support/certificates.ts';
import { temporaryFolder } from '../support/postgres.ts';
import { eventually } from '../support/raw.ts';
import { recordOf, storeWorks } from '../support/records.ts';
import { freePorts, startStack, stackSettings } from '../support/stack.ts';
import { startTcpPostgres, type TcpPostgres } from '../support/tcp-postgres.ts';

/** Debian keeps it where only root has its path. */
const program = ['/usr/sbin/pgbouncer', 'pgbouncer'].find((path) => spawnSync(path, ['--version']).status === 0);
const skip = program === undefined && 'PgBouncer is not installed: apt-get install pgbouncer';

describe('behind PgBouncer in transaction mode', { skip }, () => {
  let server: TcpPostgres;
  let bouncer: ChildProcess;
  let port = 0;
  const stores: Store[] = [];

  before(async () => {
    server = await startTcpPostgres(selfSigned('DNS:localhost'));
    await queryOnce(server.adminUrl, 'CREATE ROLE app LOGIN');
    await queryOnce(server.adminUrl, 'CREATE DATABASE pooled OWNER app');
    await queryOnce(server.adminUrl, "ALTER DATABASE pooled SET timezone = 'Asia/Kolkata'");
    await queryOnce(server.adminUrl, 'CREATE DATABASE hosted OWNER app');
    port = await freePorts(1);
    const settings = join(await temporaryFolder(), 'pgbouncer.ini');
    await writeFile(
      settings,
      `[databases]
* = host=${server.socketFolder} port=${server.port} user=app
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 2
`,
    );
    bouncer = spawn(program ?? '', [settings], { ...(isRoot() ? serverAccount() : {}), stdio: 'ignore' });
    await eventually('PgBouncer answers', () =>
      queryOnce(pooledUrl('pooled'), 'SELECT 1').then(
        () => true,
        () => false,
      ),
    );
  });
  after(async () => {
    await Promise.all(stores.map((store) => store.close()));
    const ended = once(bouncer, 'exit');
    bouncer.kill('SIGINT');
    await ended;
    await server.stop();
  });

  const pooledUrl = (database: string): string => `postgresql://app@127.0.0.1:${port}/${database}`;
  const directUrl = (database: string): string =>
    server.adminUrl.replace('rampart@', 'app@').replace('/rampart?', `/${database}?`);

  test('a store with more connections than the pooler has servers does all its work', async () => {
    await migrate(directUrl('pooled'));
    const options = { poolMax: 8, poolTimeoutMs: 5_000, applicationName: 'test', clock: systemClock };
    const store = openStore({ ...options, url: pooledUrl('pooled'), isPooled: true });
    stores.push(store);
    await storeWorks(store);
    const { record: key } = await store.keys.create('many');
    const dayMs = 86_400_000;
    const inserts = Array.from({ length: 40 }, (_, n) =>
      store.barcodes.insertMany([recordOf(key.id, Date.now() - (n % 20) * dayMs - 30 * dayMs)]),
    );
    const claims = Array.from({ length: 20 }, (_, n) =>
      store.idempotency.claim(
        { keyId: key.id, key: `k${n % 10}`, bodyHash: Buffer.from('h') },
        { barcodeId: recordOf(key.id, Date.now()).id, claimMs: 10_000, windowMs: dayMs },
      ),
    );
    assert.equal(
      (await Promise.all(inserts)).reduce((sum, count) => sum + count, 0),
      40,
    );
    const kinds = (await Promise.all(claims)).map(({ kind }) => kind).toSorted();
    assert.deepEqual(kinds, [...Array<string>(10).fill('claimed'), ...Array<string>(10).fill('under-way')]);
    const page = await store.barcodes.list({ keyId: key.id, pageSize: 50 });
    assert.equal(page.kind === 'page' && page.records.length, 40);
  });

  test('without DATABASE_DIRECT_URL says what is wrong and what would work', async () => {
    await assert.rejects(migrate(pooledUrl('pooled')), /unsupported startup parameter.*set DATABASE_DIRECT_URL/);
  });

  test('rampart start, keys and retention work with DATABASE_URL and DATABASE_DIRECT_URL', async () => {
    const urls = { DATABASE_URL: pooledUrl('hosted'), DATABASE_DIRECT_URL: directUrl('hosted') };
    const stack = await startStack(await stackSettings({ ...urls, GATEWAY_WORKERS: '2' }));
    try {
      const headers = { 'x-api-key': stack.key, 'content-type': 'application/json' };
      const body = '{"symbology":"qrcode","text":"pooled"}';
      const created = await fetch(`${stack.url}/v1/barcodes`, { method: 'POST', headers, body });
      assert.equal(created.status, 201);
      const stored = "SELECT 1 FROM barcodes WHERE text = 'pooled'";
      await eventually('it is stored', async () => (await queryOnce(directUrl('hosted'), stored)).length === 1);
      const read = await fetch(`${stack.url}${created.headers.get('location')}`, { headers });
      assert.equal(read.status, 200);
      assert.equal((await stack.run('retention', '--json')).code, 0);
      assert.match((await stack.run('keys', 'list')).stdout, /first key|rk_/);
    } finally {
      await stack.stop();
    }
  });
});
