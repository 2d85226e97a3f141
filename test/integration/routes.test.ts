import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startTestGateway, testKey } from '../support/gateway.ts';
import { closers, startBackend } from '../support/proxying.ts';
import { eventually } from '../support/raw.ts';
import { type Routes, startRoutes } from '../support/routes.ts';

describe('matching', () => {
  test('by host, then by path, method, header and query, and on to the next route', async () => {
    const { ask } = await startRoutes([
      { host: 'shop.example', path: '/*', upstream: 'other' },
      { path: '/items/:id', methods: ['GET'], upstream: 'app', rewrite: { path: '/one/:id' } },
      { path: '/items/*', upstream: 'other' },
      { path: '/x', headers: { 'x-beta': true }, upstream: 'other' },
      { path: '/x', query: { v: '2' }, upstream: 'other' },
      { path: '/x', upstream: 'app' },
    ]);
    assert.equal((await ask('/items/7', { host: 'shop.example:80' })).body, 'other');
    const one = await ask('/items/7?q=%2F');
    assert.deepEqual([one.body, one.got?.url], ['app', '/one/7?q=%2F']);
    assert.equal((await ask('/items/7', { method: 'DELETE' })).body, 'other');
    assert.equal((await ask('/x', { headers: { 'X-Beta': '' } })).body, 'other');
    assert.equal((await ask('/x?v=2')).body, 'other');
    assert.equal((await ask('/x?v=3')).body, 'app');
    assert.equal((await ask('/none')).status, 404);
  });

  test('builtin moves Rampart’s own endpoints, or switches them off', async () => {
    const everything = [{ upstream: 'app' }];
    const moved = await startRoutes(everything, { builtin: { prefix: '/_rampart' } });
    assert.equal((await moved.ask('/healthz')).body, 'app');
    assert.match((await moved.ask('/_rampart/healthz')).body, /"ok"/);
    assert.match((await moved.ask('/_rampart/openapi.json')).body, /"servers":\[\{"url":"\/_rampart"\}\]/);
    const bound = await startRoutes(everything, { builtin: { host: 'Admin.example' } });
    assert.equal((await bound.ask('/readyz')).body, 'app');
    assert.match((await bound.ask('/healthz', { host: 'admin.example' })).body, /"ok"/);
    const off = await startRoutes(everything, { builtin: false });
    for (const path of ['/healthz', '/readyz', '/openapi.json', '/v1/barcodes'])
      assert.equal((await off.ask(path)).body, 'app');
  });
});

describe('rewriting', () => {
  test('the backend gets the rewritten path, the host and the changed header fields', async () => {
    const { ask } = await startRoutes([
      {
        path: '/shop/*',
        upstream: 'app',
        rewrite: { stripPrefix: '/shop', addPrefix: '/v2', host: 'internal.example' },
        request: { set: { 'x-team': 'shop' }, add: { 'x-more': 'b' }, remove: ['Cookie'] },
        response: { set: { 'x-frame-options': 'DENY' }, remove: ['x-backend'] },
      },
    ]);
    const { got, headers } = await ask('/shop/a?b=1', { headers: { cookie: 'c=1', 'x-team': 'mine', 'x-more': 'a' } });
    assert.equal(got?.url, '/v2/a?b=1');
    assert.deepEqual(
      ['host', 'x-team', 'x-more', 'cookie', 'x-forwarded-prefix'].map((name) => got?.headers[name]),
      ['internal.example', 'shop', 'a, b', undefined, '/shop'],
    );
    assert.match(String(got?.headers['x-forwarded-host']), /^127\.0\.0\.1:/);
    assert.deepEqual([headers.get('x-frame-options'), headers.get('x-backend')], ['DENY', null]);
    assert.match(headers.get('x-request-id') ?? '', /^[0-9a-f]{32}$/);
  });

  test('a cached reply gets the changes of the reply, too, and its backend those of the request', async () => {
    const { ask } = await startRoutes([
      {
        path: '/c/*',
        upstream: 'app',
        cache: { ttlSeconds: 60 },
        rewrite: { stripPrefix: '/c' },
        response: { set: { 'x-cached-too': '1' } },
      },
    ]);
    const first = await ask('/c/a');
    assert.deepEqual([first.got?.url, first.headers.get('x-cached-too')], ['/a', '1']);
    const second = await ask('/c/a');
    assert.deepEqual([second.got, second.headers.get('x-cached-too'), second.body], [undefined, '1', 'app']);
    assert.match(second.headers.get('cache-status') ?? '', /hit/);
  });

  test('an error reply has the changes of its route', async () => {
    const { ask } = await startRoutes([
      { upstream: 'app', authenticate: true, response: { set: { 'strict-transport-security': 'max-age=1' } } },
    ]);
    const { status, headers } = await ask('/x');
    assert.deepEqual([status, headers.get('strict-transport-security')], [401, 'max-age=1']);
  });
});

