import assert from 'node:assert/strict';
import { request } from 'node:http';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import { noBatches, noIdempotency } from '../../src/cli/no-store.ts';
import { startTestGateway, testKey, type TestGateway } from '../support/gateway.ts';
import { closers, inFlight, startBackend, startGateway } from '../support/proxying.ts';
import { eventually, sendRaw, startRawBackend, statusOf } from '../support/raw.ts';

const get = (path: string, ...lines: string[]): string =>
  [`GET ${path} HTTP/1.1`, 'Host: a', ...lines, '\r\n'].join('\r\n');
const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

async function startRaw(
  answer: (head: string) => string | readonly string[],
): Promise<{ rampart: TestGateway; heads: string[] }> {
  const heads: string[] = [];
  const backend = await startRawBackend((socket, head) => {
    heads.push(head);
    const parts = [answer(head)].flat();
    const next = (): void => {
      const part = parts.shift();
      if (part === undefined) return;
      socket.write(part, 'latin1');
      setTimeout(next, 20);
    };
    next();
  });
  closers.push(() => backend.close());
  return { rampart: await startGateway([backend.origin]), heads };
}

describe('interim replies', () => {
  test('A3, II.2: an unasked 100 Continue is left out, in whatever pieces it comes', async () => {
    const interim = 'HTTP/1.1 100 Continue\r\nX-A: b\r\n\r\n';
    const cases = [
      [interim + ok],
      [interim, ok],
      ['HTTP/1.1 1', '00 Continue\r\n', `\r\n${ok}`],
      [interim.repeat(3) + ok],
      [`${interim}HTTP/1.1 102 Processing\r\n\r\n${interim}`, ok],
      [ok],
    ];
    for (const parts of cases) {
      const { rampart, heads } = await startRaw(() => parts);
      for (const bytes of [get('/x'), 'POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi']) {
        const { text } = await sendRaw(rampart.port, bytes, { until: (got) => got.endsWith('ok') });
        assert.match(text.replace(/^HTTP\/1\.1 102 Processing\r\n\r\n/, ''), /^HTTP\/1\.1 200 OK/, parts.join('|'));
      }
      assert.equal(heads.length, 2);
    }
  });

  test('a body that looks like a 100 Continue is a body', async () => {
    const body = 'HTTP/1.1 100 Continue\r\n\r\n';
    const { rampart } = await startRaw(() => [`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`, body]);
    assert.equal(await (await fetch(rampart.url)).text(), body);
  });

  test('A8, II.5: 103 reaches HTTP/1.1 clients before the reply, and nobody else', async () => {
    const early = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n';
    const { rampart } = await startRaw(() => [early, ok]);
    const { text } = await sendRaw(rampart.port, get('/x'), { until: (got) => got.endsWith('ok') });
    assert.match(text, /^HTTP\/1\.1 103 Early Hints\r\nLink: <\/a\.css>; rel=preload\r\n\r\nHTTP\/1\.1 200 OK/i);
    const old = await sendRaw(rampart.port, 'GET /x HTTP/1.0\r\nHost: a\r\n\r\n');
    assert.match(old.text, /^HTTP\/1\.1 200 OK/);
  });
});

