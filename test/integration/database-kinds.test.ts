import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '../../src/core/clock.ts';
import { queryOnce } from '../../src/store/embedded/postmaster.ts';
import { StoreError } from '../../src/store/errors.ts';
import { migrate } from '../../src/store/migrations.ts';
import { openStore, type Store, type StoreOptions } from '../../src/store/store.ts';
import { type Certificate, selfSigned } from '../support/certificates.ts';
import { temporaryFolder } from '../support/postgres.ts';
import { recordOf, storeWorks } from '../support/records.ts';
import { startTcpPostgres, type TcpPostgres } from '../support/tcp-postgres.ts';

/** Every kind of character that means something in a URL. */
const PASSWORD = `p@ss/w:rd#1?x=%2F&é "'\\ ü[]`;
const NOW = Math.floor(Date.now());

describe('a PostgreSQL of another kind', () => {
  let server: TcpPostgres;
  let certificate: Certificate;
  let rootFile = '';
  let databases = 0;
  const stores: Store[] = [];

  before(async () => {
    certificate = selfSigned('DNS:localhost,IP:127.0.0.1,IP:::1');
    server = await startTcpPostgres(certificate);
    rootFile = join(await temporaryFolder(), 'root.pem');
    await writeFile(rootFile, certificate.cert);
    const quoted = PASSWORD.replaceAll("'", "''");
    await admin(`CREATE ROLE app LOGIN PASSWORD '${quoted}'`);
  });
  after(async () => {
    await Promise.all(stores.map((store) => store.close()));
    await server.stop();
  });

  const admin = (statement: string, database = 'postgres'): Promise<Record<string, unknown>[]> =>
    queryOnce(server.adminUrl.replace('/rampart?', `/${database}?`), statement);

  /** A database that belongs to the role `app`. */
  async function newDatabase(...settings: string[]): Promise<string> {
    const name = `kind_${++databases}`;
    await admin(`CREATE DATABASE ${name} OWNER app`);
    for (const setting of settings) await admin(`ALTER DATABASE ${name} SET ${setting}`);
    return name;
  }

  const urlOf = (database: string, query = '', host = '127.0.0.1'): string =>
    `postgresql://app:${encodeURIComponent(PASSWORD)}@${host}:${server.port}/${database}${query}`;

  function open(url: string, more: Partial<StoreOptions> = {}): Store {
    const options = { poolMax: 3, poolTimeoutMs: 5_000, applicationName: 'test', clock: systemClock };
    const store = openStore({ ...options, ...more, url });
    stores.push(store);
    return store;
  }

  const hosts: [string, string, string][] = [
    ['IPv4', '127.0.0.1', ''],
    ['IPv6', '[::1]', ''],
    ['a Unix socket', 'localhost', 'socket'],
    ['TLS with sslmode=verify-full', 'localhost', '?sslmode=verify-full&sslrootcert='],
  ];
  for (const [name, host, query] of hosts)
    test(`works over ${name}, with a password of special characters`, async () => {
      const more = query === 'socket' ? `?host=${server.socketFolder}` : query === '' ? '' : `${query}${rootFile}`;
      const url = urlOf(await newDatabase(), more, host);
      await migrate(url);
      await storeWorks(open(url));
    });

  test('over TLS refuses a server whose certificate is unknown or for another name', async () => {
    const database = await newDatabase();
    const stranger = join(await temporaryFolder(), 'other.pem');
    await writeFile(stranger, selfSigned('DNS:localhost').cert);
    await assert.rejects(
      migrate(urlOf(database, `?sslmode=verify-full&sslrootcert=${stranger}`, 'localhost')),
      /certificate/,
    );
    // 127.0.0.2 is this machine, too, and the certificate does not name it.
    const other = urlOf(database, `?sslmode=verify-full&sslrootcert=${rootFile}`, '127.0.0.2');
    await assert.rejects(migrate(other), /ECONNREFUSED|does not match certificate/);
    const wrong = urlOf(database).replace(encodeURIComponent(PASSWORD), 'wrong');
    await assert.rejects(migrate(wrong), /it refuses the password/);
  });

  test('works with a time zone that is not UTC: every time is one instant, whoever reads it', async () => {
    const url = urlOf(await newDatabase("timezone = 'Asia/Kolkata'"));
    await migrate(url);
    await storeWorks(open(url));
    const [row] = await admin(
      "SELECT (SELECT setting FROM pg_settings WHERE name = 'TimeZone') AS zone",
      `kind_${databases}`,
    );
    assert.equal(row?.['zone'], 'Asia/Kolkata', 'a session that is not ours has it');
  });

  test('works in the schema that the URL names, which is made if there is none', async () => {
    const database = await newDatabase();
    const url = urlOf(database, '?schema=till%207');
    await migrate(url);
    await storeWorks(open(url));
    const tables = await admin("SELECT schemaname AS schema FROM pg_tables WHERE tablename = 'api_keys'", database);
    assert.deepEqual(tables, [{ schema: 'till 7' }]);
    assert.deepEqual((await migrate(url)).applied, [], 'the next start finds it');
  });

  test('works in a schema of the role ("$user"), and with a search_path of the database', async () => {
    const own = await newDatabase();
    await admin('CREATE SCHEMA app AUTHORIZATION app', own);
    await migrate(urlOf(own));
    await storeWorks(open(urlOf(own)));
    assert.deepEqual(await admin("SELECT schemaname AS schema FROM pg_tables WHERE tablename = 'barcodes'", own), [
      { schema: 'app' },
    ]);
    const pathed = await newDatabase('search_path = shop, public');
    await admin('CREATE SCHEMA shop AUTHORIZATION app', pathed);
    await migrate(urlOf(pathed));
    await storeWorks(open(urlOf(pathed)));
    assert.deepEqual(await admin("SELECT schemaname AS schema FROM pg_tables WHERE tablename = 'barcodes'", pathed), [
      { schema: 'shop' },
    ]);
  });

  test('that becomes read-only loses its connection and rejects nothing; afterwards all is well', async () => {
    const database = await newDatabase();
    const url = urlOf(database);
    await migrate(url);
    const store = open(url, { poolMax: 1 });
    const { record: key } = await store.keys.create('failover');
    const backend = async (): Promise<unknown> =>
      (
        await admin(
          "SELECT pid FROM pg_stat_activity WHERE application_name = 'test' AND datname = current_database()",
          database,
        )
      )[0]?.['pid'];
    const before = await backend();
    await admin('ALTER SYSTEM SET default_transaction_read_only = on');
    await admin('SELECT pg_reload_conf()');
    const record = recordOf(key.id, NOW);
    try {
      let failure: unknown;
      for (let tries = 0; tries < 200 && failure === undefined; tries++)
        failure = await store.barcodes.insertMany([recordOf(key.id, NOW)]).then(
          () => undefined,
          (error: unknown) => error,
        );
      assert.ok(failure instanceof StoreError);
      assert.deepEqual([failure.reason, failure.code], ['unavailable', '25006']);
      assert.notEqual(await backend(), before, 'a new connection may lead to the new primary');
      assert.equal((await store.barcodes.list({ keyId: key.id, pageSize: 1 })).kind, 'page', 'reads go on');
    } finally {
      await admin('ALTER SYSTEM RESET default_transaction_read_only');
      await admin('SELECT pg_reload_conf()');
    }
    let stored = 0;
    for (let tries = 0; tries < 200 && stored === 0; tries++)
      stored = await store.barcodes.insertMany([record]).catch(() => 0);
    assert.equal(stored, 1);
  });

  test('that ends idle sessions costs no call an error', async () => {
    const url = urlOf(await newDatabase("idle_session_timeout = '50ms'"));
    await migrate(url);
    const store = open(url, { poolMin: 2 });
    await store.prewarm();
    const { record: key } = await store.keys.create('idle');
    for (let round = 0; round < 30; round++) {
      await new Promise((resolve) => setTimeout(resolve, 40 + (round % 5) * 5));
      assert.equal((await store.barcodes.list({ keyId: key.id, pageSize: 1 })).kind, 'page');
      await store.keys.hasValid();
      await store.keys.list();
    }
  });

  test('whose sessions are terminated repeats a read once, and no write', async () => {
    const database = await newDatabase();
    const url = urlOf(database);
    await migrate(url);
    const store = open(url);
    const { record: key } = await store.keys.create('terminated');
    const record = recordOf(key.id, NOW);
    await store.barcodes.insertMany([record]);
    // Each call waits for a lock, and its session is ended while it waits.
    const reads: [string, () => Promise<unknown>][] = [
      ['a list', () => store.barcodes.list({ keyId: key.id, pageSize: 1 })],
      ['a look-up by Prisma', () => store.barcodes.get(key.id, record.id)],
    ];
    for (const [name, read] of reads) {
      const result = await whileLocked(database, read);
      assert.ok(result instanceof Error === false && result !== undefined, `${name}: ${String(result)}`);
    }
    const written = await whileLocked(database, () => store.barcodes.insertMany([recordOf(key.id, NOW)]));
    assert.ok(written instanceof StoreError && written.reason === 'unavailable', String(written));
  });

  /** Runs a call that meets a lock, ends its session, and gives the lock back. */
  async function whileLocked(database: string, call: () => Promise<unknown>): Promise<unknown> {
    const { Client } = await import('pg');
    const locker = new Client({ connectionString: server.adminUrl.replace('/rampart?', `/${database}?`) });
    await locker.connect();
    await locker.query('BEGIN; LOCK TABLE barcodes IN ACCESS EXCLUSIVE MODE');
    const running = call().catch((error: unknown) => error);
    const blocked = "SELECT pid FROM pg_stat_activity WHERE application_name = 'test' AND wait_event_type = 'Lock'";
    while ((await admin(blocked, database)).length === 0);
    await admin(`SELECT pg_terminate_backend(pid) FROM (${blocked}) blocked`, database);
    await locker.query('COMMIT');
    await locker.end();
    return running;
  }
});
