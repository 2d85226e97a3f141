import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { after, test } from 'node:test';
import { type Logger, pino } from 'pino';
import { healthReport } from '../../src/control/see/health-report.ts';
import { systemClock } from '../../src/core/clock.ts';
import { seededRandom } from '../../src/core/random.ts';
import { ValkeyClient } from '../../src/store/valkey/valkey-client.ts';
import { ValkeyUnavailable } from '../../src/store/valkey/valkey-unavailable.ts';
import { bulk, startFakeValkey } from '../support/fake-valkey.ts';
import { quietInstruments } from '../support/instruments.ts';
import { eventually } from '../support/raw.ts';
import { freePorts, runRampart, stackSettings } from '../support/stack.ts';
import { startSentinel, startValkey, type TestValkey, withoutValkey } from '../support/valkey-server.ts';

const closers: (() => unknown)[] = [];
after(async () => {
  for (const close of closers.toReversed()) await close();
});

const library = {
  name: 'test_1',
  code: `#!lua name=test_1
redis.register_function('test_echo', function(keys, args) return {keys[1], args[1], 7} end)
redis.register_function('test_add', function(keys, args) return redis.call('INCRBY', keys[1], args[1]) end)
redis.register_function('test_fail', function() return redis.error_reply('MINE it failed') end)`,
};

function open(url: string, lines: string[] = [], libraries = [library]): ValkeyClient {
  const log: Logger = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) });
  const client = new ValkeyClient({
    url,
    libraries,
    clock: systemClock,
    random: seededRandom(1),
    log,
    bugs: quietInstruments().bugs,
    connectionName: 'rampart-test',
  });
  closers.push(() => client.close());
  return client;
}

async function connected(client: ValkeyClient): Promise<ValkeyClient> {
  await eventually('it is connected', () => client.status().state === 'connected');
  return client;
}

async function real(...options: string[]): Promise<TestValkey> {
  const valkey = await startValkey(...options);
  closers.push(() => valkey.close());
  return valkey;
}

const unavailable = (reason: string, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ValkeyUnavailable, String(error));
  assert.equal(error.reason, reason);
  assert.match(error.message, message);
  return true;
};

test('calls functions, one or many in a round trip, and sends commands', { skip: withoutValkey }, async () => {
  const valkey = await real();
  const client = open(`${valkey.url}/2`);
  let heard = '';
  client.onConnected = (runId) => (heard = runId);
  await assert.rejects(client.command('PING'), unavailable('not-connected', /not connected yet/));
  await connected(client);
  assert.match(heard, /^[\da-f]{40}$/);
  assert.equal(client.runId, heard);
  assert.match(client.server?.version ?? '', /^(?:Redis|Valkey) \d/);
  assert.deepEqual(await client.call('test_echo', ['k'], [3]), ['k', '3', 7]);
  assert.equal(await client.command('SET', 'in-two', 'x'), 'OK');
  assert.match(await valkey.say('EXISTS in-two'), /^:0/);
  const [sum, refused, next] = await client.callMany([
    { name: 'test_add', keys: ['n'], args: [2] },
    { name: 'test_fail', keys: [], args: [] },
    { name: 'test_add', keys: ['n'], args: [3] },
  ]);
  assert.deepEqual([sum, next], [2, 5]);
  assert.ok(unavailable('refused', /MINE it failed/)(refused));
  await assert.rejects(client.call('test_fail', [], []), unavailable('refused', /MINE it failed/));
});

test(
  'a second client finds the functions loaded; lost functions are loaded again',
  { skip: withoutValkey },
  async () => {
    const valkey = await real();
    await connected(open(valkey.url));
    const client = await connected(open(valkey.url));
    await valkey.say('FUNCTION FLUSH');
    await assert.rejects(client.call('test_echo', ['k'], [1]), unavailable('refused', /Function not found/));
    await connected(client);
    assert.deepEqual(await client.call('test_echo', ['k'], [1]), ['k', '1', 7]);
  },
);

test('the user that the documentation proposes can do all that is needed', { skip: withoutValkey }, async () => {
  const valkey = await real();
  await valkey.say('ACL SETUSER few on >pw ~rampart:* &rampart:* +@all -@dangerous +info');
  const client = await connected(open(`redis://few:pw@127.0.0.1:${valkey.port}`));
  assert.equal(await client.call('test_add', ['rampart:n'], [2]), 2);
  await assert.rejects(client.call('test_add', ['other'], [2]), unavailable('refused', /permission|NOPERM/i));
  client.subscribe('rampart:news', () => {});
  await eventually('it is subscribed', async () => (await client.command('PUBLISH', 'rampart:news', 'x')) === 1);
});

