import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { after, before, test } from 'node:test';
import { type Got, get } from '../support/caching.ts';
import { FleetCacheHost, type FleetCacheOptions } from '../support/fleet-cache.ts';
import { startFakeValkey } from '../support/fake-valkey.ts';
import { closers, startBackend } from '../support/proxying.ts';
import { eventually } from '../support/raw.ts';
import { startValkey, type TestValkey, withoutValkey } from '../support/valkey-server.ts';

/** One for all tests: it takes six seconds until a new one is trusted to know all hosts. */
let valkey: TestValkey;
let shared: TestValkey;
before(async () => {
  if (withoutValkey !== false) return;
  valkey = await startValkey();
  shared = await startValkey('--maxmemory', '64mb', '--maxmemory-policy', 'allkeys-lru');
});
after(() => Promise.all([valkey?.close(), shared?.close()]));

type Answer = (req: IncomingMessage, res: ServerResponse) => void;

/** Two hosts in front of one backend. `asked`: the paths that it was asked for. */
async function startHosts(answer: Answer, options: Partial<FleetCacheOptions> = {}) {
  const asked: string[] = [];
  const { origin } = await startBackend((req, res) => {
    asked.push(`${req.method} ${req.url}`);
    answer(req, res);
  });
  const start = (host: string): Promise<FleetCacheHost> =>
    FleetCacheHost.start({
      host,
      valkeyUrl: valkey.url,
      shared: { url: shared.url, timeoutMs: 1000 },
      origin,
      ...options,
    });
  const [a, b] = [await start('a'), await start('b')];
  await eventually('a purge reaches both hosts', async () => {
    const { status, body } = await a.purge({ host: 'nobody.example' });
    return status === 200 && body.hosts === 2;
  });
  return { a, b, asked };
}

const skip = withoutValkey;
const from = (host: FleetCacheHost, worker: number, path: string, headers: Record<string, string> = {}): Promise<Got> =>
  get(host.workers[worker] as (typeof host.workers)[number], path, headers);

/** How many look-ups of these hosts had this result. */
const looked = (hosts: readonly FleetCacheHost[], result: string): number => {
  const name = `rampart_shared_cache_requests_total{result="${result}"}`;
  return hosts.flatMap(({ workers }) => workers).reduce((sum, worker) => sum + count(worker.metrics(), name), 0);
};

/** How many replies the workers of a host have written to the shared cache. */
const written = (host: FleetCacheHost): number =>
  host.workers.reduce(
    (sum, worker) => sum + count(worker.metrics(), 'rampart_shared_cache_writes_total{result="stored"}'),
    0,
  );

function count(metrics: string, name: string): number {
  const line = metrics.split('\n').find((one) => one.startsWith(`${name} `));
  return Number(line?.slice(name.length) ?? 0);
}

/** Waits until a host has written one more reply than before. */
async function stored<Result>(host: FleetCacheHost, work: () => Promise<Result>): Promise<Result> {
  const before = written(host);
  const result = await work();
  await eventually('it is in the shared cache', () => written(host) > before);
  return result;
}

test('a reply that one host has fetched answers requests of every worker of every host', { skip }, async () => {
  const { a, b, asked } = await startHosts((_req, res) => void res.end('one'));
  assert.match((await stored(a, () => from(a, 0, '/x'))).cacheStatus, /fwd=uri-miss.*stored/);
  for (const [host, worker] of [
    [a, 1],
    [b, 0],
    [b, 1],
  ] as const) {
    const got = await from(host, worker, '/x');
    assert.deepEqual([got.status, got.body], [200, 'one']);
    assert.match(got.cacheStatus, /^Rampart; hit; ttl=(?:5\d|60); detail=l2$/);
    assert.doesNotMatch((await from(host, worker, '/x')).cacheStatus, /l2/, 'now it is in the worker');
  }
  assert.deepEqual(asked, ['GET /x']);
  await stored(a, () => from(a, 0, '/y'));
  const cached = { 'cache-control': 'only-if-cached' };
  assert.deepEqual([(await from(b, 0, '/y', cached)).status, (await from(b, 0, '/z', cached)).status], [200, 504]);
  const same = await Promise.all([1, 2, 3, 4].map(() => from(b, 1, '/z')));
  assert.deepEqual(
    same.map(({ body }) => body),
    ['one', 'one', 'one', 'one'],
  );
  assert.deepEqual(asked, ['GET /x', 'GET /y', 'GET /z']);
});

