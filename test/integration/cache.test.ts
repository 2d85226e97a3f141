import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { get, saying, startCaching, type CachingOptions } from '../support/caching.ts';
import { startTestGateway, testKey } from '../support/gateway.ts';
import { closers, startBackend } from '../support/proxying.ts';
import { eventually } from '../support/raw.ts';

const key = { authorization: `Bearer ${testKey}` };
const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** How many of two requests of the same reached the backend. */
async function askedTwice(
  headers: Record<string, string | string[]>,
  more: CachingOptions & { request?: Record<string, string>; status?: number } = {},
): Promise<number> {
  const { request = {}, status, ...options } = more;
  const { rampart, seen } = await startCaching(saying(headers, status), options);
  await get(rampart, '/a', request);
  await get(rampart, '/a', request);
  return seen.length;
}

describe('replies that are stored', () => {
  test('the lifetime of the reply counts, and that of the route if the reply has none', async () => {
    assert.equal(await askedTwice({}), 1);
    assert.equal(await askedTwice({}, { cache: {} }), 2);
    assert.equal(await askedTwice({ 'cache-control': 'max-age=60' }, { cache: {} }), 1);
    assert.equal(await askedTwice({ 'cache-control': 'max-age=0' }), 2);
    assert.equal(await askedTwice({ 'cache-control': 's-maxage=60, max-age=0' }), 1);
    assert.equal(await askedTwice({ expires: new Date(Date.now() + 60_000).toUTCString() }, { cache: {} }), 1);
    assert.equal(await askedTwice({ expires: '0' }), 2);
  });

  test('nothing is kept that is private, whatever its spelling', async () => {
    const forms = ['private', 'PRIVATE', 'private=""', 'private=" authorization"', 'private, private="x"', 'No-Store'];
    for (const form of [...forms, 'no-store, max-age=60', 'max-age=60, private="a, b"', 'no-cache', 'no-cache="x"']) {
      assert.equal(await askedTwice({ 'cache-control': form }), 2, form);
    }
    assert.equal(await askedTwice({ 'cache-control': ['max-age=60', 'private'] }), 2);
    assert.equal(await askedTwice({ vary: '*' }), 2);
    assert.equal(await askedTwice({ vary: 'Accept, *' }), 2);
    assert.equal(await askedTwice({ 'set-cookie': 'a=b', 'cache-control': 'max-age=60' }), 2);
    assert.equal(await askedTwice({ 'set-cookie': 'a=b', 'cache-control': 'max-age=60, public' }), 1);
    assert.equal(await askedTwice({ 'cache-control': 'max-age=60' }, { status: 206 }), 2);
    assert.equal(await askedTwice({ 'cache-control': 'max-age=60' }, { status: 500 }), 2);
  });

  test('a reply to an authorised request is stored only if the reply or the route allows it', async () => {
    const cookie = { request: { cookie: 'a=b' } };
    assert.equal(await askedTwice({}, { request: { authorization: 'Basic eDp5' } }), 2);
    assert.equal(await askedTwice({}, cookie), 2);
    assert.equal(await askedTwice({ 'cache-control': 'max-age=60' }, cookie), 2);
    assert.equal(await askedTwice({ 'cache-control': 'max-age=60, public' }, cookie), 1);
    for (const request of [key, { 'x-api-key': testKey }]) {
      const keyed = { authenticate: true, request };
      assert.equal(await askedTwice({ 'cache-control': 'max-age=60' }, keyed), 2);
      assert.equal(await askedTwice({ 'cache-control': 's-maxage=60' }, keyed), 1);
      assert.equal(await askedTwice({ 'cache-control': 'max-age=60, must-revalidate' }, keyed), 1);
      assert.equal(await askedTwice({ 'cache-control': 'public' }, keyed), 1);
      assert.equal(await askedTwice({}, { ...keyed, cache: { ttlSeconds: 60, public: true } }), 1);
      assert.equal(
        await askedTwice({ 'cache-control': 'private' }, { ...keyed, cache: { ttlSeconds: 60, public: true } }),
        2,
      );
    }
  });

  test('a hit needs a key where the route does', async () => {
    const { rampart } = await startCaching(saying({ 'cache-control': 'public' }), { authenticate: true });
    assert.equal((await get(rampart, '/a', key)).status, 200);
    assert.match((await get(rampart, '/a', key)).cacheStatus, /hit/);
    assert.equal((await get(rampart, '/a')).status, 401);
  });

  test('errors that last are kept for their own time', async () => {
    const negative = { cache: { ttlSeconds: 60, negativeTtlSeconds: 60 } };
    assert.equal(await askedTwice({}, { status: 404 }), 2);
    assert.equal(await askedTwice({}, { status: 404, ...negative }), 1);
    assert.equal(await askedTwice({}, { status: 403, ...negative }), 2);
    assert.equal(await askedTwice({}, { status: 503, ...negative }), 2);
  });

  test('CACHE_TTL_SECONDS=0, CACHE_MAX_BYTES=0 and cache: false switch it off', async () => {
    assert.equal(await askedTwice({}, { env: { CACHE_TTL_SECONDS: '0' } }), 2);
    assert.equal(await askedTwice({}, { env: { CACHE_MAX_BYTES: '0' } }), 2);
    assert.equal(await askedTwice({ 'cache-control': 'max-age=60' }, { cache: false }), 2);
  });

  test('a reply beyond its bound streams through and is not kept, announced or not', async () => {
    for (const length of [{}, { 'content-length': '5000' }]) {
      const { rampart, seen } = await startCaching(
        (_req, res) => {
          res.writeHead(200, length);
          for (let part = 0; part < 5; part++) res.write('x'.repeat(1000));
          res.end();
        },
        { cache: { ttlSeconds: 60, maxEntryBytes: 4000 } },
      );
      assert.equal((await get(rampart, '/a')).body.length, 5000);
      assert.equal((await get(rampart, '/a')).body.length, 5000);
      assert.equal(seen.length, 2);
    }
  });

  test('a route takes no more than its part, and the oldest go first', async () => {
    const { rampart, seen } = await startCaching((_req, res) => res.end('x'.repeat(1000)), {
      cache: { ttlSeconds: 60, maxBytes: 8000 },
    });
    for (const path of ['/1', '/2', '/3', '/1', '/4']) await get(rampart, path);
    assert.match((await get(rampart, '/1')).cacheStatus, /hit/);
    assert.match((await get(rampart, '/2')).cacheStatus, /uri-miss/);
    assert.equal(seen.length, 5);
    assert.match(rampart.metrics(), /rampart_cache_evictions_total [1-9]/);
    assert.ok(Number(/rampart_cache_bytes (\d+)/.exec(rampart.metrics())?.[1]) <= 8000);
  });

  test('C12: of varied replies too the least recently used go first, within a route\u2019s part', async () => {
    const { rampart } = await startCaching(
      (_req, res) => res.writeHead(200, { vary: 'accept-language' }).end('x'.repeat(1000)),
      { cache: { ttlSeconds: 60, maxBytes: 10_000 } },
    );
    const ask = async (path: string, language: string): Promise<string> =>
      (await get(rampart, path, { 'accept-language': language })).cacheStatus;
    await ask('/a', 'en');
    for (const language of ['de', 'fr', 'it', 'es', 'pt']) {
      await ask('/a', language);
      assert.match(await ask('/a', 'en'), /hit/, `after ${language}`);
    }
    assert.match(await ask('/a', 'de'), /vary-miss/);
    assert.match(rampart.metrics(), /rampart_cache_evictions_total [1-9]/);
    // Another key of the route pushes out what is used least, and not the mark that leads to the variants.
    await ask('/b', 'en');
    assert.match(await ask('/a', 'en'), /hit/);
  });
});