test('kill -9 and a new server: calls fail at once, then another run_id', { skip: withoutValkey }, async () => {
  const valkey = await real();
  const lines: string[] = [];
  const client = await connected(open(valkey.url, lines));
  const first = client.runId;
  const messages: string[] = [];
  client.subscribe('news', (message) => messages.push(message));
  await eventually('it is subscribed', async () => (await client.command('PUBLISH', 'news', 'one')) === 1);
  await valkey.kill();
  await eventually('it is noticed', () => client.status().state === 'unavailable');
  assert.equal(client.runId, undefined);
  await assert.rejects(client.call('test_echo', ['k'], [1]), unavailable('not-connected', /./));
  await valkey.start();
  await connected(client);
  assert.notEqual(client.runId, first);
  assert.deepEqual(await client.call('test_echo', ['k'], [1]), ['k', '1', 7]);
  await eventually('it is subscribed again', async () => (await client.command('PUBLISH', 'news', 'two')) === 1);
  await eventually('the message has come', () => messages.at(-1) === 'two');
  assert.match(lines.join(''), /Valkey is unavailable[^]*Valkey is connected again/);
});

test('SIGSTOP: a call times out, the silent server is left, and found again', { skip: withoutValkey }, async () => {
  const valkey = await real();
  const client = await connected(open(valkey.url));
  valkey.child.kill('SIGSTOP');
  await assert.rejects(client.command('PING'), unavailable('timeout', /no answer in 250 ms/));
  await eventually('it is noticed', () => client.status().state === 'unavailable', 5000);
  assert.match(client.status().problem ?? '', /a PING failed/);
  valkey.child.kill('SIGCONT');
  await connected(client);
  assert.equal(await client.command('PING'), 'PONG');
});

test('a late answer is not taken for the answer to the next call', async () => {
  const held: (() => void)[] = [];
  const fake = await startFakeValkey(([name, key], socket) => {
    if (name !== 'GET') return undefined;
    held.push(() => socket.write(bulk(`of ${key}`)));
    return '';
  });
  closers.push(() => fake.close());
  const client = await connected(open(fake.url));
  await assert.rejects(client.command('GET', 'slow'), unavailable('timeout', /./));
  const fast = client.command('GET', 'fast');
  await eventually('both were asked', () => held.length === 2);
  for (const answer of held) answer();
  assert.equal(await fast, 'of fast');
});

for (const [what, answer, problem] of [
  ['garbage', () => 'SSH-2.0-OpenSSH_9.2p1\r\n', /the connection failed|does not answer/],
  [
    'an old Redis',
    ([name]: readonly string[]) => (name === 'INFO' ? bulk('redis_version:6.2.0\r\nrun_id:x') : undefined),
    /no functions/,
  ],
  [
    'a replica',
    ([name]: readonly string[]) =>
      name === 'INFO' ? bulk('redis_version:7.2.0\r\nrun_id:x\r\nrole:slave') : undefined,
    /it is a replica/,
  ],
  ['no answer', () => '', /no answer in 1000 ms/],
] as const)
  test(`a server that gives ${what} is not used, and asked again`, async () => {
    const fake = await startFakeValkey(answer);
    closers.push(() => fake.close());
    const client = open(fake.url);
    await eventually('it is refused', () => client.status().state === 'unavailable');
    assert.match(client.status().problem ?? '', problem);
    const before = fake.commands.length;
    await eventually('it is asked again', () => fake.commands.length > before);
  });

test('a server that closes each connection is asked with pauses', async () => {
  const fake = await startFakeValkey((_command, socket) => {
    socket.end();
    return '';
  });
  closers.push(() => fake.close());
  const client = open(fake.url);
  await eventually('it was asked three times', () => fake.commands.filter(([name]) => name === 'INFO').length >= 3);
  assert.equal(client.status().state, 'unavailable');
  assert.match(client.status().problem ?? '', /closed the connection/);
});

test('READONLY: the connection is left at once, because the server has become a replica', async () => {
  let isReplica = false;
  const fake = await startFakeValkey(([name]) => {
    if (name === 'INFO' && isReplica) return bulk('redis_version:7.2.0\r\nrun_id:x\r\nrole:slave');
    return name === 'FCALL' ? "-READONLY You can't write against a read only replica.\r\n" : undefined;
  });
  closers.push(() => fake.close());
  const client = await connected(open(fake.url));
  isReplica = true;
  await assert.rejects(client.call('test_echo', ['k'], [1]), unavailable('refused', /READONLY/));
  assert.equal(client.status().state, 'unavailable');
  await eventually('it says so', () => /it is a replica/.test(client.status().problem ?? ''));
  isReplica = false;
  await connected(client);
});