describe('interim replies of any content', () => {
  test('an Early Hints passes whatever its Link looks like, without the fields of its connection', async () => {
    const cases = [
      'Link: </a.css>; rel=preload, </b.js>; rel=preload',
      'Link: </a.css>; rel="preload stylesheet"; title="a, b"',
      'Link: </a.css>; rel=preload\r\nLink: </b.js>; rel=preload',
      'Link: no link at all',
      'X-Progress: caf\xe9',
    ];
    for (const fields of cases) {
      const { rampart } = await startRaw(() => [
        `HTTP/1.1 103 Early Hints\r\n${fields}\r\nKeep-Alive: timeout=5\r\n\r\n`,
        ok,
      ]);
      const { text } = await sendRaw(rampart.port, get('/x'), { until: (got) => got.endsWith('ok') });
      const [first = '', second = ''] = text.split('\r\n\r\n');
      assert.equal(first.toLowerCase(), `HTTP/1.1 103 Early Hints\r\n${fields}`.toLowerCase());
      assert.match(second, /^HTTP\/1\.1 200 OK/, fields);
      assert.doesNotMatch(rampart.metrics(), /rampart_bugs_total\{[^}]*\} [1-9]/);
    }
  });

  test('a 1xx that this gateway does not know passes too; a status below 100 is a 502', async () => {
    const { rampart } = await startRaw(() => ['HTTP/1.1 104 Upload Resumption\r\nX-At: 7\r\n\r\n', ok]);
    const { text } = await sendRaw(rampart.port, get('/x'), { until: (got) => got.endsWith('ok') });
    assert.match(text, /^HTTP\/1\.1 104 .*\r\nX-At: 7\r\n\r\nHTTP\/1\.1 200 OK/i);
    const { rampart: other } = await startRaw(() => `HTTP/1.1 099 X\r\n\r\n${ok}`);
    assert.equal(statusOf(await sendRaw(other.port, get('/x'), { quietMs: 500 })), 502);
    assert.doesNotMatch(other.metrics(), /rampart_bugs_total\{[^}]*\} [1-9]/);
  });
});

describe('the head of a reply', () => {
  test('reaches the client before the body, however that is framed', async () => {
    for (const framing of [
      'Content-Length: 2',
      'Transfer-Encoding: chunked',
      'X-C: d',
      'Content-Type: text/event-stream',
    ]) {
      const { rampart } = await startRaw(() => `HTTP/1.1 200 OK\r\nX-A: b\r\n${framing}\r\n\r\n`);
      const { text } = await sendRaw(rampart.port, get('/x'), { until: (got) => got.endsWith('\r\n\r\n') });
      assert.match(text, /^HTTP\/1\.1 200 OK\r\nx-a: b\r\n/i, framing);
    }
  });
});

describe('connections and framing', () => {
  test('A4: a client that ends its side gets the whole reply, small or large', async () => {
    const { origin } = await startBackend((req, res) =>
      setTimeout(() => res.end(req.url === '/large' ? 'x'.repeat(3_000_000) : 'small'), 200),
    );
    const rampart = await startGateway([origin]);
    for (const [path, length] of [
      ['/small', 5],
      ['/large', 3_000_000],
      ['/healthz', 15],
    ] as const) {
      const text = await new Promise<string>((resolve) => {
        const socket = connect({ port: rampart.port, host: '127.0.0.1', allowHalfOpen: true });
        let got = '';
        socket.on('data', (chunk: Buffer) => (got += chunk.toString('latin1')));
        socket.on('close', () => resolve(got));
        socket.on('end', () => socket.destroy());
        socket.end(get(path, 'Connection: close'));
      });
      const last = text.slice(text.lastIndexOf('HTTP/1.1 '));
      assert.match(last, /^HTTP\/1\.1 200 OK/);
      assert.equal(last.slice(last.indexOf('\r\n\r\n') + 4).length, length, path);
    }
  });

  test('a client that is gone, rather than half closed, cancels its request', async () => {
    let cancelled = 0;
    const { origin } = await startBackend((_req, res) => void res.on('close', () => cancelled++));
    const rampart = await startGateway([origin]);
    const socket = connect(rampart.port, '127.0.0.1');
    socket.write(get('/x'));
    await eventually('it is under way', () => inFlight(rampart) === 1);
    socket.destroy();
    await eventually('the backend knows', () => cancelled === 1);
    await eventually('the permit is back', () => inFlight(rampart) === 0);
  });

  test('II.7: a 204 leaves without Content-Length, and a 304 may keep it', async () => {
    for (const [status, keeps] of [
      ['204 No Content', false],
      ['304 Not Modified', true],
    ] as const) {
      const { rampart } = await startRaw(() => `HTTP/1.1 ${status}\r\nContent-Length: 5\r\nETag: "a"\r\n\r\n`);
      const { text } = await sendRaw(rampart.port, get('/x'), { quietMs: 300 });
      assert.match(text, new RegExp(`^HTTP/1\\.1 ${status}`));
      assert.equal(/content-length/i.test(text), keeps);
    }
  });

  test('II.10: a reply whose transfer coding is more than chunked is a 502', async () => {
    const { rampart } = await startRaw(
      () => 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nxx\r\n0\r\n\r\n',
    );
    const reply = await fetch(rampart.url);
    assert.equal(reply.status, 502);
    assert.match(reply.headers.get('proxy-status') ?? '', /http_protocol_error/);
    await eventually('the permit is back', () => inFlight(rampart) === 0);
  });

  test('A10: a reply head that is too large is a 502, sent once, and no failure of the backend; the limit can be set', async () => {
    const head = `HTTP/1.1 200 OK\r\n${`Set-Cookie: ${'x'.repeat(500)}\r\n`.repeat(40)}Content-Length: 2\r\n\r\nok`;
    const { rampart, heads } = await startRaw(() => head);
    assert.equal((await fetch(rampart.url)).status, 502);
    assert.equal(heads.length, 1);
    assert.match(rampart.metrics(), /upstream="app",[^}]*outcome="failure"\} 0\n/);
    const backend = await startRawBackend((socket) => void socket.write(head));
    closers.push(() => backend.close());
    const roomy = await startTestGateway({
      upstreams: { app: { backends: [backend.origin], replyHeadBytes: 65_536 } },
      routes: [{ endpoint: 'app', path: '/*', upstream: 'app' }],
    });
    closers.push(() => roomy.close());
    const status = await new Promise((resolve) =>
      request(roomy.url, { maxHeaderSize: 65_536 }, (res) => resolve(res.resume().statusCode)).end(),
    );
    assert.equal(status, 200);
  });
});

