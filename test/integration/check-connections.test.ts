import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withPostgres } from '../support/postgres.ts';
import { runRampart } from '../support/stack.ts';

const postgres = withPostgres();
const processes = { GATEWAY_WORKERS: '2', BATCH_WORKERS: '1', DATABASE_POOL_MAX: '7' };
const check = (env: Record<string, string>, ...args: string[]) =>
  runRampart(['check', ...args], { ...processes, ...env });

test('rampart check adds up the connections of all roles against max_connections', async () => {
  const { code, stdout } = await check({ DATABASE_URL: postgres.url });
  assert.equal(code, 0);
  const lines = stdout.slice(stdout.indexOf('database connections')).trimEnd().split('\n');
  assert.deepEqual(
    lines.map((line) => line.replaceAll(/ {2,}/g, ' | ').trim()),
    [
      'database connections',
      '| gateway workers | 28 | 2 x 7, twice during a reload',
      '| batch workers | 5 | 1 x 5',
      '| control | 3',
      '| command line | 3',
      '| reserved for superusers | 3',
      '| sum | 42 | of max_connections = 100',
    ],
  );
  const { connections } = JSON.parse((await check({ DATABASE_URL: postgres.url }, '--json')).stdout) as {
    connections: { sum: number; maxConnections: number };
  };
  assert.deepEqual([connections.sum, connections.maxConnections], [42, 100]);
});

test('rampart check refuses pools that PostgreSQL cannot hold, and says what would work', async () => {
  const { code, stderr } = await check({ DATABASE_URL: postgres.url, DATABASE_POOL_MAX: '40' });
  assert.equal(code, 2);
  assert.match(stderr, /x DATABASE_POOL_MAX = 40 .* = 174\. What would work: DATABASE_POOL_MAX of at most 21/);
  const pooled = { DATABASE_URL: postgres.url, DATABASE_DIRECT_URL: postgres.url, DATABASE_POOL_MAX: '40' };
  assert.match((await check(pooled)).stdout, /sum +171 {2}at the pooler: compare its max_client_conn\n/);
});

test('rampart check shows each setting in its column, and no secret of any', async () => {
  const secrets = {
    DATABASE_URL: postgres.url,
    ADMIN_TOKEN: 'hunter2-hunter2-hunter2',
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://u:hunter2@127.0.0.1:4318/?key=hunter2',
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20hunter2',
    ALERT_WEBHOOK_URL: 'http://127.0.0.1:1/hunter2',
  };
  const open = { OTEL_RESOURCE_ATTRIBUTES: 'team=shop,zone=a' };
  const { stdout } = await check({ ...secrets, ...open });
  assert.match(stdout, /^ {2}OTEL_EXPORTER_OTLP_HEADERS +\(set, not shown\)$/m);
  assert.match(stdout, /^ {2}OTEL_RESOURCE_ATTRIBUTES +team=shop,zone=a$/m);
  assert.match(stdout, /^ {2}OTEL_EXPORTER_OTLP_TRACES_ENDPOINT +\(not set\)$/m);
  assert.match(stdout, /^ {2}DATABASE_STATEMENT_TIMEOUT_MS +10000$/m);
  const json = await check({ ...secrets, ...open }, '--json');
  assert.equal(json.code, 0);
  for (const text of [stdout, json.stdout, json.stderr]) assert.doesNotMatch(text, /hunter2/);
});

test('rampart check says so if PostgreSQL cannot be asked, and shows no password', async () => {
  const { code, stdout, stderr } = await check({ DATABASE_URL: 'postgresql://u:hunter2@127.0.0.1:1/rampart' });
  assert.equal(code, 0);
  assert.match(stderr, /the sum of the database connections was not checked: .*ECONNREFUSED/);
  assert.doesNotMatch(stdout + stderr, /hunter2/);
  assert.match((await check({})).stdout, /of max_connections = 100\n/, 'of the embedded server, which does not run');
});

test('rampart check tries DATABASE_URL also where no route needs it, and the way past a pooler', async () => {
  const wrong = postgres.url.replace(/^(\w+:\/\/)[^@]*@/, '$1nobody:hunter2@');
  const remarks = async (env: Record<string, string>): Promise<string> => {
    const { code, stdout, stderr } = await check({ GENERATOR_INSTANCES: '0', ...env });
    assert.equal(code, 0);
    assert.doesNotMatch(stdout + stderr, /hunter2/);
    return stderr;
  };
  assert.equal(await remarks({ DATABASE_URL: postgres.url }), '');
  assert.match(
    await remarks({ DATABASE_URL: wrong }),
    /DATABASE_URL cannot be used at present \(no route needs it\): .*nobody/,
  );
  const VALKEY_URL = 'redis://127.0.0.1:1';
  assert.match(
    await remarks({ DATABASE_URL: wrong, VALKEY_URL }),
    /DATABASE_URL cannot be used at present \(no route needs it, but the hosts of the fleet share .*\): .*nobody/,
  );
  assert.match(
    await remarks({ DATABASE_URL: postgres.url, DATABASE_DIRECT_URL: wrong }),
    /^rampart: DATABASE_DIRECT_URL cannot be used at present: .*nobody/m,
  );
  assert.match(
    await remarks({ DATABASE_URL: wrong, GENERATOR_INSTANCES: '1' }),
    /sum of the database connections was not checked: .*nobody/,
  );
});