test('a reply that is written after a purge was acknowledged answers nobody', { skip }, async () => {
  const state = { generation: 1 };
  const answer: Answer = (_req, res) => void res.end(`${state.generation}`);
  const { a, b } = await startHosts(answer, { shared: { url: shared.url, timeoutMs: 300 } });
  // The server stands still with the write in its socket, and carries it out later.
  shared.child.kill('SIGSTOP');
  assert.equal((await from(a, 0, '/x')).body, '1');
  state.generation = 2;
  assert.equal((await b.purge({ endpoint: 'app' })).status, 200);
  shared.child.kill('SIGCONT');
  await eventually('it is in the shared cache', async () => /[1-9]/.test(await shared.say('DBSIZE')));
  await eventually('both hosts ask it again', async () => (await from(b, 0, '/probe')).status === 200);
  for (const host of [a, b])
    assert.deepEqual(
      (await host.ask('/x')).map(({ body }) => body),
      ['2', '2'],
    );
  assert.ok(looked([a, b], 'outdated') > 0);
});

test('a worker that is started again finds what is valid, and not what was purged before', { skip }, async () => {
  const state = { generation: 1 };
  const { a, asked } = await startHosts((_req, res) => void res.end(`${state.generation}`));
  await stored(a, () => from(a, 0, '/kept'));
  await stored(a, () => from(a, 0, '/purged'));
  assert.equal((await a.purge({ endpoint: 'app', path: '/purged' })).status, 200);
  state.generation = 2;
  const worker = await a.addWorker();
  await eventually('it has the trust of control', async () =>
    /detail=l2/.test((await get(worker, '/kept')).cacheStatus),
  );
  assert.equal((await get(worker, '/purged')).body, '2');
  assert.deepEqual(asked.slice(0, 2), ['GET /kept', 'GET /purged']);
});

test('a soft purge makes a shared reply stale, and the route says whether it is served', { skip }, async () => {
  const state = { generation: 1 };
  const cache = { ttlSeconds: 60, staleWhileRevalidateSeconds: 60 };
  const { a, b } = await startHosts((_req, res) => void res.end(`${state.generation}`), { cache });
  await stored(a, () => from(a, 0, '/x'));
  assert.equal((await a.purge({ endpoint: 'app', soft: true })).status, 200);
  state.generation = 2;
  const stale = await from(b, 0, '/x');
  assert.deepEqual([stale.body, /hit; ttl=(?:0|-\d+); detail=l2/.test(stale.cacheStatus)], ['1', true]);
  await eventually('it is refreshed', async () => (await from(b, 0, '/x')).body === '2');
});

test('an unsafe request outdates the reply at once on its host, and soon on all hosts', { skip }, async () => {
  const state = { generation: 1 };
  const { a, b } = await startHosts((_req, res) => void res.end(`${state.generation}`));
  await stored(a, () => from(a, 0, '/x'));
  await b.ask('/x');
  state.generation = 2;
  await get(a.workers[0] as (typeof a.workers)[number], '/x', {}, 'POST');
  assert.deepEqual(
    (await a.ask('/x')).map(({ body }) => body),
    ['2', '2'],
  );
  const isNew = async (): Promise<boolean> => (await b.ask('/x')).every(({ body }) => body === '2');
  await eventually('the other host has heard of it', isNew);
});