describe('routes without an upstream', () => {
  test('redirect, to https only what came over http', async () => {
    const { ask } = await startRoutes(
      [
        { path: '/old/*', redirect: { to: 'https://new.example/*', status: 301 } },
        { path: '/docs', redirect: { trailingSlash: 'add' } },
        { path: '/docs/', upstream: 'app' },
        { path: '/*', redirect: { scheme: 'https' } },
        { path: '/*', upstream: 'app' },
      ],
      { trustedProxies: ['127.0.0.1'] },
    );
    const at = async (path: string, proto = 'https') => {
      const { status, headers, body } = await ask(path, { headers: { 'x-forwarded-proto': proto } });
      return [status, headers.get('location') ?? body];
    };
    assert.deepEqual(await at('/old/a/b?c=1'), [301, 'https://new.example/a/b?c=1']);
    assert.deepEqual(await at('/docs'), [308, '/docs/']);
    assert.deepEqual(await at('/docs/'), [200, 'app']);
    assert.deepEqual(await at('/x'), [200, 'app']);
    assert.deepEqual(await at('/x?y', 'http'), [308, `https://127.0.0.1/x?y`]);
  });

  test('a redirect passes no path on that begins with two slashes', async () => {
    const { ask } = await startRoutes([{ path: '/*', redirect: { trailingSlash: 'remove' } }]);
    const { status, headers } = await ask('//evil.example/');
    assert.deepEqual([status, headers.get('location')], [400, null]);
  });

  test('a static reply, as for maintenance', async () => {
    const { ask } = await startRoutes([
      { static: { status: 503, body: '<h1>Back at noon</h1>', contentType: 'text/html', retryAfterSeconds: 60 } },
    ]);
    const { status, headers, body } = await ask('/anything', { method: 'POST', body: 'x' });
    assert.deepEqual(
      [status, headers.get('content-type'), headers.get('retry-after'), body],
      [503, 'text/html', '60', '<h1>Back at noon</h1>'],
    );
  });

  test('an error page for browsers, a problem reply for programs', async () => {
    const page = { body: '<p>{status}: {request_id}</p>', contentType: 'text/html; charset=utf-8' };
    const { ask } = await startRoutes(
      [{ path: '/a', upstream: 'app', authenticate: true, errorPages: { 401: page } }],
      { errorPages: { '4xx': { body: 'any', contentType: 'text/html' } } },
    );
    const browser = { headers: { accept: 'text/html,application/xhtml+xml,*/*;q=0.8', 'x-request-id': 'abc-1' } };
    const shown = async (path: string) => {
      const { status, body } = await ask(path, browser);
      return [status, body];
    };
    assert.deepEqual(await shown('/a'), [401, '<p>401: abc-1</p>']);
    assert.deepEqual(await shown('/b'), [404, 'any']);
    assert.match((await ask('/a', { headers: { accept: '*/*' } })).headers.get('content-type') ?? '', /problem\+json/);
  });
});

describe('who may use a route', () => {
  test('by address, behind trusted proxies by that of the client', async () => {
    const { ask } = await startRoutes(
      [
        { path: '/inner/*', upstream: 'app', allow: ['10.0.0.0/8', '2001:db8::/32'], deny: ['10.6.6.6'] },
        { path: '/local', upstream: 'app', allow: ['127.0.0.0/8'] },
      ],
      { trustedProxies: ['127.0.0.1'] },
    );
    const from = async (address: string) => (await ask('/inner/x', { headers: { 'x-forwarded-for': address } })).status;
    assert.deepEqual(
      [
        await from('10.1.2.3'),
        await from('10.6.6.6'),
        await from('192.0.2.1'),
        await from('2001:db8::7'),
        await from('::ffff:10.1.1.1'),
      ],
      [200, 403, 403, 200, 200],
    );
    // An address that the client itself has written does not count.
    assert.equal(await from('10.1.2.3, 192.0.2.1'), 403);
    assert.equal((await ask('/local')).status, 200);
  });

  test('a preflight is answered without key and without backend, and replies may be read', async () => {
    const { ask } = await startRoutes([
      { upstream: 'app', authenticate: true, methods: ['GET', 'PUT'], cors: { origins: ['https://shop.example'] } },
    ]);
    const origin = 'https://shop.example';
    const preflight = (more: Record<string, string>) =>
      ask('/x', { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'PUT', ...more } });
    const allowed = await preflight({ 'access-control-request-headers': 'content-type' });
    assert.deepEqual(
      [
        allowed.status,
        allowed.got,
        allowed.headers.get('access-control-allow-origin'),
        allowed.headers.get('access-control-allow-methods'),
      ],
      [204, undefined, origin, 'GET, PUT'],
    );
    assert.equal((await preflight({ origin: 'https://evil.example' })).status, 403);
    assert.equal((await preflight({ 'access-control-request-headers': 'x-other' })).status, 403);
    assert.equal((await preflight({ 'access-control-request-method': 'DELETE' })).status, 405);
    const withKey = { authorization: `Bearer ${testKey}` };
    const reply = await ask('/x', { headers: { origin, ...withKey } });
    assert.deepEqual(
      [reply.body, reply.headers.get('access-control-allow-origin'), reply.headers.get('vary')],
      ['app', origin, 'origin'],
    );
    const other = await ask('/x', { headers: { origin: 'https://evil.example', ...withKey } });
    assert.deepEqual([other.body, other.headers.get('access-control-allow-origin')], ['app', null]);
    const refused = await ask('/x', { headers: { origin } });
    assert.deepEqual([refused.status, refused.headers.get('access-control-allow-origin')], [401, origin]);
  });
});

