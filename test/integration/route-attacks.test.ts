import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { asMemberMessage } from '../../src/protocol/message-check.ts';
import { startTestGateway } from '../support/gateway.ts';
import { closers, startBackend } from '../support/proxying.ts';
import { sendRaw } from '../support/raw.ts';
import { startRoutes } from '../support/routes.ts';

describe('what a client cannot do', () => {
  const jwtRoute = {
    path: '/api/*',
    upstream: 'app',
    authenticate: 'forward' as const,
    forward: { upstream: 'other', path: '/verify', toBackend: ['x-user'] },
  };

  test('write a field that tells who the client is, on no route, with hyphens or underscores', async () => {
    const { ask } = await startRoutes([jwtRoute, { path: '/open/*', upstream: 'app', authenticate: false }]);
    for (const path of ['/open/x', '/api/x']) {
      const { got } = await ask(path, { headers: { 'X-User': 'admin', x_user: 'admin', X_Real_Ip: '1.2.3.4' } });
      assert.deepEqual(
        [got?.headers['x-user'], got?.headers['x_user'], got?.headers['x_real_ip']],
        [undefined, undefined, undefined],
      );
    }
  });

  test('get a stored reply that varies by who another client is', async () => {
    const users = ['ann', 'bob', 'ann'];
    const verifier = await startBackend((_, reply) => void reply.setHeader('x-user', users.shift() ?? '').end());
    const app = await startBackend((request, reply) => {
      reply.writeHead(200, { 'cache-control': 'public, max-age=60', vary: 'x-user' });
      reply.end(String(request.headers['x-user']));
    });
    const gateway = await startTestGateway({
      upstreams: { app: { backends: [app.origin] }, other: { backends: [verifier.origin] } },
      routes: [{ ...jwtRoute, endpoint: 'api', cache: { ttlSeconds: 60 } }],
    });
    closers.push(() => gateway.close());
    const bodies = [];
    for (let round = 0; round < 3; round++) bodies.push(await (await fetch(`${gateway.url}/api/x`)).text());
    assert.deepEqual(bodies, ['ann', 'bob', 'ann']);
  });

  test('reach an open route by encoding a character of one with a key', async () => {
    const { ask } = await startRoutes([
      { path: '/@admin/*', upstream: 'app', authenticate: true },
      { path: '/a:b', upstream: 'app', authenticate: true },
      { path: '/*', upstream: 'other', authenticate: false },
    ]);
    for (const path of ['/%40admin/x', '/a%3Ab', '/a%3ab']) assert.equal((await ask(path)).status, 400, path);
    for (const path of ['/x%20y', '/caf%C3%A9', '/a%3Ac']) assert.equal((await ask(path)).body, 'other', path);
  });

  test('be sent to another host by a redirect of slashes', async () => {
    for (const trailingSlash of ['add', 'remove'] as const) {
      const { gateway } = await startRoutes([{ paths: 'literal', redirect: { trailingSlash } }]);
      const path = trailingSlash === 'add' ? '//evil.example' : '//evil.example/';
      const raw = await sendRaw(gateway.port, `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
      assert.doesNotMatch(raw.text, /location: \/\//i);
    }
  });

  test('break the connection to control by a long field that a limit counts by', async () => {
    const asked: unknown[] = [];
    const { ask, gateway } = await startRoutes(
      [{ upstream: 'app', limit: { requestsPerSecond: 10, burst: 10, by: 'header:x-tenant' } }],
      { sendTokenAsks: (asks) => (asked.push(...asks), true) },
    );
    gateway.gateway.controlFound();
    assert.equal((await ask('/', { headers: { 'x-tenant': 'x'.repeat(10_000) } })).status, 200);
    assert.ok(asked.length > 0);
    for (const ask of asked) assert.notEqual(asMemberMessage({ type: 'tokens', asks: [ask] }), undefined);
  });

  test('be read by a page that only the backend allows', async () => {
    const { origin } = await startBackend((_, reply) => {
      reply.writeHead(200, {
        'access-control-allow-origin': 'https://evil.example',
        'access-control-allow-credentials': 'true',
        'access-control-max-age': '600',
      });
      reply.end();
    });
    const gateway = await startTestGateway({
      upstreams: { app: { backends: [origin] } },
      routes: [{ endpoint: 'a', path: '/*', upstream: 'app', cors: { origins: ['https://shop.example'] } }],
    });
    closers.push(() => gateway.close());
    const { headers } = await fetch(gateway.url, { headers: { origin: 'https://evil.example' } });
    const seen = ['access-control-allow-origin', 'access-control-allow-credentials', 'vary'].map((name) =>
      headers.get(name),
    );
    assert.deepEqual(seen, [null, null, 'origin']);
  });
});
