import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Redis } from 'ioredis';
import { decodeShared, encodeShared, type SharedReply } from '../../src/gateway/cache/shared-value.ts';
import { get } from '../support/caching.ts';
import { FleetCacheHost } from '../support/fleet-cache.ts';
import { closers, startBackend } from '../support/proxying.ts';
import { eventually } from '../support/raw.ts';
import { startValkey, type TestValkey, withoutValkey } from '../support/valkey-server.ts';

let valkey: TestValkey;
let shared: TestValkey;
before(async () => {
  if (withoutValkey !== false) return;
  valkey = await startValkey();
  shared = await startValkey();
});
after(() => Promise.all([valkey?.close(), shared?.close()]));

const skip = withoutValkey;

/** A host whose first worker has stored a reply in the shared cache, and a client of that cache. */
async function startHost(fields: Record<string, string> = {}) {
  const state = { asked: 0 };
  const { origin } = await startBackend((_req, res) => {
    state.asked++;
    res.writeHead(200, fields).end('fine');
  });
  const url = { url: shared.url, timeoutMs: 1000 };
  const host = await FleetCacheHost.start({ host: 'a', valkeyUrl: valkey.url, shared: url, origin });
  const redis = new Redis(shared.port, '127.0.0.1');
  closers.push(async () => void redis.disconnect());
  await redis.flushall();
  const ask = (worker: number, path: string) => get(host.workers[worker] as (typeof host.workers)[number], path);
  const keysOf = (): Promise<string[]> => redis.keys('rampart:cache:*');
  /** The key of the reply that the first worker has fetched now. */
  const stored = async (path: string): Promise<string> => {
    const known = new Set(await keysOf());
    assert.equal((await ask(0, path)).body, 'fine');
    let key: string | undefined;
    await eventually('it is in the shared cache', async () => {
      key = (await keysOf()).find((one) => !known.has(one));
      return key !== undefined;
    });
    return key as string;
  };
  return { host, redis, ask, stored, state };
}

const poisons: readonly (readonly [string, (reply: SharedReply) => Partial<SharedReply>])[] = [
  ['a line break in a field', ({ headers }) => ({ headers: [...headers, 'x-a', 'b\r\nset-cookie: c=d'] })],
  ['a character that no field can have', ({ headers }) => ({ headers: [...headers, 'x-a', '\u{1f600}'] })],
  ['a name that is no token', ({ headers }) => ({ headers: [...headers, 'x a', 'b'] })],
  ['a pseudo field', ({ headers }) => ({ headers: [...headers, ':status', '200'] })],
  ['a second length', ({ headers }) => ({ headers: [...headers, 'Content-Length', '1'] })],
  ['a head that no client reads', ({ headers }) => ({ headers: [...headers, 'x-a', 'b'.repeat(200_000)] })],
  ['a status without a body', () => ({ status: 304 })],
  ['a part', () => ({ status: 206 })],
  ['a time that is none', () => ({ headers: [], writtenAt: 1e300 })],
  ['a personal field to vary by', () => ({ vary: ['cookie'] })],
];

test('what nobody could send to a client counts as a miss, and is replaced', { skip }, async () => {
  const { redis, ask, stored, state } = await startHost();
  for (const [index, [what, change]] of poisons.entries()) {
    const key = await stored(`/${index}`);
    const reply = decodeShared((await redis.getBuffer(key)) as Buffer) as SharedReply;
    await redis.set(key, encodeShared({ ...reply, ...change(reply) }), 'PX', 60_000);
    const { status, body, cacheStatus } = await ask(1, `/${index}`);
    assert.deepEqual([status, body, /fwd=uri-miss/.test(cacheStatus)], [200, 'fine', true], what);
    await eventually(`${what} is replaced`, async () => decodeShared(await bytesOf(redis, key)) !== undefined);
  }
  assert.equal(state.asked, 2 * poisons.length);
});

test('a field with the name of a member of every object is shared as it came', { skip }, async () => {
  const { ask, stored } = await startHost({ constructor: 'one' });
  await stored('/x');
  const { headers, cacheStatus } = await ask(1, '/x');
  assert.deepEqual([headers['constructor'], /detail=l2/.test(cacheStatus)], ['one', true]);
});

test('a value that is too large, or no text, is removed, and does not speak against the server', { skip }, async () => {
  const { host, redis, ask, stored } = await startHost();
  const keys = [];
  for (let index = 0; index < 8; index++) keys.push(await stored(`/${index}`));
  for (const [index, key] of keys.entries()) {
    await redis.unlink(key);
    if (index % 2 === 0) await redis.setrange(key, 64 * 1024 * 1024, 'x');
    else await redis.rpush(key, 'x');
  }
  for (const index of keys.keys()) assert.equal((await ask(1, `/${index}`)).body, 'fine');
  const { metrics } = host.workers[1] as (typeof host.workers)[number];
  assert.match(metrics(), /^rampart_shared_cache_requests_total\{result="corrupt"\} 8$/m);
  const read = Number(/^rampart_shared_cache_bytes_total\{direction="read"\} (\d+)$/m.exec(metrics())?.[1]);
  assert.ok(read < 4 * 1024 * 1024, `${read} bytes were read`);
});

const bytesOf = async (redis: Redis, key: string): Promise<Buffer> => (await redis.getBuffer(key)) ?? Buffer.alloc(0);