describe('fields', () => {
  test('A9: Via names this gateway after those before it, and a request that has passed it is a loop', async () => {
    const { rampart, heads } = await startRaw(() => ok);
    await sendRaw(rampart.port, get('/x', 'Via: 1.0 fred', 'Via: 1.1 b'), { until: (got) => got.endsWith('ok') });
    const via = /\r\nvia: ([^\r]*)/i.exec(heads[0] ?? '')?.[1] ?? '';
    assert.match(via, /^1\.0 fred, 1\.1 b, 1\.1 rampart-[0-9a-f]{12}$/);
    const looped = await sendRaw(rampart.port, get('/x', `Via: ${via}`), { quietMs: 1000 });
    assert.equal(statusOf(looped), 508);
    assert.match(looped.text, /"reason":"loop"/);
    assert.equal(heads.length, 1);
  });

  test('C17: an upstream that is the gateway itself ends in 508, not in a flood', async () => {
    const rampart = await startTestGateway({
      upstreams: { self: { backends: ['http://127.0.0.1:1'] } },
      routes: [{ endpoint: 'app', path: '/*', upstream: 'self' }],
    });
    closers.push(() => rampart.close());
    const { origin } = await startBackend((req, res) => {
      // A proxy that sends every request back where it came from.
      const again = request(`${looping.url}${req.url}`, { headers: req.headers }, (reply) => {
        res.writeHead(reply.statusCode ?? 500);
        reply.pipe(res);
      });
      again.end();
    });
    const looping = await startGateway([origin]);
    assert.equal((await fetch(looping.url)).status, 508);
  });

  test('Max-Forwards counts down, and 0 is answered here', async () => {
    const { rampart, heads } = await startRaw(() => ok);
    await sendRaw(rampart.port, get('/x', 'Max-Forwards: 3'), { until: (got) => got.endsWith('ok') });
    assert.match(heads[0] ?? '', /\r\nmax-forwards: 2\r\n/i);
    for (const target of ['/x', '*']) {
      const bytes = `OPTIONS ${target} HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n`;
      const { text } = await sendRaw(rampart.port, bytes, { quietMs: 500 });
      assert.match(text, /^HTTP\/1\.1 204 [^]*\r\nallow: GET, HEAD, POST/i);
    }
    assert.equal(statusOf(await sendRaw(rampart.port, get('*'), { quietMs: 500 })), 400);
    assert.equal(heads.length, 1);
  });

  test('II.9: tracestate goes only with a trace context, and no context is made up', async () => {
    const { rampart, heads } = await startRaw(() => ok);
    const context = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    for (const lines of [
      [`traceparent: ${context}`, 'tracestate: foo=1'],
      ['tracestate: foo=1'],
      ['traceparent: 00-bad', 'tracestate: foo=1'],
      [`traceparent: ${context}`, `traceparent: ${context}`],
    ])
      await sendRaw(rampart.port, get('/x', ...lines), { until: (got) => got.endsWith('ok') });
    assert.match(heads[0] ?? '', new RegExp(`\\r\\ntracestate: foo=1[^]*\\r\\ntraceparent: ${context}`, 'i'));
    for (const head of heads.slice(1)) assert.doesNotMatch(head, /traceparent|tracestate/i);
  });

  test('Forwarded and X-Forwarded-For of a trusted proxy agree, whichever it writes', async () => {
    const backend = await startRawBackend((socket, head) => {
      heads.push(head);
      socket.write(ok);
    });
    closers.push(() => backend.close());
    const heads: string[] = [];
    for (const trustedProxies of [['127.0.0.0/8'], ['::ffff:127.0.0.1']]) {
      const rampart = await startGateway([backend.origin], { trustedProxies });
      heads.length = 0;
      await sendRaw(rampart.port, get('/x', 'X-Forwarded-For: 9.9.9.9, 2001:db8::1', 'X-Forwarded-Proto: https'), {
        until: (got) => got.endsWith('ok'),
      });
      await sendRaw(rampart.port, get('/x', 'Forwarded: for="[2001:db8::1]:80";proto=https, for=9.9.9.9'), {
        until: (got) => got.endsWith('ok'),
      });
      assert.match(heads[0] ?? '', /\r\nx-forwarded-for: 9\.9\.9\.9, 2001:db8::1, 127\.0\.0\.1\r\n/i);
      assert.match(
        heads[0] ?? '',
        /\r\nforwarded: for=9\.9\.9\.9;proto=https, for="\[2001:db8::1\]", for=127\.0\.0\.1;host=a;proto=http\r\n/i,
      );
      assert.match(heads[1] ?? '', /\r\nx-forwarded-for: 2001:db8::1, 9\.9\.9\.9, 127\.0\.0\.1\r\n/i);
    }
  });
});

