import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { request } from 'node:http';
import { describe, test } from 'node:test';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { pino } from 'pino';
import { hashPassword } from '../../src/core/password-hash.ts';
import { startTestGateway, type TestGatewayOptions } from '../support/gateway.ts';
import { closers, startBackend } from '../support/proxying.ts';

type Route = NonNullable<TestGatewayOptions['routes']>[number];

/** A gateway with one route to a backend that returns the header fields which it got. */
async function startGuarded(route: Partial<Route>, more: TestGatewayOptions = {}) {
  let asked = 0;
  const { origin } = await startBackend((request, reply) => {
    asked++;
    reply.setHeader('content-type', 'application/json');
    reply.end(JSON.stringify(request.headers));
  });
  const gateway = await startTestGateway({
    ...more,
    upstreams: { app: { backends: [origin] }, ...more.upstreams },
    routes: [{ endpoint: 'app', path: '/*', upstream: 'app', ...route }],
  });
  closers.push(() => gateway.close());
  return {
    gateway,
    timesAsked: () => asked,
    ask: async (headers: Record<string, string> = {}, path = '/x', method = 'GET') => {
      const reply = await fetch(gateway.url + path, { method, headers, redirect: 'manual' });
      const text = await reply.text();
      return {
        status: reply.status,
        headers: reply.headers,
        body: JSON.parse(text === '' ? '{}' : text) as Record<string, string>,
      };
    },
  };
}

/** An issuer with a key set that a test can change. */
async function startIssuer() {
  let keys: object[] = [];
  let reads = 0;
  let isDown = false;
  const { origin } = await startBackend((_request, reply) => {
    reads++;
    if (isDown) reply.statusCode = 500;
    reply.end(JSON.stringify({ keys }));
  });
  /** Signs tokens by a new key; `named`: whether they say by which. */
  const newKey = async (kid: string, { named = true } = {}) => {
    const { privateKey, publicKey } = await generateKeyPair('ES256');
    keys = [...keys, { ...(await exportJWK(publicKey)), kid, alg: 'ES256' }];
    return (claims: object = {}, { expiresIn = 60, audience = 'shop', issuer = 'https://id.example' } = {}) =>
      new SignJWT({ sub: 'user-7', ...claims })
        .setProtectedHeader(named ? { alg: 'ES256', kid } : { alg: 'ES256' })
        .setIssuer(issuer)
        .setAudience(audience)
        .setExpirationTime(Math.floor(Date.now() / 1000) + expiresIn)
        .sign(privateKey);
  };
  return {
    url: `${origin}/keys`,
    newKey,
    reads: () => reads,
    dropKeys: () => (keys = []),
    addKey: (key: object) => (keys = [...keys, key]),
    goDown: (down: boolean) => (isDown = down),
  };
}

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

