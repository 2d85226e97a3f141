import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { ClientHttp2Session } from 'node:http2';
import { afterEach, test } from 'node:test';
import { connect } from 'node:tls';
import { testKey } from '../support/gateway.ts';
import { askHttp2, openHttp2 } from '../support/http2-client.ts';
import { startBackend } from '../support/proxying.ts';
import { eventually } from '../support/raw.ts';
import { startHttp2Gateway } from '../support/secure-gateway.ts';

const sessions: ClientHttp2Session[] = [];
afterEach(() => {
  for (const session of sessions.splice(0)) session.destroy();
});
function open(port: number): ClientHttp2Session {
  const session = openHttp2(port);
  sessions.push(session);
  return session;
}

/** A gateway in front of a backend that tells what it got, and does what the path says. */
async function setUp(more: Parameters<typeof startHttp2Gateway>[1] = {}) {
  const { origin } = await startBackend((req, res) => {
    if (req.url === '/slow') setTimeout(() => res.end('late'), 300);
    else if (req.url === '/hang') res.writeHead(200).write('begun');
    else if (req.url === '/break') {
      res.writeHead(200).write('half');
      setTimeout(() => res.destroy(), 50);
    } else if (req.url === '/short') {
      res.writeHead(200, { 'content-length': 100 }).write('half');
      setTimeout(() => res.destroy(), 50);
    } else if (req.url === '/hints') {
      res.writeEarlyHints({ link: '</a.css>; rel=preload' });
      res.end('hinted');
    } else if (req.url === '/odd') {
      res.writeHead(200, [
        'connection',
        'x-drop',
        'x-drop',
        '1',
        'etag',
        '"a"',
        'etag',
        '"b"',
        'set-cookie',
        'a=1',
        'set-cookie',
        'b=2',
      ]);
      res.end('odd');
    } else if (req.url === '/nothing') res.writeHead(204).end();
    else req.pipe(res.setHeader('x-got', JSON.stringify({ lines: req.rawHeaders, method: req.method, url: req.url })));
  });
  return startHttp2Gateway([origin], more);
}

interface Got {
  readonly lines: string[];
  readonly method: string;
  readonly url: string;
}
const gotOf = (reply: { headers: Readonly<Record<string, unknown>> }): Got =>
  JSON.parse(String(reply.headers['x-got'])) as Got;
const fieldOf = ({ lines }: Got, name: string): string[] =>
  lines.filter((_, index) => index % 2 === 1 && lines[index - 1]?.toLowerCase() === name);

test('a request of HTTP/2 reaches the backend as one of HTTP/1.1: authority, cookies, scheme, Via', async () => {
  const { port } = await setUp();
  const reply = await askHttp2(open(port), { ':path': '/a?b=1', cookie: ['a=1', 'b=2'], te: 'trailers', 'x-own': 'y' });
  assert.equal(reply.status, 200);
  const got = gotOf(reply);
  assert.deepEqual([got.method, got.url], ['GET', '/a?b=1']);
  assert.deepEqual(fieldOf(got, 'host'), ['shop.example']);
  assert.deepEqual(fieldOf(got, 'cookie'), ['a=1; b=2']);
  assert.deepEqual(fieldOf(got, 'x-forwarded-proto'), ['https']);
  assert.deepEqual(fieldOf(got, 'te'), []);
  assert.match(fieldOf(got, 'via')[0] ?? '', /^2 rampart-/);
  assert.ok(!got.lines.some((line) => line.startsWith(':')));
  assert.ok(reply.headers['x-request-id'] !== undefined && reply.headers['server-timing'] !== undefined);
});

test('HTTP/1.1 stays on the same port for clients that choose it', async () => {
  const { port } = await setUp();
  for (const ALPNProtocols of [['http/1.1'], []]) {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols });
    socket.write('GET /a HTTP/1.1\r\nhost: shop.example\r\nconnection: close\r\n\r\n');
    assert.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 200/);
    socket.destroy();
  }
});

test('bodies go both ways, whole, with and without a length, many at a time on one connection', async () => {
  const { port } = await setUp();
  const session = open(port);
  const digest = (bytes: string | Buffer): string => createHash('sha256').update(bytes).digest('hex');
  const bodies = Array.from({ length: 20 }, () => randomBytes(150_000).toString('hex'));
  const replies = await Promise.all(
    bodies.map((body, index) =>
      askHttp2(
        session,
        { ':path': '/a', ':method': 'POST', ...(index % 2 === 0 && { 'content-length': body.length }) },
        body,
      ),
    ),
  );
  assert.deepEqual(
    replies.map(({ body }) => digest(body)),
    bodies.map(digest),
  );
});

