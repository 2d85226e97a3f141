import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import { closers, inFlight, startBackend, startGateway } from '../support/proxying.ts';
import { eventually, sendRaw, statusOf } from '../support/raw.ts';
import { startTestGateway, testKey } from '../support/gateway.ts';

describe('proxying', () => {
  test('streams both ways, unchanged', async () => {
    const { origin } = await startBackend((req, res) => void req.pipe(res));
    const rampart = await startGateway([origin], { maxBodyBytes: 50 * 1024 ** 2 });
    const sent = randomBytes(20 * 1024 ** 2);
    const reply = await fetch(`${rampart.url}/echo`, { method: 'POST', body: sent });
    const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
    assert.equal(digest(new Uint8Array(await reply.arrayBuffer())), digest(sent));
  });

  test('a client that does not read fills the spool, then holds the backend back, and never fills memory', async () => {
    let written = 0;
    const { origin } = await startBackend((_req, res) => {
      const chunk = Buffer.alloc(64 * 1024);
      const more = (): void => {
        while (written < 200 * 1024 ** 2) {
          written += chunk.length;
          if (!res.write(chunk)) return;
        }
        res.end();
      };
      res.on('drain', more);
      more();
    });
    const rampart = await startGateway([origin], { env: { SPOOL_MAX_BYTES: '20MiB' } });
    const socket = connect(rampart.port, '127.0.0.1');
    closers.push(async () => socket.destroy());
    socket.pause();
    socket.write('GET /big HTTP/1.1\r\nHost: a\r\n\r\n');
    let before = -1;
    await eventually('the backend is held back', async () => {
      const stalled = written > 0 && written === before;
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 200));
      return stalled && written === before;
    });
    const gauge = (name: string): number => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(rampart.metrics())?.[1]);
    const spooled = gauge('rampart_spool_bytes');
    assert.ok(spooled > 19 * 1024 ** 2 && spooled <= 20 * 1024 ** 2, `${spooled} bytes in the spool`);
    assert.ok(gauge('rampart_reply_buffer_bytes') < 4 * 1024 ** 2);
    assert.ok(written < 80 * 1024 ** 2, `${written} bytes were written`);
    socket.destroy();
    await eventually('its room is free', () => gauge('rampart_spool_bytes') === 0);
    assert.equal(gauge('rampart_reply_buffer_bytes'), 0);
  });

  test('strips the fields of a connection and those it nominates in both directions, then adds its own', async () => {
    let seen: IncomingMessage | undefined;
    const { origin } = await startBackend((req, res) => {
      seen = req;
      res.writeHead(200, {
        connection: 'x-secret, keep-alive',
        'x-secret': 'b',
        'keep-alive': 'timeout=9',
        te: 'x',
        'x-keep': 'c',
        'endpoint-load-metrics': 'TEXT a=1',
      });
      res.end('ok');
    });
    const rampart = await startGateway([origin], { authenticate: true });
    const reply = await sendRaw(
      rampart.port,
      `GET /h HTTP/1.1\r\nHost: a.example\r\nConnection: x-drop, x-forwarded-for, close\r\nX-Drop: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\nProxy-Authorization: x\r\nUpgrade: h2c\r\nX-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Port: 1\r\nX-Real-IP: 6.6.6.6\r\nAuthorization: Bearer ${testKey}\r\nCookie: c=d\r\nX-Keep: e\r\nX-Deadline-Ms: 99999999\r\nX-Request-Id: my-id.1\r\nTraceparent: 00-${'a'.repeat(32)}-${'b'.repeat(16)}-01\r\n\r\n`,
    );
    assert.equal(statusOf(reply), 200);
    const { connection: _, 'x-deadline-ms': leftMs, via, ...headers } = seen?.headers ?? {};
    assert.match(via ?? '', /^1\.1 rampart-[0-9a-f]{12}$/);
    assert.ok(Number(leftMs) > 20_000 && Number(leftMs) <= 30_000, `${String(leftMs)} ms are left of 30 s`);
    assert.deepEqual(headers, {
      host: 'a.example',
      cookie: 'c=d',
      'x-keep': 'e',
      'x-request-id': 'my-id.1',
      traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-host': 'a.example',
      'x-forwarded-proto': 'http',
      forwarded: 'for=127.0.0.1;host=a.example;proto=http',
    });
    assert.doesNotMatch(reply.text, /x-secret|timeout=9|\r\nte:|endpoint-load-metrics/i);
    assert.match(reply.text, /\r\nx-keep: c\r\n/);
    assert.match(reply.text, /\r\nx-request-id: my-id\.1\r\n/);
    assert.match(
      reply.text,
      /\r\nserver-timing: wait;dur=[\d.]+, exec;dur=[\d.]+, wait-queue;dur=[\d.]+, exec-upstream;dur=[\d.]+\r\n/,
    );
  });

  test('believes the forwarding fields of a trusted peer', async () => {
    let seen: IncomingMessage | undefined;
    const { origin } = await startBackend((req, res) => {
      seen = req;
      res.end();
    });
    const rampart = await startGateway([origin], { trustedProxies: ['127.0.0.1'] });
    await fetch(`${rampart.url}/`, {
      headers: { 'x-forwarded-for': '9.9.9.9', 'x-forwarded-proto': 'https', forwarded: 'for=9.9.9.9' },
    });
    assert.equal(seen?.headers['x-forwarded-for'], '9.9.9.9, 127.0.0.1');
    assert.equal(seen?.headers['x-forwarded-proto'], 'https');
    assert.match(String(seen?.headers['forwarded']), /^for=9\.9\.9\.9, for=127\.0\.0\.1;/);
  });

  test('HEAD, 204 and 304 have no body, and leave the connection in order', async () => {
    const { origin } = await startBackend((req, res) => {
      if (req.url === '/head')
        res.writeHead(200, { 'content-length': '5' }).end(req.method === 'HEAD' ? undefined : 'hello');
      else if (req.url === '/204') res.writeHead(204).end();
      else if (req.url === '/304') res.writeHead(304, { etag: '"a"' }).end();
      else res.end('last');
    });
    const rampart = await startGateway([origin]);
    const line = (method: string, path: string): string => `${method} ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
    const { text } = await sendRaw(
      rampart.port,
      line('HEAD', '/head') + line('GET', '/204') + line('GET', '/304') + line('GET', '/'),
      {
        until: (got) => /last$|last\r\n0\r\n\r\n$/.test(got),
      },
    );
    const heads = text.split(/(?=HTTP\/1\.1 \d)/);
    assert.deepEqual(
      heads.map((reply) => reply.slice(9, 12)),
      ['200', '204', '304', '200'],
    );
    for (const reply of heads.slice(0, 3)) assert.match(reply, /\r\n\r\n$/);
    assert.match(heads[0] ?? '', /content-length: 5/);
    assert.match(heads[2] ?? '', /etag: "a"/);
  });

  test('100 Continue is sent when the body is wanted, and not before', async () => {
    const { origin } = await startBackend((req, res) => void req.pipe(res));
    const rampart = await startGateway([origin], { maxBodyBytes: 10 });
    const ask = (length: number, body: string): Promise<string> =>
      new Promise((resolve, reject) => {
        const headers = { expect: '100-continue', 'content-length': length };
        const req = httpRequest({ port: rampart.port, method: 'POST', headers, path: '/' });
        let continued = false;
        req.on('continue', () => {
          continued = true;
          req.end(body);
        });
        req.on('response', (res) => {
          res.resume();
          resolve(`${continued} ${res.statusCode}`);
          req.destroy();
        });
        req.on('error', reject);
        req.flushHeaders();
      });
    assert.equal(await ask(5, 'hello'), 'true 200');
    assert.equal(await ask(11, 'hello worlds'), 'false 413');
  });

  test('a body beyond its limit gets 413, announced or not', async () => {
    const { origin } = await startBackend((req, res) => {
      req.resume();
      req.on('end', () => res.end());
    });
    const rampart = await startGateway([origin], { maxBodyBytes: 1000 });
    assert.equal((await fetch(rampart.url, { method: 'POST', body: 'x'.repeat(1001) })).status, 413);
    const { port } = rampart;
    const chunks = `3e9\r\n${'x'.repeat(1001)}\r\n0\r\n\r\n`;
    assert.equal(
      statusOf(await sendRaw(port, `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`)),
      413,
    );
    assert.equal((await fetch(rampart.url, { method: 'POST', body: 'x'.repeat(1000) })).status, 200);
    await eventually('no permit is lost', () => inFlight(rampart) === 0);
  });

  test('a key never reaches a backend, not even where none is asked for; another credential does', async () => {
    const seen: (string | undefined)[] = [];
    const { origin } = await startBackend((req, res) => {
      seen.push(req.headers.authorization, String(req.headers['x-api-key']));
      res.end();
    });
    const rampart = await startGateway([origin], { authenticate: false });
    await fetch(rampart.url, { headers: { authorization: `Bearer ${testKey}`, 'x-api-key': testKey } });
    await fetch(rampart.url, { headers: { authorization: 'Basic eDp5', 'x-api-key': 'other' } });
    assert.deepEqual(seen, [undefined, 'undefined', 'Basic eDp5', 'other']);
  });

  test('a protected route cannot be reached by another spelling of its path', async () => {
    const { origin } = await startBackend((_req, res) => void res.end('secret'));
    const rampart = await startTestGateway({
      upstreams: { app: { backends: [origin] } },
      routes: [
        { endpoint: 'admin', path: '/admin/*', upstream: 'app', authenticate: true },
        { endpoint: 'open', path: '/*', upstream: 'app' },
      ],
    });
    closers.push(() => rampart.close());
    const spellings = [
      '/admin/x',
      '/%61dmin/x',
      '/%61%64%6d%69%6e/x',
      '//admin/x',
      '/./admin/x',
      '/x/../admin/x',
      '/x/%2e%2e/admin/x',
      '/admin%2fx',
      '/admin;a/x',
      '/;/admin/x',
      '/\\admin/x',
      '/x/..;/admin/x',
      '/admin%00/x',
      '/%c1%a1dmin/x',
    ];
    for (const path of spellings) {
      const reply = await sendRaw(rampart.port, `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
      assert.ok([400, 401].includes(statusOf(reply)), `${path}: ${statusOf(reply)}`);
    }
  });
});
