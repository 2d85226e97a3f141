import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type ConsoleHost, startConsoleHost } from '../support/console-host.ts';

const token = 'a'.repeat(16);
const readToken = 'r'.repeat(16);
const json = { 'content-type': 'application/json' };

/** Reads the stream until the text is in it, or it ends. */
async function readUntil(reader: ReadableStreamDefaultReader<Uint8Array>, wanted: string): Promise<string> {
  let text = '';
  const decoder = new TextDecoder();
  while (!text.includes(wanted)) {
    const { value, done } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
  }
  return text;
}

describe('the admin API for browsers', () => {
  let host: ConsoleHost;
  let origin: string;

  before(async () => {
    host = await startConsoleHost('well', { token, readToken });
    origin = new URL(host.url).origin;
  });

  after(() => host?.close());

  const signIn = (body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${origin}/api/session`, {
      method: 'POST',
      headers: { ...json, origin, ...headers },
      body: JSON.stringify(body),
    });
  const cookieOf = (response: Response): string => response.headers.get('set-cookie')?.split(';', 1)[0] ?? '';

  test('POST /api/session turns a token into a cookie that scripts and other sites do not get', async () => {
    const response = await signIn({ token });
    assert.deepEqual([response.status, await response.json()], [200, { role: 'admin', sign_in_needed: true }]);
    const { port } = new URL(origin);
    assert.match(
      response.headers.get('set-cookie') ?? '',
      new RegExp(`^rampart_session_${port}=[\\w-]{43}; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict$`),
    );
    assert.match((await signIn({ token: readToken }, { origin })).headers.get('set-cookie') ?? '', /SameSite=Strict$/);
    assert.equal((await signIn({ token: 'wrong' })).status, 401);
    assert.equal((await signIn({ tokens: 1 })).status, 400);
    assert.equal((await signIn({ token }, { origin: 'http://evil.example' })).status, 403);
    assert.equal((await fetch(`${origin}/api/session`)).status, 200);
  });

  test('a cookie of ADMIN_READ_TOKEN reads everything and changes nothing', async () => {
    const cookie = cookieOf(await signIn({ token: readToken }));
    for (const path of ['api/status', 'api/config', 'api/config/versions', 'api/history', 'metrics'])
      assert.equal((await fetch(`${host.url}${path}`, { headers: { cookie } })).status, 200, path);
    const changes = [
      ['POST', 'api/cap'],
      ['POST', 'api/cache/purge'],
      ['PUT', 'api/config'],
      ['POST', 'api/config/reload'],
      ['POST', 'api/config/rollback'],
      ['POST', 'api/backends'],
      ['POST', 'api/backends/app/x/drain'],
      ['POST', 'api/keys'],
      ['DELETE', 'api/keys/x'],
      ['POST', 'api/batches/x/cancel'],
      ['POST', 'api/elsewhere'],
    ] as const;
    for (const [method, path] of changes)
      for (const credentials of [{ cookie, origin }, { authorization: `Bearer ${readToken}` }]) {
        const headers = { ...json, ...credentials } as Record<string, string>;
        assert.equal((await fetch(`${host.url}${path}`, { method, headers, body: '{}' })).status, 403, path);
      }
  });

  test('a change by cookie needs the origin of the listener, and signing out ends the session', async () => {
    const cookie = cookieOf(await signIn({ token }));
    const purge = (headers: Record<string, string>): Promise<Response> =>
      fetch(`${origin}/api/cache/purge`, { method: 'POST', headers: { ...json, cookie, ...headers }, body: '{}' });
    assert.equal((await purge({ origin })).status, 200);
    assert.equal((await purge({})).status, 403);
    assert.equal((await purge({ origin: 'http://127.0.0.1:1' })).status, 403);
    const out = await fetch(`${origin}/api/session`, { method: 'DELETE', headers: { cookie, origin } });
    assert.match(out.headers.get('set-cookie') ?? '', /=; Path=\/; Max-Age=0/);
    assert.equal((await purge({ origin })).status, 401);
    assert.equal((await fetch(`${origin}/api/status`, { headers: { cookie } })).status, 401);
  });

  test('GET /api/events sends the view, the changes and a patch each second, to a cookie too', async () => {
    const cookie = cookieOf(await signIn({ token: readToken }));
    const stopped = new AbortController();
    const response = await fetch(`${origin}/api/events`, { headers: { cookie }, signal: stopped.signal });
    assert.equal(response.headers.get('content-type'), 'text/event-stream');
    assert.equal(response.headers.get('x-accel-buffering'), 'no');
    const reader = response.body?.getReader() as ReadableStreamDefaultReader<Uint8Array>;
    assert.match(
      await readUntil(reader, 'event: delta'),
      /^event: view\ndata: \{[^\n]*\}\n\nid: 0\nevent: changes\ndata: \[\]\n\n/,
    );
    const change = host.live.change('a cap');
    assert.match(await readUntil(reader, 'a cap'), new RegExp(`id: ${change.id}\nevent: change\n`));
    stopped.abort();
    assert.equal((await fetch(`${origin}/api/events`)).status, 401);
  });

  test('GET /api/history gives columns of equal length, and refuses what it cannot give', async () => {
    const headers = { authorization: `Bearer ${readToken}` };
    const response = await fetch(`${origin}/api/history?seconds=600&points=60`, { headers });
    const { columns, stepMs } = (await response.json()) as { columns: Record<string, number[]>; stepMs: number };
    assert.equal(stepMs, 10_000);
    assert.deepEqual(new Set(Object.values(columns).map(({ length }) => length)), new Set([60]));
    for (const query of ['seconds=1', 'seconds=90000', 'points=5000', 'seconds=x', 'minutes=5'])
      assert.equal((await fetch(`${origin}/api/history?${query}`, { headers })).status, 400, query);
  });

  test('the page and its files need no token and have a strict policy; nothing else lies below them', async () => {
    const page = await fetch(host.url);
    const policy = page.headers.get('content-security-policy') ?? '';
    for (const part of [
      "default-src 'none'",
      "script-src 'self'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
    ])
      assert.ok(policy.includes(part), part);
    assert.doesNotMatch(policy, /unsafe|\*/);
    assert.equal(page.headers.get('cache-control'), 'no-cache');
    const [script = ''] = /console\/[0-9a-f]+\/console\.js/.exec(await page.text()) ?? [];
    const file = await fetch(`${host.url}${script}`);
    assert.match(file.headers.get('cache-control') ?? '', /immutable/);
    assert.equal(file.headers.get('content-encoding'), 'gzip');
    for (const path of ['console/../package.json', 'console/%2e%2e/package.json', 'console/', 'console/constructor'])
      assert.notEqual((await fetch(`${host.url}${path}`)).status, 200, path);
  });
});

test('without tokens the page needs none, under a name of this machine only', async () => {
  const host = await startConsoleHost();
  try {
    const session = await fetch(`${host.url}api/session`);
    assert.deepEqual(await session.json(), { role: 'admin', sign_in_needed: false });
    assert.equal((await fetch(host.url)).status, 200);
    const post = (headers: Record<string, string>): Promise<Response> =>
      fetch(`${host.url}api/cache/purge`, { method: 'POST', headers: { ...json, ...headers }, body: '{}' });
    assert.equal((await post({})).status, 200);
    assert.equal((await post({ origin: 'http://localhost:3000' })).status, 403);
    assert.equal((await post({ 'sec-fetch-site': 'same-site' })).status, 403);
    const keys = await fetch(`${host.url}api/keys`);
    assert.equal(keys.status, 501);
    assert.equal((await fetch(`${host.url}api/batches`)).status, 501);
  } finally {
    await host.close();
  }
});