describe('hits', () => {
  test('a hit has the head of the reply and its Age, and nothing from the request that fetched it', async () => {
    const { rampart } = await startCaching(
      saying({
        'content-type': 'text/x',
        'x-own': ['a', 'b'],
        age: '7',
        'x-request-id': 'backend',
        connection: 'x-gone',
        'x-gone': '1',
      }),
    );
    const first = await get(rampart, '/a', { 'x-request-id': 'one' });
    const hit = await get(rampart, '/a', { 'x-request-id': 'two' });
    assert.deepEqual(
      [hit.status, hit.body, hit.headers['content-type'], hit.headers['x-own']],
      [200, 'reply 1', 'text/x', 'a, b'],
    );
    assert.deepEqual([first.headers['x-request-id'], hit.headers['x-request-id']], ['one', 'two']);
    assert.match(String(hit.headers.age), /^[78]$/);
    assert.match(hit.cacheStatus, /^Rampart; hit; ttl=5[23]$/);
    assert.equal(hit.headers.date, first.headers.date);
    assert.equal(hit.headers['x-gone'], undefined);
  });

  test('a hit has the very bytes, few or many', async () => {
    for (const size of [256, 16 * 1024, 16 * 1024 + 1, 300_000]) {
      const bytes = Uint8Array.from({ length: size }, (_, index) => (index * 7) % 256);
      const { rampart } = await startCaching((_req, res) => void res.end(bytes));
      for (const result of ['uri-miss', 'hit']) {
        const reply = await fetch(`${rampart.url}/a`);
        assert.match(reply.headers.get('cache-status') ?? '', new RegExp(result));
        assert.deepEqual(new Uint8Array(await reply.arrayBuffer()), bytes);
      }
    }
  });

  test('HEAD uses the reply that GET has stored, and stores none itself', async () => {
    const { rampart, seen } = await startCaching(saying({}));
    assert.match((await get(rampart, '/a', {}, 'HEAD')).cacheStatus, /fwd=uri-miss/);
    await get(rampart, '/a');
    const head = await get(rampart, '/a', {}, 'HEAD');
    assert.deepEqual([head.body, head.headers['content-length']], ['', '7']);
    assert.match(head.cacheStatus, /hit/);
    assert.equal(seen.length, 2);
  });

  test('a client that has it already gets 304, of a hit and of a miss', async () => {
    const modified = 'Wed, 21 Oct 2015 07:28:00 GMT';
    const { rampart, seen } = await startCaching(saying({ etag: '"v1"', 'last-modified': modified, 'x-big': '1' }));
    for (const round of ['miss', 'hit']) {
      const same = await get(rampart, '/a', { 'if-none-match': 'W/"v1", "v0"' });
      assert.deepEqual([round, same.status, same.body, same.headers['x-big']], [round, 304, '', undefined]);
      assert.equal(same.headers.etag, '"v1"');
    }
    await eventually('the whole reply is kept', async () => (await get(rampart, '/a')).cacheStatus.includes('hit'));
    assert.equal((await get(rampart, '/a', { 'if-none-match': '"v0"' })).status, 200);
    assert.equal((await get(rampart, '/a', { 'if-modified-since': modified })).status, 304);
    assert.equal((await get(rampart, '/a', { 'if-modified-since': 'Wed, 21 Oct 2015 07:27:59 GMT' })).status, 200);
    assert.equal(seen.length, 1);
    assert.equal(seen[0]?.headers['if-none-match'], undefined);
  });

  test('ranges and preconditions go past the cache', async () => {
    const { rampart, seen } = await startCaching(saying({ etag: '"v1"' }));
    await get(rampart, '/a');
    for (const headers of [{ range: 'bytes=0-1' }, { 'if-match': '"v1"' }, { 'if-range': '"v1"' }] as Record<
      string,
      string
    >[]) {
      assert.equal((await get(rampart, '/a', headers)).cacheStatus, 'Rampart; fwd=bypass');
    }
    assert.equal(seen[1]?.headers['range'], 'bytes=0-1');
    assert.equal(seen.length, 4);
    assert.match((await get(rampart, '/a')).body, /reply 1/);
  });

  test('cache directives of the request count', async () => {
    const { rampart, seen } = await startCaching(saying({}));
    const none = await get(rampart, '/a', { 'cache-control': 'only-if-cached' });
    assert.deepEqual([none.status, seen.length], [504, 0]);
    assert.match(none.body, /"reason":"not-cached"/);
    await get(rampart, '/a');
    assert.equal((await get(rampart, '/a', { 'cache-control': 'only-if-cached' })).body, 'reply 1');
    assert.equal((await get(rampart, '/a', { 'cache-control': 'no-store' })).cacheStatus, 'Rampart; fwd=request');
    assert.equal((await get(rampart, '/a')).body, 'reply 1');
    const fresh = await get(rampart, '/a', { 'cache-control': 'no-cache' });
    assert.equal(fresh.cacheStatus, 'Rampart; fwd=request; fwd-status=200; stored');
    assert.equal((await get(rampart, '/a')).body, 'reply 3');
    assert.equal((await get(rampart, '/a', { pragma: 'no-cache' })).body, 'reply 4');
    assert.equal((await get(rampart, '/a', { 'cache-control': 'min-fresh=100' })).body, 'reply 5');
  });

  test('an unsafe request that succeeds outdates its path, whichever route it takes', async () => {
    const { origin } = await startBackend((req, res) => {
      if (req.method === 'POST' && req.url === '/fail') res.statusCode = 500;
      if (req.method === 'POST' && req.url === '/a') res.setHeader('location', '/b');
      res.end(`${req.method}`);
    });
    const rampart = await startTestGateway({
      upstreams: { app: { backends: [origin] } },
      routes: [
        { endpoint: 'read', path: '/*', methods: ['GET'], upstream: 'app', cache: { ttlSeconds: 60 } },
        { endpoint: 'write', path: '/*', methods: ['POST'], upstream: 'app' },
      ],
    });
    closers.push(() => rampart.close());
    const isHit = async (path: string, host = 'a.example') =>
      /hit/.test((await get(rampart, path, { host })).cacheStatus);
    for (const path of ['/a', '/b', '/c', '/fail']) await get(rampart, path);
    await get(rampart, '/a', { host: 'other' });
    await get(rampart, '/a', {}, 'POST');
    await get(rampart, '/fail', {}, 'POST');
    assert.deepEqual([await isHit('/a'), await isHit('/b'), await isHit('/c')], [false, false, true]);
    assert.deepEqual([await isHit('/a', 'other'), await isHit('/fail')], [true, true]);
  });

  test('invalidated variants stay so: none comes back with the next stored reply', async () => {
    const { rampart } = await startCaching((req, res, number) => {
      res.writeHead(200, { vary: 'x-any' }).end(`${req.headers['x-any']} ${number}`);
    });
    for (const any of ['a', 'b']) await get(rampart, '/a', { 'x-any': any });
    await get(rampart, '/a', {}, 'POST');
    assert.equal((await get(rampart, '/a', { 'x-any': 'a' })).body, 'a 4');
    assert.equal((await get(rampart, '/a', { 'x-any': 'b' })).body, 'b 5');
  });

  test('a reply that was on its way when it was outdated is not kept, whether it had begun or not', async () => {
    for (const hasBegun of [true, false]) {
      let answer: (() => void) | undefined;
      const { rampart, seen } = await startCaching((req, res, number) => {
        if (req.method === 'POST' || number > 1) return void res.end(`reply ${number}`);
        if (hasBegun) res.write('very ');
        return void (answer = () => res.end('old'));
      });
      const old = get(rampart, '/a');
      await eventually('it is asked', () => answer !== undefined);
      await pause(20);
      await get(rampart, '/a', {}, 'POST');
      const fresh = get(rampart, '/a');
      await eventually('nobody waits for what is outdated', () => seen.length === 3);
      assert.equal((await fresh).body, 'reply 3');
      answer?.();
      assert.match((await old).body, /old$/);
      assert.equal((await get(rampart, '/a')).body, 'reply 3');
    }
  });
});