describe('a route with several upstreams', () => {
  const sides = [
    { upstream: 'app', weight: 80 },
    { upstream: 'other', weight: 20 },
  ];

  test('sends each key to one side, by weight, and counts both', async () => {
    const { ask, gateway } = await startRoutes([{ upstreams: sides, splitBy: 'header:x-user' }]);
    const sideOf = async (user: string): Promise<string> => (await ask('/x', { headers: { 'x-user': user } })).body;
    const users = Array.from({ length: 200 }, (_, index) => `user-${index}`);
    const first = [];
    for (const user of users) first.push(await sideOf(user));
    const others = first.filter((side) => side === 'other').length;
    assert.ok(others >= 20 && others <= 60, `${others} of 200 for a fifth`);
    for (const [index, user] of users.slice(0, 20).entries()) assert.equal(await sideOf(user), first[index]);
    const counted = (side: string): number =>
      Number(
        new RegExp(`^rampart_side_requests_total\\{endpoint="r0",upstream="${side}",status="200"\\} (\\d+)$`, 'm').exec(
          gateway.metrics(),
        )?.[1],
      );
    assert.equal(counted('app') + counted('other'), 220);
    assert.match(gateway.metrics(), /rampart_side_latency_seconds_count\{endpoint="r0",upstream="other"\}/);
  });

  test('a cookie decides, or the key without one; a side keeps its replies for itself', async () => {
    const { ask } = await startRoutes([
      { upstreams: sides, splitBy: 'cookie:session', cache: { ttlSeconds: 60, public: true } },
    ]);
    const found = new Map<string, string>();
    for (let index = 0; found.size < 2 && index < 100; index++) {
      const cookie = `a=1; session=s${index}; b=2`;
      found.set((await ask('/x', { headers: { cookie } })).body, cookie);
    }
    assert.equal(found.size, 2);
    for (const [side, cookie] of found) {
      const again = await ask('/x', { headers: { cookie } });
      assert.deepEqual([again.body, again.got], [side, undefined]);
    }
    const bodies = new Set();
    for (let index = 0; index < 5; index++) bodies.add((await ask('/x')).body);
    assert.equal(bodies.size, 1);
  });
});