describe('JWT', () => {
  const jwt = (url: string) => ({
    issuer: 'https://id.example',
    audience: 'shop',
    jwksUrl: url,
    claimsToHeaders: { sub: 'x-user', roles: 'x-roles', city: 'x-city' },
    require: { scope: 'read' },
  });

  test('lets a valid token in, gives its claims to the backend, and no client can write them', async () => {
    const issuer = await startIssuer();
    const sign = await issuer.newKey('one');
    const { ask } = await startGuarded({ authenticate: 'jwt', jwt: jwt(issuer.url) });
    const token = await sign({ scope: 'read write', roles: ['a', 'b,c'], city: 'Köln\r\nx: y' });
    const { status, body } = await ask({ ...bearer(token), 'x-user': 'admin', 'X-City': 'Rome' });
    assert.deepEqual(
      [status, body['x-user'], body['x-roles'], body['x-city']],
      [200, 'user-7', 'a,b%2Cc', 'K%C3%B6ln%0D%0Ax: y'],
    );
    assert.equal(body['authorization'], `Bearer ${token}`);
    const without = await ask({ ...bearer(await sign({ scope: 'read' })), 'x-roles': 'admin' });
    assert.equal(without.body['x-roles'], undefined);
    assert.equal(issuer.reads(), 1);
  });

  test('says why a token is refused', async () => {
    const issuer = await startIssuer();
    const sign = await issuer.newKey('one');
    const other = await startIssuer();
    const forged = await (await other.newKey('one'))({ scope: 'read' });
    const { ask, timesAsked } = await startGuarded({ authenticate: 'jwt', jwt: jwt(issuer.url) });
    const scope = { scope: 'read' };
    const [header = '', , signature = ''] = (await sign(scope)).split('.');
    const none = Buffer.from('{"alg":"none"}').toString('base64url');
    const claims = Buffer.from(JSON.stringify({ iss: 'https://id.example', aud: 'shop', exp: 4e9, ...scope })).toString(
      'base64url',
    );
    for (const [token, status, detail] of [
      [await sign(scope, { expiresIn: -31 }), 401, /has expired/],
      [await sign(scope, { audience: 'other' }), 401, /aud is not accepted/],
      [await sign(scope, { issuer: 'https://evil.example' }), 401, /iss is not accepted/],
      [await sign({ scope: 'write' }), 403, /scope must have read/],
      [forged, 401, /invalid, or its signature is wrong/],
      [`${header}.${claims}.${signature}`, 401, /signature is wrong/],
      [`${none}.${claims}.`, 401, /algorithm is not accepted|invalid/],
      ['a.b.c', 401, /invalid/],
    ] as const) {
      const reply = await ask(bearer(token));
      assert.deepEqual([reply.status, token], [status, token]);
      assert.match(String(reply.body['detail']), detail);
      if (status === 401) assert.match(reply.headers.get('www-authenticate') ?? '', /error="invalid_token"/);
    }
    assert.equal((await ask()).headers.get('www-authenticate'), 'Bearer realm="rampart"');
    assert.equal(timesAsked(), 0);
    assert.equal((await ask(bearer(await sign(scope, { expiresIn: -10 })))).status, 200, 'within the skew');
  });

  test('uses a new key of the issuer at once, and its old ones while the issuer is away', async () => {
    const issuer = await startIssuer();
    const first = await issuer.newKey('one');
    const { ask } = await startGuarded({ authenticate: 'jwt', jwt: jwt(issuer.url) });
    assert.equal((await ask(bearer(await first({ scope: 'read' })))).status, 200);
    const second = await issuer.newKey('two');
    const asked = await Promise.all(
      [1, 2, 3].map(async (n) => (await ask(bearer(await second({ scope: 'read', n })))).status),
    );
    assert.deepEqual(asked, [200, 200, 200]);
    assert.equal(issuer.reads(), 2);
    issuer.goDown(true);
    issuer.dropKeys();
    assert.equal((await ask(bearer(await second({ scope: 'read', n: 4 })))).status, 200);
  });

  test('503 where the issuer has never been reached', async () => {
    const issuer = await startIssuer();
    const sign = await issuer.newKey('one');
    issuer.goDown(true);
    const { ask } = await startGuarded({ authenticate: 'jwt', jwt: jwt(issuer.url) });
    const { status, headers } = await ask(bearer(await sign({ scope: 'read' })));
    assert.deepEqual([status, headers.get('retry-after')], [503, '1']);
  });

  test('a flood of invalid tokens is refused without work', async () => {
    const issuer = await startIssuer();
    await issuer.newKey('one');
    const { ask } = await startGuarded({ authenticate: 'jwt', jwt: jwt(issuer.url) });
    const statuses = await Promise.all(
      Array.from({ length: 120 }, async (_, n) => (await ask(bearer(`a.b.c${n}`))).status),
    );
    assert.ok(statuses.filter((status) => status === 429).length >= 10, statuses.join());
    assert.ok(issuer.reads() <= 3, `${issuer.reads()} reads of the keys`);
  });

  /** Settings that accept every token of the issuer. */
  const any = (url: string, more: object = {}) => ({
    issuer: 'https://id.example',
    audience: 'shop',
    jwksUrl: url,
    ...more,
  });

  test('a guess in a cookie counts, an expired token and one that was valid do not', async () => {
    const issuer = await startIssuer();
    const sign = await issuer.newKey('one');
    const { ask } = await startGuarded({ authenticate: 'jwt', jwt: any(issuer.url, { cookie: 'session' }) });
    const old = await sign({}, { expiresIn: -31 });
    const statuses = async (token: (n: number) => string): Promise<number[]> =>
      Promise.all(Array.from({ length: 80 }, async (_, n) => (await ask({ cookie: `session=${token(n)}` })).status));
    assert.deepEqual(new Set(await statuses(() => old)), new Set([401]));
    // No credential at all is no guess.
    for (let n = 0; n < 80; n++) assert.equal((await ask()).status, 401);
    const guesses = [...(await statuses((n) => `a.b.c${n}`)), ...(await statuses((n) => `a.b.d${n}`))];
    assert.ok(guesses.every((status) => status === 401 || status === 429));
    assert.ok(guesses.includes(429), 'guesses in a cookie count');
    assert.ok(guesses.filter((status) => status === 401).length >= 40, 'the requests before were no guesses');
  });

  test('a token that names no key is tried with each key that fits, eight at most', async () => {
    const issuer = await startIssuer();
    const signs = [];
    for (let n = 0; n < 9; n++) signs.push(await issuer.newKey(`key-${n}`, { named: false }));
    const { ask } = await startGuarded({ authenticate: 'jwt', jwt: any(issuer.url) });
    const statuses = [];
    for (const sign of signs) statuses.push((await ask(bearer(await sign()))).status);
    assert.deepEqual(statuses, [200, 200, 200, 200, 200, 200, 200, 200, 401]);
    const elsewhere = await signs[1]?.({}, { audience: 'other' });
    assert.match((await ask(bearer(elsewhere ?? ''))).body['detail'] ?? '', /aud is not/);
  });

  test('a key that cannot be used is a 401 and one warning, never a 500', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const short = publicKey.export({ format: 'jwk' });
    const private_ = (await exportJWK((await generateKeyPair('ES256', { extractable: true })).privateKey)) as object;
    const offCurve = { kty: 'EC', crv: 'P-256', x: 'A'.repeat(43), y: 'A'.repeat(43) };
    const segment = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const signed = (alg: string, n: number): string => {
      const claims = { iss: 'https://id.example', aud: 'shop', exp: 4e9, n };
      const text = `${segment({ alg })}.${segment(claims)}`;
      return `${text}.${sign('sha256', Buffer.from(text), privateKey).toString('base64url')}`;
    };
    for (const [alg, key] of [
      ['RS256', short],
      ['ES256', offCurve],
      ['ES256', private_],
    ] as const) {
      const issuer = await startIssuer();
      issuer.addKey({ ...key, alg });
      const warned: string[] = [];
      const log = pino({ level: 'warn' }, { write: (line: string) => void warned.push(line) });
      const { ask } = await startGuarded({ authenticate: 'jwt', jwt: any(issuer.url) }, { log });
      for (let n = 0; n < 3; n++) {
        const { status, body } = await ask(bearer(signed(alg, n)));
        assert.deepEqual([status, body['detail']], [401, "none of the issuer's keys can be used for the token"]);
      }
      assert.equal(warned.filter((line) => line.includes('a key of an issuer cannot be used')).length, 1);
    }
  });

  test('tokens without a subject are different clients', async () => {
    const issuer = await startIssuer();
    const sign = await issuer.newKey('one');
    const { ask } = await startGuarded(
      { authenticate: 'jwt', jwt: any(issuer.url) },
      { keyLimit: { requestsPerSecond: 0.01, burst: 1 } },
    );
    const status = async (claims: object) => (await ask(bearer(await sign({ sub: undefined, ...claims })))).status;
    assert.equal(await status({ client_id: 'a' }), 200);
    assert.equal(await status({ client_id: 'a', n: 1 }), 429);
    assert.equal(await status({ azp: 'b' }), 200);
    assert.equal(await status({ n: 1 }), 200);
    assert.equal(await status({ n: 2 }), 200);
    assert.equal(await status({ sub: 'a' }), 200, 'a subject is another client than a client_id of the same name');
    assert.equal(await status({ n: 1 }), 200, 'a new signature is another token');
  });

  test('a page of another site cannot use the token in a cookie to change anything', async () => {
    const issuer = await startIssuer();
    const sign = await issuer.newKey('one');
    const route = { authenticate: 'jwt', jwt: any(issuer.url, { cookie: 'session' }) } as const;
    const { ask, gateway, timesAsked } = await startGuarded({ ...route, cors: { origins: ['https://app.example'] } });
    const token = await sign();
    const cookie = { cookie: `session=${token}` };
    const host = new URL(gateway.url).host;
    const post = async (headers: object) => (await ask({ ...cookie, ...headers }, '/x', 'POST')).status;
    for (const headers of [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'cross-site', origin: 'null' },
      { origin: 'https://evil.example' },
      { origin: `http://${host}.evil.example` },
      { origin: 'null' },
      { origin: 'http://127.0.0.1:1' },
    ])
      assert.equal(await post(headers), 403, JSON.stringify(headers));
    assert.equal(timesAsked(), 0);
    for (const headers of [
      {},
      { 'sec-fetch-site': 'same-origin', origin: `http://${host}` },
      { 'sec-fetch-site': 'cross-site', origin: 'https://app.example' },
      { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example', ...bearer(token) },
    ])
      assert.equal(await post(headers), 200, JSON.stringify(headers));
    const foreign = { ...cookie, 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' };
    assert.equal((await ask(foreign)).status, 200, 'a link from another site');
    assert.equal(await upgradeStatus(gateway.url, foreign), 403);
    const open = await startGuarded({ ...route, cors: { origins: '*' } });
    assert.equal((await open.ask(foreign, '/x', 'POST')).status, 403, "'*' is for pages without cookies");
  });
});