test(
  'variants are found by their fields, and what is private, sets a cookie or is large stays out',
  { skip },
  async () => {
    const { a, b, asked } = await startHosts((req, res) => {
      if (req.url === '/vary')
        res.writeHead(200, { vary: 'accept-language' }).end(String(req.headers['accept-language']));
      else if (req.url === '/private') res.writeHead(200, { 'cache-control': 'private' }).end('p');
      else if (req.url === '/cookie') res.writeHead(200, { 'set-cookie': 'a=1' }).end('c');
      else res.end('x'.repeat(256 * 1024 + (req.url === '/large' ? 1 : 0)));
    });
    for (const language of ['de', 'en']) await stored(a, () => from(a, 0, '/vary', { 'accept-language': language }));
    await stored(a, () => from(a, 0, '/whole'));
    for (const path of ['/private', '/cookie', '/large']) await from(a, 0, path);
    asked.length = 0;
    for (const language of ['de', 'en']) {
      const { body, cacheStatus } = await from(b, 0, '/vary', { 'accept-language': language });
      assert.deepEqual([body, /detail=l2/.test(cacheStatus)], [language, true]);
    }
    assert.equal((await from(b, 0, '/whole')).body.length, 256 * 1024);
    assert.deepEqual(asked, []);
    for (const path of ['/private', '/cookie', '/large']) await from(b, 0, path);
    await from(b, 0, '/vary', { 'accept-language': 'fr' });
    assert.deepEqual(asked, ['GET /private', 'GET /cookie', 'GET /large', 'GET /vary']);
  },
);

test('the time in the shared cache is part of the age', { skip }, async () => {
  const { a, b } = await startHosts(
    (_req, res) => void res.writeHead(200, { 'cache-control': 'max-age=60', age: '20' }).end('x'),
  );
  await shared.say('FLUSHALL');
  await stored(a, () => from(a, 0, '/x'));
  const [key] = /rampart:cache:\S+/.exec(await shared.say('KEYS *')) ?? [];
  // As if the server had kept it for 30 of its 40 seconds.
  assert.match(await shared.say(`PEXPIRE ${key} 10000`), /:1/);
  const { headers, cacheStatus } = await from(b, 0, '/x');
  assert.match(cacheStatus, /ttl=(?:10|9|8); detail=l2/);
  assert.match(String(headers.age), /^5[0-2]$/);
});

test('a shared cache that hangs, is killed or answers nonsense costs no reply', { skip }, async () => {
  const { a, b } = await startHosts((_req, res) => void res.end('fine'), {
    shared: { url: shared.url, timeoutMs: 10 },
  });
  const isServed = async (name: string): Promise<void> => {
    for (let index = 0; index < 8; index++) assert.equal((await from(a, index % 2, `/${name}${index}`)).body, 'fine');
  };
  shared.child.kill('SIGSTOP');
  await isServed('hang');
  assert.match(
    a.workers.map((worker) => worker.metrics()).join('\n'),
    /rampart_shared_cache_requests_total\{result="timeout"\} [1-9]/,
  );
  await shared.kill();
  await isServed('killed');
  await shared.start();
  // Until the breaker is closed, replies are not written.
  const before = written(a);
  let tries = 0;
  await eventually('it is used again', async () => {
    await from(a, 0, `/again${++tries}`);
    return written(a) > before;
  });
  const keys = [...(await shared.say('KEYS rampart:cache:*')).matchAll(/rampart:cache:\S+/g)].map(([key]) => key);
  for (const key of keys) await shared.say(`APPEND ${key} x`);
  await eventually('damaged values are noticed', async () => {
    for (let index = 1; index <= tries; index++) assert.equal((await from(b, 0, `/again${index}`)).body, 'fine');
    await b.purge({ host: 'a.example' });
    return looked([b], 'corrupt') > 0;
  });
});

for (const [what, answer] of [
  ['an error', '-ERR no\r\n'],
  ['a number', ':7\r\n'],
  ['another value', '$5\r\nhello\r\n'],
  ['another protocol', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
] as const)
  test(`a shared cache that answers with ${what} costs no reply`, { skip }, async () => {
    const fake = await startFakeValkey(([name]) => (name === 'GETRANGE' || name === 'PTTL' ? answer : undefined));
    closers.push(() => fake.close());
    const { origin } = await startBackend((_req, res) => void res.end('fine'));
    const url = { url: fake.url, timeoutMs: 1000 };
    const host = await FleetCacheHost.start({ host: 'a', valkeyUrl: valkey.url, shared: url, origin });
    for (let index = 0; index < 7; index++) assert.equal((await from(host, 0, `/${index}`)).body, 'fine');
    assert.equal(looked([host], 'hit'), 0);
    assert.ok(fake.commands.some(([name]) => name === 'GETRANGE'));
  });