test('HEAD, 204, interim replies and Expect: 100-continue', async () => {
  const { port } = await setUp();
  const session = open(port);
  const head = await askHttp2(session, { ':path': '/a', ':method': 'HEAD' });
  assert.deepEqual([head.status, head.body, head.rstCode], [200, '', 0]);
  assert.deepEqual((await askHttp2(session, { ':path': '/nothing' })).status, 204);
  const hints = await askHttp2(session, { ':path': '/hints' });
  assert.deepEqual([hints.interim, hints.body], [[103], 'hinted']);
  const expecting = await askHttp2(session, { ':path': '/a', ':method': 'POST', expect: '100-continue' }, 'body');
  assert.deepEqual([expecting.interim, expecting.body], [[100], 'body']);
});

test('fields of a backend that HTTP/2 does not have are left out; lists stay lists', async () => {
  const { port } = await setUp();
  const { status, headers } = await askHttp2(open(port), { ':path': '/odd' });
  assert.equal(status, 200);
  assert.deepEqual([headers['connection'], headers['x-drop'], headers['etag']], [undefined, undefined, '"a"']);
  assert.deepEqual(headers['set-cookie'], ['a=1', 'b=2']);
});

test('a reply that breaks is reset, and a client that resets cancels its request', async () => {
  const { port, rampart } = await setUp();
  const session = open(port);
  const broken = await askHttp2(session, { ':path': '/break' });
  assert.deepEqual([broken.status, broken.body, broken.rstCode], [200, 'half', 2]);
  const short = await askHttp2(session, { ':path': '/short' });
  assert.deepEqual([short.status, short.body, short.rstCode === 0], [200, 'half', false]);
  const stream = session.request({ ':path': '/hang', ':authority': 'shop.example' });
  await once(stream, 'data');
  stream.close(8);
  await eventually('the permit is back', () =>
    /^rampart_backend_in_flight\{[^}]*upstream="app"[^}]*\} 0$/m.test(rampart.metrics()),
  );
  await eventually('it is counted', () =>
    rampart.metrics().includes('rampart_requests_total{endpoint="app",status="499"} 1'),
  );
});

test('refusals are problem replies on their stream, and the connection goes on', async () => {
  const { port } = await setUp({
    routes: [{ endpoint: 'app', path: '/app/*', upstream: 'app', authenticate: true, maxBodyBytes: 10 }],
  });
  const session = open(port);
  const body = 'x'.repeat(100_000);
  const asked = { ':path': '/app/a', ':method': 'POST' };
  const keyed = { ...asked, 'x-api-key': testKey };
  const statuses = [
    (await askHttp2(session, { ':path': '/nowhere' })).status,
    (await askHttp2(session, asked, body)).status,
    (await askHttp2(session, keyed, body)).status,
    (await askHttp2(session, { ...keyed, 'content-length': '100000' }, body)).status,
    (await askHttp2(session, { ':path': '/app/../b' })).status,
    (await askHttp2(session, keyed, 'short')).status,
  ];
  assert.deepEqual(statuses, [404, 401, 413, 413, 400, 200]);
  assert.equal(session.destroyed, false);
});

test('a reader that stops in the middle of a large reply gets all of it, and holds no permit', async () => {
  const body = randomBytes(4 * 1024 * 1024);
  const { origin } = await startBackend((_req, res) => void res.end(body));
  const { port, rampart } = await startHttp2Gateway([origin]);
  const session = open(port);
  const stream = session.request({ ':path': '/', ':authority': 'shop.example' });
  stream.pause();
  await once(stream, 'response');
  await eventually('the permit is back', () =>
    /^rampart_backend_in_flight\{[^}]*upstream="app"[^}]*\} 0$/m.test(rampart.metrics()),
  );
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  assert.ok(Buffer.concat(chunks).equals(body));
});

test('connections.maxPerAddress bounds connections of HTTP/2', async () => {
  const { port } = await setUp({ connections: { maxPerAddress: 2 } });
  const [one, two, three] = [open(port), open(port), open(port)];
  await once(three, 'close');
  assert.deepEqual(
    [(await askHttp2(one, { ':path': '/a' })).status, (await askHttp2(two, { ':path': '/a' })).status],
    [200, 200],
  );
});

test('a worker that drains sends GOAWAY, answers what it has, and closes', async () => {
  const { port, rampart } = await setUp();
  const [busy, idle] = [open(port), open(port)];
  await askHttp2(idle, { ':path': '/a' });
  const slow = askHttp2(busy, { ':path': '/slow' });
  await eventually('it is under way', () => rampart.metrics().includes('rampart_in_flight{endpoint="app"} 1'));
  const closed = Promise.all([busy, idle].map((session) => once(session, 'close')));
  const saidGoodbye = once(idle, 'goaway');
  await rampart.gateway.drain();
  assert.equal((await slow).body, 'late');
  await saidGoodbye;
  await closed;
});