/** The status of the reply to a request for a WebSocket. */
const upgradeStatus = (url: string, headers: Record<string, string>): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    const websocket = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' };
    const sent = request(url, {
      headers: { ...headers, ...websocket, 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' },
    });
    sent.on('response', (reply) => {
      reply.resume();
      resolve(reply.statusCode);
    });
    sent.on('upgrade', (reply, socket) => {
      socket.destroy();
      resolve(reply.statusCode);
    });
    sent.on('error', reject).end();
  });

describe('basic authentication', () => {
  const pair = (user: string, password: string) => ({
    authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
  });

  test('lets a user with the right password in, and asks browsers for one', async () => {
    const users = { ann: await hashPassword('pass:wörd') };
    const { ask } = await startGuarded({ authenticate: 'basic', basic: { users, realm: 'the shop' } });
    for (let round = 0; round < 2; round++) assert.equal((await ask(pair('ann', 'pass:wörd'))).status, 200);
    for (const wrong of [
      pair('ann', 'other'),
      pair('bob', 'pass:wörd'),
      pair('toString', 'x'),
      { authorization: 'Basic ???' },
      {},
    ]) {
      const { status, headers } = await ask(wrong);
      assert.deepEqual([status, headers.get('www-authenticate')], [401, 'Basic realm="the shop", charset="UTF-8"']);
    }
  });

  test('a flood of guesses waits for its turn, and those who are known do not', async () => {
    const users = { ann: await hashPassword('right') };
    const { ask } = await startGuarded({ authenticate: 'basic', basic: { users } });
    assert.equal((await ask(pair('ann', 'right'))).status, 200);
    const guesses = Array.from({ length: 120 }, async (_, n) => (await ask(pair('ann', `guess-${n}`))).status);
    const known = await ask(pair('ann', 'right'));
    assert.equal(known.status, 200);
    const statuses = await Promise.all(guesses);
    // Two are checked and 64 wait; the rest finds no place.
    assert.ok(statuses.includes(503) && statuses.every((status) => [401, 429, 503].includes(status)), statuses.join());
  });
});