describe('stale replies', () => {
  test('an entry with a validator is confirmed by 304, and is served with the updated fields', async () => {
    const { rampart, seen } = await startCaching((req, res, number) => {
      const headers = {
        etag: '"v1"',
        'cache-control': number === 1 ? 'max-age=0' : 'max-age=60',
        'x-number': String(number),
      };
      if (req.headers['if-none-match'] === '"v1"') res.writeHead(304, headers).end();
      else res.writeHead(200, headers).end('whole');
    });
    await get(rampart, '/a');
    const confirmed = await get(rampart, '/a');
    assert.deepEqual([confirmed.status, confirmed.body, confirmed.headers['x-number']], [200, 'whole', '2']);
    assert.equal(confirmed.cacheStatus, 'Rampart; fwd=stale; fwd-status=304; stored');
    assert.match((await get(rampart, '/a')).cacheStatus, /hit/);
    assert.equal(seen.length, 2);
    assert.match(rampart.metrics(), /result="revalidated"\} 1\n/);
  });

  test('a 304 that speaks of another reply is not believed: the whole is asked for', async () => {
    const { rampart, seen } = await startCaching((req, res) => {
      if (req.headers['if-none-match'] !== undefined) res.writeHead(304, { etag: '"other"' }).end();
      else res.writeHead(200, { etag: '"v1"', 'cache-control': 'max-age=0' }).end('whole');
    });
    await get(rampart, '/a');
    const again = await get(rampart, '/a');
    assert.deepEqual([again.status, again.body, seen.length], [200, 'whole', 3]);
  });

  test('stale-while-revalidate: served at once, and validated once behind it', async () => {
    const { rampart, seen } = await startCaching(
      (_req, res, number) => {
        res.setHeader('cache-control', number === 1 ? 'max-age=1' : 'max-age=60');
        setTimeout(() => res.end(`reply ${number}`), number === 1 ? 0 : 100);
      },
      { cache: { staleWhileRevalidateSeconds: 60 } },
    );
    await get(rampart, '/a');
    await pause(1050);
    const stale = await Promise.all([1, 2, 3, 4, 5].map(() => get(rampart, '/a')));
    assert.ok(stale.every(({ body, cacheStatus }) => body === 'reply 1' && /^Rampart; hit; ttl=0$/.test(cacheStatus)));
    await eventually('the new one is there', async () => (await get(rampart, '/a')).body === 'reply 2');
    assert.equal(seen.length, 2);
    assert.match(rampart.metrics(), /result="stale"\} [5-9]\n|result="stale"\} \d\d\n/);
  });

  test('C3: after a refresh that failed, the next one waits for a second', async () => {
    for (const failure of ['500', 'broken', 'good']) {
      const { rampart, seen } = await startCaching(
        (req, res, number) => {
          const stale = { 'cache-control': 'max-age=0, stale-while-revalidate=60' };
          if (number === 1 || failure === 'good') return void res.writeHead(200, stale).end('good');
          return void (failure === '500' ? res.writeHead(500).end('bad') : req.socket.destroy());
        },
        { cache: {} },
      );
      const ask = (): Promise<unknown> => get(rampart, '/a');
      await ask();
      await ask();
      await eventually('it has been refreshed', () => seen.length >= 2);
      await pause(100);
      // A refresh is retried at once, as any GET is.
      const before = seen.length;
      for (let count = 0; count < 20; count++) await ask();
      if (failure === 'good') assert.ok(seen.length > before + 3, `${seen.length - before} more, ${failure}`);
      else assert.equal(seen.length, before, failure);
      await pause(1000);
      await ask();
      await eventually('it is tried again', () => seen.length > before);
    }
  });

  test('stale-if-error: served for 5xx, a broken connection and a refusal, and not past its window', async () => {
    for (const failure of ['500', 'broken']) {
      const { rampart } = await startCaching(
        (req, res, number) => {
          if (number === 1)
            return void res.writeHead(200, { 'cache-control': 'max-age=0, stale-if-error=60' }).end('good');
          return void (failure === '500' ? res.writeHead(500).end('bad') : req.socket.destroy());
        },
        { cache: {} },
      );
      await get(rampart, '/a');
      const stale = await get(rampart, '/a');
      assert.deepEqual([stale.status, stale.body], [200, 'good']);
      const said = failure === '500' ? '; fwd-status=500' : '';
      assert.equal(stale.cacheStatus, `Rampart; fwd=stale${said}; detail=stale-if-error`);
      assert.match(rampart.metrics(), /result="stale"\} 1\n/);
    }
    const { rampart } = await startCaching(
      (_req, res, number) =>
        void res
          .writeHead(number === 1 ? 200 : 500, { 'cache-control': 'max-age=0, stale-if-error=0', etag: '"a"' })
          .end('x'),
    );
    await get(rampart, '/a');
    assert.equal((await get(rampart, '/a')).status, 500);
  });

  test('must-revalidate is never served stale', async () => {
    const { rampart } = await startCaching(
      (_req, res, number) =>
        void res
          .writeHead(number === 1 ? 200 : 500, {
            'cache-control': 'max-age=0, must-revalidate, stale-if-error=60',
            etag: '"a"',
          })
          .end('x'),
      { cache: { staleIfErrorSeconds: 60, staleWhileRevalidateSeconds: 60 } },
    );
    await get(rampart, '/a');
    assert.equal((await get(rampart, '/a')).status, 500);
  });
});