describe('names', () => {
  test('A6, II.4: literal routes let paths through as they are; strict ones, and those that would reach one, refuse', async () => {
    const seen: string[] = [];
    const { origin } = await startBackend((req, res) => {
      seen.push(req.url ?? '');
      res.end('ok');
    });
    const rampart = await startTestGateway({
      upstreams: { app: { backends: [origin] } },
      routes: [
        { endpoint: 'admin', path: '/admin/*', upstream: 'app', authenticate: true },
        { endpoint: 'open', path: '/*', upstream: 'app' },
        { endpoint: 'strict', path: '/strict/*', upstream: 'app', paths: 'strict' },
        { endpoint: 'keyed', path: '/keyed/*', upstream: 'app', authenticate: true, paths: 'literal' },
      ],
    });
    closers.push(() => rampart.close());
    const statusFor = async (path: string, ...lines: string[]): Promise<number> =>
      statusOf(await sendRaw(rampart.port, get(path, ...lines, 'Connection: close')));
    const allowed = [
      '/@scope%2Fpkg',
      '/%7Ebob',
      '/x//y',
      '/a;jsessionid=1',
      '/%41',
      '//plain',
      '/git%40host%3Aorg%2Frepo.git',
    ];
    for (const path of allowed) assert.equal(await statusFor(path), 200, path);
    assert.deepEqual(seen, allowed);
    for (const path of [
      '//admin/x',
      '/%61dmin/x',
      '/admin;v=1/x',
      '/x/../admin/x',
      '/admin%2Fx',
      '/strict/a;b',
      '/strict//x',
    ])
      assert.equal(await statusFor(path), 400, path);
    assert.equal(await statusFor('/keyed/a%2Fb', `x-api-key: ${testKey}`), 200);
    assert.equal(await statusFor('/admin/a%2Fb', `x-api-key: ${testKey}`), 400);
    assert.equal(seen.length, allowed.length + 1);
  });

  test('C1, C14: one entry for all spellings of a host, and an unsafe request to one invalidates it for all', async () => {
    let count = 0;
    const { origin } = await startBackend((_req, res) => {
      res.setHeader('cache-control', 'max-age=60').end(`${++count}`);
    });
    const rampart = await startGateway([origin], { cache: {} });
    const ask = async (host: string, method = 'GET'): Promise<string> => {
      const bytes = `${method} /cat HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`;
      const { text } = await sendRaw(
        rampart.port,
        method === 'GET' ? bytes.replace('Content-Length: 0\r\n', '') : bytes,
      );
      return text
        .slice(text.lastIndexOf('\r\n\r\n') + 4)
        .replaceAll(/[^\d]/g, '')
        .slice(0, 1);
    };
    const spellings = ['shop.example', 'SHOP.example', 'shop.example:80', 'shop.example.', 'shop.example:'];
    for (const host of spellings) assert.equal(await ask(host), '1', host);
    await ask('Shop.Example:80', 'POST');
    for (const host of spellings) assert.equal(await ask(host), '3', host);
  });
});