describe('forward authentication', () => {
  async function startVerifier() {
    const seen: Record<string, string | string[] | undefined>[] = [];
    const { origin } = await startBackend((request, reply) => {
      seen.push(request.headers);
      if (request.headers.cookie === 'session=good') reply.setHeader('x-user', 'ann').end('fine');
      else if (request.headers.cookie === 'session=long') reply.writeHead(401).end('x'.repeat(70_000));
      else
        reply
          .writeHead(302, { location: 'https://login.example/', 'set-cookie': 'a=b', connection: 'close' })
          .end('log in');
    });
    return { seen, upstreams: { auth: { backends: [origin] } } };
  }

  test('asks the upstream about the request, and passes its refusal on', async () => {
    const { seen, upstreams } = await startVerifier();
    const forward = { upstream: 'auth', path: '/verify?x=1', toBackend: ['X-User'] };
    const { ask, timesAsked } = await startGuarded({ authenticate: 'forward', forward }, { upstreams });
    const { status, body } = await ask({ cookie: 'session=good', 'x-user': 'root' }, '/a?b=c');
    assert.deepEqual([status, body['x-user']], [200, 'ann']);
    assert.deepEqual(
      ['x-forwarded-method', 'x-forwarded-uri', 'x-forwarded-for', 'x-user'].map((name) => seen[0]?.[name]),
      ['GET', '/a?b=c', '127.0.0.1', undefined],
    );
    const reply = await fetch(
      `${(await startGuarded({ authenticate: 'forward', forward }, { upstreams })).gateway.url}/a`,
      { redirect: 'manual' },
    );
    assert.deepEqual(
      [reply.status, reply.headers.get('location'), reply.headers.get('set-cookie'), await reply.text()],
      [302, 'https://login.example/', 'a=b', 'log in'],
    );
    assert.equal(timesAsked(), 1);
    assert.equal((await ask({ cookie: 'session=long' })).status, 502);
  });

  test('keeps a verdict for the same fields and URL for a while', async () => {
    const { seen, upstreams } = await startVerifier();
    const forward = { upstream: 'auth', path: '/verify', cacheSeconds: 60 };
    const { ask } = await startGuarded({ authenticate: 'forward', forward }, { upstreams });
    for (const path of ['/a', '/a', '/b', '/a'])
      assert.equal((await ask({ cookie: 'session=good' }, path)).status, 200);
    assert.equal(seen.length, 2);
  });

  test('a client stays the same one whatever URL it asks for', async () => {
    const { upstreams } = await startVerifier();
    const more = { upstreams, keyLimit: { requestsPerSecond: 0.01, burst: 2 } };
    for (const toBackend of [[], ['x-user']]) {
      const forward = { upstream: 'auth', path: '/verify', toBackend, cacheSeconds: 60 };
      const { ask } = await startGuarded({ authenticate: 'forward', forward }, more);
      const statuses = [];
      for (let n = 0; n < 4; n++) statuses.push((await ask({ cookie: 'session=good' }, `/a?n=${n}`)).status);
      assert.deepEqual(statuses, [200, 200, 429, 429], toBackend.join());
    }
  });

  test('users whom the upstream names are different clients behind one address', async () => {
    const { origin } = await startBackend((request, reply) =>
      reply.setHeader('x-user', String(request.headers.cookie)).end(),
    );
    const forward = { upstream: 'auth', path: '/verify', toBackend: ['x-user'] };
    const { ask } = await startGuarded(
      { authenticate: 'forward', forward },
      { upstreams: { auth: { backends: [origin] } }, keyLimit: { requestsPerSecond: 0.01, burst: 1 } },
    );
    assert.equal((await ask({ cookie: 'a' })).status, 200);
    assert.equal((await ask({ cookie: 'b' })).status, 200);
    assert.equal((await ask({ cookie: 'a' })).status, 429);
  });

  test('nobody comes in while the upstream is away', async () => {
    const forward = { upstream: 'auth', path: '/verify' };
    const upstreams = { auth: { backends: ['http://127.0.0.1:9'] } };
    const { ask, timesAsked } = await startGuarded({ authenticate: 'forward', forward }, { upstreams });
    assert.ok([502, 503].includes((await ask()).status));
    assert.equal(timesAsked(), 0);
  });
});