test(
  'a real server that becomes a replica is left, and used again once it is a primary',
  { skip: withoutValkey },
  async () => {
    const [valkey, other] = [await real(), await real()];
    const client = await connected(open(valkey.url));
    await valkey.say(`REPLICAOF 127.0.0.1 ${other.port}`);
    await assert.rejects(client.call('test_add', ['n'], [1]), unavailable('refused', /READONLY/));
    await eventually('it says why', () => /it is (?:a replica|still loading)/.test(client.status().problem ?? ''));
    await valkey.say('REPLICAOF NO ONE');
    await connected(client);
    assert.equal(await client.call('test_add', ['n'], [1]), 1);
  },
);

/** Writes to a socket for as long as it takes; resolves with how much it took. */
function flood(socket: Socket): Promise<number> {
  const piece = Buffer.alloc(256 * 1024, 'a');
  const more = (): void => {
    while (socket.writable && socket.write(piece)) continue;
  };
  socket.on('drain', more);
  more();
  return new Promise((resolve) => void socket.once('close', () => resolve(socket.bytesWritten)));
}

/** What the kernel and one connection may hold. */
const MOST_FLOODED = 16 * 1024 * 1024;

test('a server that sends more than it was asked for loses its connection at once', async () => {
  let written: Promise<number> | undefined;
  const fake = await startFakeValkey(([name], socket) => {
    if (name !== 'GETRANGE') return undefined;
    socket.write('$1000000000\r\n');
    written = flood(socket);
    return '';
  });
  closers.push(() => fake.close());
  const client = await connected(open(fake.url, [], []));
  const asked = client.bytes([['GETRANGE', 'k', 0, 9]], 60_000, 1000);
  await assert.rejects(asked, unavailable('lost', /it sent more than it was asked for/));
  assert.ok(((await written) ?? Infinity) < MOST_FLOODED);
});

test('a server that sends what nobody asked for loses its connection at once', async () => {
  const sockets: Socket[] = [];
  const fake = await startFakeValkey(([name], socket) => {
    if (name === 'INFO') sockets.push(socket);
    return undefined;
  });
  closers.push(() => fake.close());
  const client = await connected(open(fake.url, [], []));
  const [socket] = sockets as [Socket];
  socket.write('$1000000000\r\n');
  const written = flood(socket);
  await eventually('it says why', () => /sent more than/.test(client.status().problem ?? ''));
  assert.ok((await written) < MOST_FLOODED);
  await connected(client);
});

test('a server that floods a PING loses its connection at once', async () => {
  let written: Promise<number> | undefined;
  const fake = await startFakeValkey(([name], socket) => {
    if (name !== 'PING' || written !== undefined) return undefined;
    socket.write('$1000000000\r\n');
    written = flood(socket);
    return '';
  });
  closers.push(() => fake.close());
  const client = await connected(open(fake.url, [], []));
  await eventually('it says why', () => /sent more than/.test(client.status().problem ?? ''));
  assert.ok(((await written) ?? Infinity) < MOST_FLOODED);
});

test(
  'answers of many calls, and one as large as was asked for, end no connection',
  { skip: withoutValkey },
  async () => {
    const valkey = await real();
    const client = await connected(open(valkey.url));
    await client.bytes([['SET', 'k', Buffer.alloc(300_000, 'a')]]);
    const [bytes] = await client.bytes([['GETRANGE', 'k', 0, 299_999]], 5000, 300_100);
    assert.equal((bytes as Buffer).length, 300_000);
    const many = Array.from({ length: 2000 }, () => client.bytes([['GETRANGE', 'k', 0, 2999]], 5000, 3100));
    assert.equal((await Promise.all(many)).length, 2000);
    assert.equal(client.status().state, 'connected');
  },
);

test('the password is decoded, and shown nowhere', { skip: withoutValkey }, async () => {
  const valkey = await real('--requirepass', 'geheim/1');
  const lines: string[] = [];
  await connected(open(`redis://default:geheim%2F1@127.0.0.1:${valkey.port}`, lines));
  const wrong = open(`redis://:verkehrt@127.0.0.1:${valkey.port}`, lines);
  // A server that does not know a command repeats the beginning of its arguments.
  const fake = await startFakeValkey(([name, ...args]) =>
    name === 'AUTH'
      ? `-ERR unknown command 'AUTH', with args beginning with: '${args.join("' '").slice(0, 5)}\r\n`
      : undefined,
  );
  closers.push(() => fake.close());
  const old = open(fake.url.replace('//', '//:verkehrt@'), lines);
  for (const client of [wrong, old]) await eventually('it is refused', () => client.status().state === 'unavailable');
  assert.match(wrong.status().problem ?? '', /WRONGPASS/);
  assert.match(old.status().problem ?? '', /unknown command/);
  const [, health] = healthReport({
    stores: { valkey: wrong },
    config: { upstreams: [] } as never,
    upstreams: {} as never,
  });
  assert.equal(health?.status, 'down');
  const failed = await wrong.command('PING').catch((error: unknown) => String(error));
  assert.doesNotMatch(
    `${lines.join('')}${JSON.stringify([wrong.status(), old.status(), health, failed])}`,
    /geheim|verke/,
  );
});