describe('limits for strangers', () => {
  test('connections beyond the limit are closed, and one address has its own', async () => {
    const rampart = await startTestGateway({ connections: { max: 10, maxPerAddress: 4 } });
    closers.push(() => rampart.close());
    const sockets = Array.from({ length: 8 }, () => connect(rampart.port, '127.0.0.1'));
    for (const socket of sockets) {
      socket.on('error', () => {});
      closers.push(async () => socket.destroy());
    }
    await eventually('half of them are closed', () => sockets.filter(({ closed }) => closed).length === 4);
    sockets.find(({ closed }) => !closed)?.destroy();
    await eventually('another one is let in', async () => {
      const reply = await fetch(`${rampart.url}/healthz`).catch(() => undefined);
      return reply?.status === 200;
    });
  });

  test('III.9, C9: an id from the future costs no query, and one of the past one', async () => {
    let queries = 0;
    const rampart = await startTestGateway({
      store: {
        barcodes: {
          insertMany: async () => 0,
          setAborted: async () => {},
          get: async () => void queries++,
          getImage: async () => undefined,
          list: async () => ({ kind: 'page', records: [], nextCursor: undefined }),
          exportPage: async () => ({ lines: '', count: 0, last: undefined }),
        },
        batches: noBatches,
        idempotency: noIdempotency,
      },
    });
    closers.push(() => rampart.close());
    for (const [id, most] of [
      ['ffffffff-ffff-7fff-bfff-ffffffffffff', 0],
      ['00000000-0000-7000-8000-000000000000', 1],
    ] as const) {
      queries = 0;
      const { status } = await fetch(`${rampart.url}/v1/barcodes/${id}`, { headers: { 'x-api-key': testKey } });
      assert.equal(status, 404);
      assert.equal(queries, most, id);
    }
  });

  test('C8: guesses evict no key, are refused after a while, and do not affect known clients', async () => {
    const rampart = await startGateway(['http://127.0.0.1:1'], { authenticate: true });
    const status = async (key: string): Promise<number> =>
      (await fetch(`${rampart.url}/v1/barcodes`, { headers: { 'x-api-key': key } })).status;
    assert.equal(await status(testKey), 200);
    const statuses: number[] = [];
    for (let index = 0; index < 80; index++) statuses.push(await status(`rk_${String(index).padStart(32, 'g')}`));
    assert.equal(statuses[0], 401);
    // On a slow machine one more guess is let through from time to time, and the last one may be such a guess.
    assert.ok(statuses.filter((each) => each === 429).length >= 5, statuses.join(' '));
    assert.equal(await status(testKey), 200);
  });
});