describe('a mirror', () => {
  /** A gateway whose mirror's backend does what the test says. */
  async function startMirrored(listener: Parameters<typeof startBackend>[0], more: Partial<Routes[number]> = {}) {
    const app = await startBackend((request, reply) => void request.pipe(reply));
    const shadow = await startBackend(listener);
    const gateway = await startTestGateway({
      upstreams: { app: { backends: [app.origin] }, shadow: { backends: [shadow.origin], cap: 2 } },
      routes: [{ endpoint: 'r0', path: '/*', upstream: 'app', mirror: { upstream: 'shadow' }, ...more }],
    });
    closers.push(() => gateway.close());
    const counted = (result: string): number =>
      Number(
        new RegExp(
          `^rampart_mirrored_requests_total\\{endpoint="r0",upstream="shadow",result="${result}"\\} (\\d+)$`,
          'm',
        ).exec(gateway.metrics())?.[1] ?? 0,
      );
    return { gateway, counted };
  }

  test('gets a copy with the body, and its reply goes nowhere', async () => {
    const seen: string[] = [];
    const { gateway, counted } = await startMirrored((request, reply) => {
      let text = '';
      request.on('data', (chunk: Buffer) => (text += chunk.toString()));
      request.on('end', () => {
        seen.push(`${request.method} ${request.url} ${text} ${request.headers['x-rampart-mirrored']}`);
        reply.statusCode = 500;
        reply.end('not for you');
      });
    });
    const reply = await fetch(`${gateway.url}/a?b`, { method: 'POST', body: 'hello' });
    assert.deepEqual([reply.status, await reply.text()], [200, 'hello']);
    await eventually('the copy has been answered', () => counted('sent') === 1);
    assert.deepEqual(seen, ['POST /a?b hello 1']);
  });

  test('that hangs or is full delays no request, and drops what it cannot take', async () => {
    const { gateway, counted } = await startMirrored(() => {});
    const bodies = await Promise.all(
      Array.from({ length: 20 }, async (_, n) =>
        (await fetch(gateway.url, { method: 'POST', body: String(n) })).text(),
      ),
    );
    assert.deepEqual(
      bodies,
      Array.from({ length: 20 }, (_, n) => String(n)),
    );
    assert.equal(counted('dropped'), 18);
  });

  test('gets no body that is on disk, and no request beyond its percent', async () => {
    const { gateway, counted } = await startMirrored((_, reply) => void reply.end());
    await (await fetch(gateway.url, { method: 'POST', body: 'x'.repeat(200_000) })).text();
    assert.equal(counted('skipped'), 1);
    const none = await startMirrored((_, reply) => void reply.end(), { mirror: { upstream: 'shadow', percent: 0 } });
    for (let round = 0; round < 20; round++) await (await fetch(none.gateway.url)).text();
    assert.deepEqual([none.counted('sent'), none.counted('dropped')], [0, 0]);
  });

  test('that is down costs no request', async () => {
    const { gateway, counted } = await startMirrored((request) => void request.socket.destroy());
    assert.equal((await fetch(gateway.url)).status, 200);
    await eventually('the copy has failed', () => counted('failed') === 1);
  });
});

describe('the limit of a route', () => {
  test('counts each key for itself, on this route only', async () => {
    const { ask } = await startRoutes([
      { path: '/a', upstream: 'app', limit: { requestsPerSecond: 0.1, burst: 2, by: 'header:x-user' } },
      { path: '/b', upstream: 'app' },
    ]);
    const as = async (user: string, path = '/a') => ask(path, { headers: { 'x-user': user } });
    assert.deepEqual([(await as('u')).status, (await as('u')).status], [200, 200]);
    const refused = await as('u');
    assert.deepEqual([refused.status, refused.headers.get('ratelimit-policy')], [429, '"route";q=2;w=20']);
    assert.deepEqual([(await as('v')).status, (await as('u', '/b')).status], [200, 200]);
  });

  test('counts what a request costs by a field of the request or of the reply', async () => {
    const { origin } = await startBackend((_, reply) => void reply.setHeader('x-tokens', '4').end('ok'));
    const upstreams = { app: { backends: [origin] } };
    const limit = { requestsPerSecond: 0.1, burst: 5, by: 'address' };
    const gateway = await startTestGateway({
      upstreams,
      routes: [
        { endpoint: 'reply', path: '/reply', upstream: 'app', limit: { ...limit, cost: { header: 'X-Tokens' } } },
        {
          endpoint: 'request',
          path: '/request',
          upstream: 'app',
          limit: { ...limit, cost: { header: 'x-cost', of: 'request' } },
        },
      ],
    });
    closers.push(() => gateway.close());
    const status = async (path: string, headers: Record<string, string> = {}): Promise<number> =>
      (await fetch(gateway.url + path, { headers })).status;
    assert.deepEqual([await status('/reply'), await status('/reply'), await status('/reply')], [200, 200, 429]);
    assert.deepEqual([await status('/request', { 'x-cost': '5' }), await status('/request')], [200, 429]);
  });

  test('takes a cost that is no number as one', async () => {
    const { ask } = await startRoutes([
      { upstream: 'app', limit: { requestsPerSecond: 0.1, burst: 3, cost: { header: 'x-cost', of: 'request' } } },
    ]);
    const statuses = [];
    for (const cost of ['-5', '1e9', 'x', '']) statuses.push((await ask('/', { headers: { 'x-cost': cost } })).status);
    assert.deepEqual(statuses, [200, 200, 200, 429]);
  });
});

test('a host is compared in one form, IPv6 addresses included', async () => {
  const { ask } = await startRoutes([
    { host: '[2001:db8:0:0:0:0:0:1]', path: '/*', upstream: 'app' },
    { path: '/*', upstream: 'other' },
  ]);
  assert.equal((await ask('/', { host: '[2001:db8::1]' })).body, 'app');
});
