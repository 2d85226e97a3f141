import assert from 'node:assert/strict';
import type { Server } from 'node:http';
import { test } from 'node:test';
import { startTestGateway, type TestGatewayOptions } from '../support/gateway.ts';
import { closers, startBackend } from '../support/proxying.ts';

async function startSessions(hashBy: string, cap = 16, routes: object = {}) {
  const servers = new Map<string, Server>();
  const holding: (() => void)[] = [];
  for (let count = 0; count < 4; count++) {
    const { origin, server } = await startBackend((request, reply) => {
      const answer = (): void => void reply.end(String(request.socket.localPort));
      if (request.url === '/hold') holding.push(answer);
      else answer();
    });
    servers.set(new URL(origin).port, server);
  }
  const backends = [...servers.keys()].map((port) => `http://127.0.0.1:${port}`);
  const gateway = await startTestGateway({
    upstreams: { app: { backends, hashBy, cap } },
    routes: [{ endpoint: 'app', path: '/*', upstream: 'app', ...routes }],
  } as TestGatewayOptions);
  closers.push(() => gateway.close());
  return { gateway, servers, holding };
}

const userHeader = (user: string) => ({ headers: { 'x-user': user } });

test('the requests of a session go to one backend, and those of many sessions to all', async () => {
  const { gateway } = await startSessions('header:x-user');
  const backendOf = async (user: string): Promise<string> => (await fetch(gateway.url, userHeader(user))).text();
  const homes = new Map<string, string>();
  for (let index = 0; index < 40; index++) homes.set(`user-${index}`, await backendOf(`user-${index}`));
  assert.equal(new Set(homes.values()).size, 4);
  const rounds = Array.from({ length: 5 }, () => [...homes]).flat();
  const found = await Promise.all(rounds.map(async ([user, home]) => (await backendOf(user)) === home));
  assert.ok(found.every(Boolean));
});

test('a session moves when its backend is gone, and the others stay', async () => {
  const { gateway, servers } = await startSessions('header:x-user');
  const backendOf = async (user: string): Promise<string> => (await fetch(gateway.url, userHeader(user))).text();
  const users = Array.from({ length: 20 }, (_, index) => `user-${index}`);
  const before = new Map<string, string>();
  for (const user of users) before.set(user, await backendOf(user));
  const [gone = ''] = before.values();
  servers.get(gone)?.closeAllConnections();
  servers.get(gone)?.close();
  for (const user of users) {
    const now = await backendOf(user);
    if (before.get(user) === gone) assert.notEqual(now, gone);
    else assert.equal(now, before.get(user));
  }
});

test('a session moves while its backend is full, and comes back', async () => {
  const { gateway, holding } = await startSessions('header:x-user', 1);
  const user = userHeader('one');
  const home = await (await fetch(gateway.url, user)).text();
  const held = fetch(`${gateway.url}/hold`, user);
  while (holding.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  const other = await (await fetch(gateway.url, user)).text();
  assert.notEqual(other, home);
  for (const answer of holding) answer();
  assert.equal(await (await held).text(), home);
  assert.equal(await (await fetch(gateway.url, user)).text(), home);
});

test('session:NAME gives a client a cookie of its own with the first reply, and keeps to it', async () => {
  const { gateway } = await startSessions('session:at', 16, { cache: { ttlSeconds: 60 } });
  const first = await fetch(gateway.url);
  const home = await first.text();
  const cookie = first.headers.get('set-cookie') ?? '';
  assert.match(cookie, /^at=[\w-]{16}; Path=\/; HttpOnly; SameSite=Lax$/);
  const [pair = ''] = cookie.split(';');
  for (let index = 0; index < 10; index++) {
    const reply = await fetch(`${gateway.url}/${index}`, { headers: { cookie: `x=1; ${pair}` } });
    assert.deepEqual([await reply.text(), reply.headers.get('set-cookie')], [home, null]);
  }
  const forged = await fetch(`${gateway.url}/forged`, { headers: { cookie: 'at=a b' } });
  assert.match(forged.headers.get('set-cookie') ?? '', /^at=/);
});

test('a backup answers only while no other backend is up', async () => {
  const backend = async (name: string) => startBackend((_, reply) => void reply.end(name));
  const [first, second, backup] = await Promise.all([backend('first'), backend('second'), backend('backup')]);
  const gateway = await startTestGateway({
    upstreams: { app: { backends: [first.origin, second.origin], backup: [backup.origin] } },
    routes: [{ endpoint: 'app', path: '/*', upstream: 'app' }],
  });
  closers.push(() => gateway.close());
  const answers = async (): Promise<Set<string>> => {
    const texts = [];
    for (let round = 0; round < 12; round++) texts.push(await (await fetch(gateway.url)).text());
    return new Set(texts);
  };
  const stop = ({ server }: { server: Server }): void => {
    server.closeAllConnections();
    server.close();
  };
  assert.deepEqual([...(await answers())].toSorted(), ['first', 'second']);
  stop(first);
  assert.deepEqual([...(await answers())], ['second']);
  stop(second);
  assert.deepEqual([...(await answers())], ['backup']);
});