test('sentinels name the primary, and after a failover the other one', { skip: withoutValkey }, async () => {
  const [primary, replica] = [await real(), await real()];
  let known = primary;
  const sentinel = await startFakeValkey(([, subcommand]) =>
    subcommand === 'get-master-addr-by-name' ? `*2\r\n${bulk('127.0.0.1')}${bulk(String(known.port))}` : undefined,
  );
  closers.push(() => sentinel.close());
  const silent = await freePorts(1);
  const [, address] = sentinel.url.split('//');
  const client = await connected(open(`redis-sentinel://127.0.0.1:${silent},${address}/main`));
  const first = client.runId;
  await primary.kill();
  known = replica;
  await eventually('it is connected to the other one', () => client.runId !== undefined && client.runId !== first);
});

test('a failover by a real sentinel, with passwords', { skip: withoutValkey }, async () => {
  const primary = await real('--requirepass', 'pw', '--masterauth', 'pw');
  const replica = await real('--requirepass', 'pw', '--masterauth', 'pw', '--replicaof', `127.0.0.1 ${primary.port}`);
  const sentinel = await startSentinel(primary);
  closers.push(() => sentinel.close());
  const url = `redis-sentinel://:pw@127.0.0.1:${sentinel.port}/main?sentinel-password=sentinel`;
  const client = await connected(open(url));
  const first = client.runId;
  const known = /master-link-status\r\n\$2\r\nok/;
  await eventually(
    'it knows the replica',
    async () => known.test(await sentinel.say('SENTINEL REPLICAS main')),
    20_000,
  );
  await primary.kill();
  await eventually('the replica is used', () => client.runId !== undefined && client.runId !== first, 20_000);
  assert.match(await replica.say('AUTH pw\r\nROLE'), /master/);
  assert.deepEqual(await client.call('test_add', ['n'], [2]), 2);
});

test('rampart check says what Valkey is, and what it should be', { skip: withoutValkey }, async () => {
  const valkey = await real('--maxmemory-policy', 'allkeys-lru');
  const settings = await stackSettings({ GENERATOR_INSTANCES: '0', VALKEY_URL: valkey.url });
  const good = await runRampart(['check'], settings);
  assert.match(good.stdout, /^VALKEY_URL: (?:Redis|Valkey) [\d.]+, maxmemory-policy allkeys-lru$/m);
  assert.match(good.stderr, /set noeviction/);
  assert.equal(good.code, 0);
  await valkey.kill();
  const gone = await runRampart(['check'], settings);
  assert.match(gone.stderr, /VALKEY_URL cannot be used at present: the connection failed: connect ECONNREFUSED/);
  assert.equal(gone.code, 0);
});

test('rampart check wants a server of its own that evicts for the shared cache', { skip: withoutValkey }, async () => {
  const [valkey, cache] = [
    await real(),
    await real('--requirepass', 'pw', '--maxmemory', '64mb', '--maxmemory-policy', 'allkeys-lru'),
  ];
  const remarksOn = async (more: Record<string, string>): Promise<string> => {
    const { code, stdout, stderr } = await runRampart(
      ['check'],
      await stackSettings({ GENERATOR_INSTANCES: '0', ...more }),
    );
    assert.equal(code, 0);
    assert.doesNotMatch(stdout + stderr, /:pw@/);
    return `${stdout}${stderr}`;
  };
  const VALKEY_CACHE_URL = `redis://:pw@127.0.0.1:${cache.port}`;
  const good = await remarksOn({ VALKEY_URL: valkey.url, VALKEY_CACHE_URL });
  assert.match(good, /^VALKEY_CACHE_URL: (?:Redis|Valkey) [\d.]+, maxmemory-policy allkeys-lru$/m);
  assert.doesNotMatch(good, /rampart: .*VALKEY_CACHE_URL/);
  const same = await remarksOn({ VALKEY_URL: valkey.url, VALKEY_CACHE_URL: valkey.url });
  assert.match(same, /VALKEY_CACHE_URL and VALKEY_URL name the same server/);
  assert.match(same, /VALKEY_CACHE_URL has maxmemory-policy noeviction: .*set allkeys-lru/);
  assert.match(same, /VALKEY_CACHE_URL has maxmemory 0: .*set maxmemory/);
  assert.doesNotMatch(same, /VALKEY_URL has maxmemory/, 'leases need little memory');
  assert.match(await remarksOn({ VALKEY_CACHE_URL }), /VALKEY_CACHE_URL has no effect without VALKEY_URL/);
});
