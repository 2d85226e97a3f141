import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type RequestListener,
  type Server,
} from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, describe, test } from 'node:test';
import { startTestGateway, testKey, type TestGateway, type TestGatewayOptions } from '../support/gateway.ts';
import { eventually, sendRaw, startRawBackend, statusOf } from '../support/raw.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function startBackend(listener: RequestListener): Promise<{ origin: string; server: Server }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  closers.push(async () => {
    server.closeAllConnections();
    server.close();
  });
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

/** A gateway with one route for everything, to these backends. */
async function startGateway(
  origins: string[],
  more: TestGatewayOptions & {
    cap?: number;
    queueCapacity?: number;
    queueTimeoutMs?: number;
    timeoutMs?: number;
    maxBodyBytes?: number;
    authenticate?: boolean;
  } = {},
): Promise<TestGateway> {
  const { cap, queueCapacity, queueTimeoutMs, timeoutMs, maxBodyBytes, authenticate, ...options } = more;
  const rampart = await startTestGateway({
    upstreams: { app: { backends: origins, cap, queueCapacity, queueTimeoutMs } },
    routes: [{ endpoint: 'app', path: '/*', upstream: 'app', timeoutMs, maxBodyBytes, authenticate }],
    ...options,
  } as TestGatewayOptions);
  closers.push(() => rampart.close());
  return rampart;
}

const inFlight = (rampart: TestGateway): number => {
  const values = [...rampart.metrics().matchAll(/^rampart_backend_in_flight\{upstream="app"[^}]*\} (\d+)$/gm)];
  return values.reduce((sum, [, value]) => sum + Number(value), 0);
};

describe('proxying', () => {
  test('streams both ways, unchanged', async () => {
    const { origin } = await startBackend((req, res) => void req.pipe(res));
    const rampart = await startGateway([origin], { maxBodyBytes: 50 * 1024 ** 2 });
    const sent = randomBytes(20 * 1024 ** 2);
    const reply = await fetch(`${rampart.url}/echo`, { method: 'POST', body: sent });
    const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
    assert.equal(digest(new Uint8Array(await reply.arrayBuffer())), digest(sent));
  });

  test('a client that does not read holds the backend back instead of filling memory', async () => {
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
    const rampart = await startGateway([origin]);
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
    assert.ok(written < 60 * 1024 ** 2, `${written} bytes were written`);
  });

  test('strips what belongs to a connection both ways, and what it nominates; adds what it knows after that', async () => {
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
      `GET /h HTTP/1.1\r\nHost: a.example\r\nConnection: x-drop, x-forwarded-for, close\r\nX-Drop: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\nProxy-Authorization: x\r\nUpgrade: h2c\r\nX-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX-Forwarded-Host: evil\r\nAuthorization: Bearer ${testKey}\r\nCookie: c=d\r\nX-Keep: e\r\nX-Request-Id: my-id.1\r\nTraceparent: 00-${'a'.repeat(32)}-${'b'.repeat(16)}-01\r\n\r\n`,
    );
    assert.equal(statusOf(reply), 200);
    const { connection: _, ...headers } = seen?.headers ?? {};
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

  test('believes what a trusted peer says of those before it', async () => {
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

  test('a client that leaves cancels the request at the backend', async () => {
    let closed = 0;
    const { origin } = await startBackend((req) => void req.socket.on('close', () => closed++));
    const rampart = await startGateway([origin]);
    const abort = new AbortController();
    const pending = fetch(rampart.url, { signal: abort.signal }).catch(() => 'left');
    await eventually('the backend has it', () => inFlight(rampart) === 1);
    abort.abort();
    assert.equal(await pending, 'left');
    await eventually('the backend is told', () => closed === 1);
    assert.equal(inFlight(rampart), 0);
    assert.match(rampart.metrics(), /rampart_requests_total\{endpoint="app",status="499"\} 1\n/);
  });

  test('a client that leaves the queue frees its place', async () => {
    const { origin } = await startBackend(() => {});
    const rampart = await startGateway([origin], { cap: 1, queueCapacity: 1 });
    const abort = new AbortController();
    const pending = [1, 2].map(() => fetch(rampart.url, { signal: abort.signal }).catch(() => 'left'));
    await eventually('one waits', () =>
      rampart.metrics().includes('rampart_queue_depth{upstream="app",priority="interactive"} 1'),
    );
    abort.abort();
    await Promise.all(pending);
    await eventually('nobody waits', () =>
      rampart.metrics().includes('rampart_queue_depth{upstream="app",priority="interactive"} 0'),
    );
    assert.equal(inFlight(rampart), 0);
  });

  test('never has more in flight than the cap; who waits is served in order; who finds the queue full is told at once', async () => {
    const atBackend: { path: string; answer: () => void }[] = [];
    let most = 0;
    let now = 0;
    const { origin } = await startBackend((req, res) => {
      most = Math.max(most, ++now);
      const answer = (): void => {
        now--;
        res.end('ok');
      };
      atBackend.push({ path: req.url ?? '', answer });
    });
    const rampart = await startGateway([origin], { cap: 2, queueCapacity: 3, queueTimeoutMs: 30_000 });
    const depth = (count: number): boolean =>
      rampart.metrics().includes(`rampart_queue_depth{upstream="app",priority="interactive"} ${count}\n`);
    const statuses: Promise<number>[] = [];
    const send = (index: number): void => {
      statuses.push(fetch(`${rampart.url}/${index}`).then((reply) => reply.status));
    };
    for (const index of [0, 1]) {
      send(index);
      await eventually(`${index} is at the backend`, () => atBackend.length === index + 1);
    }
    for (const index of [2, 3, 4]) {
      send(index);
      await eventually(`${index} waits`, () => depth(index - 1));
    }
    const full = await fetch(`${rampart.url}/5`);
    assert.equal(full.status, 503);
    assert.equal(((await full.json()) as { reason: string }).reason, 'overloaded');
    for (const index of [0, 1, 2, 3, 4]) {
      await eventually(`${index} is at the backend`, () => atBackend.length > index);
      atBackend[index]?.answer();
    }
    assert.deepEqual(await Promise.all(statuses), [200, 200, 200, 200, 200]);
    assert.deepEqual(
      atBackend.map(({ path }) => path),
      ['/0', '/1', '/2', '/3', '/4'],
    );
    assert.equal(most, 2);
  });

  test('who waits too long gets 503 queue-timeout with Retry-After', async () => {
    const { origin } = await startBackend(() => {});
    const rampart = await startGateway([origin], { cap: 1, queueTimeoutMs: 50 });
    const abort = new AbortController();
    const first = fetch(rampart.url, { signal: abort.signal }).catch(() => 'left');
    await eventually('the only permit is taken', () => inFlight(rampart) === 1);
    const reply = await fetch(rampart.url);
    assert.equal(reply.status, 503);
    assert.equal(((await reply.json()) as { reason: string }).reason, 'queue-timeout');
    assert.ok(Number(reply.headers.get('retry-after')) >= 1);
    abort.abort();
    await first;
  });

  test('a backend that does not answer gets 504 at the timeout, and its permit comes back', async () => {
    const { origin } = await startBackend(() => {});
    const rampart = await startGateway([origin], { timeoutMs: 100 });
    const reply = await fetch(rampart.url);
    assert.equal(reply.status, 504);
    assert.equal(reply.headers.get('proxy-status'), 'Rampart; error=http_response_timeout');
    assert.equal(((await reply.json()) as { reason: string }).reason, 'upstream-timeout');
    assert.equal(inFlight(rampart), 0);
  });

  test('a backend that is not there is passed over, body and all', async () => {
    const gone = await startRawBackend(() => {});
    await gone.close();
    const { origin } = await startBackend((req, res) => void req.pipe(res));
    const rampart = await startGateway([gone.origin, origin]);
    for (let index = 0; index < 20; index++) {
      const reply = await fetch(rampart.url, { method: 'POST', body: `body ${index}` });
      assert.equal(await reply.text(), `body ${index}`);
    }
    assert.doesNotMatch(rampart.metrics(), /status="50\d"/);
  });

  test('a GET that finds its connection dead is done again; a POST that may have arrived is not', async () => {
    let dying = 0;
    const backend = await startRawBackend((socket, head) => {
      if (dying-- > 0) socket.destroy();
      else socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n${head.slice(0, 2)}`);
    });
    closers.push(() => backend.close());
    const rampart = await startGateway([backend.origin]);
    dying = 1;
    assert.equal(await (await fetch(rampart.url)).text(), 'GE');
    dying = 1;
    assert.equal((await fetch(rampart.url, { method: 'POST', body: 'x' })).status, 502);
    assert.equal((await fetch(rampart.url)).status, 200);
  });

  test('a backend that dies within a body ends the reply visibly, whichever way it is framed', async () => {
    for (const framing of ['Content-Length: 100', 'Transfer-Encoding: chunked']) {
      const backend = await startRawBackend((socket) => {
        socket.write(`HTTP/1.1 200 OK\r\n${framing}\r\n\r\n5\r\nhello\r\n`);
        setTimeout(() => socket.destroy(), 20);
      });
      closers.push(() => backend.close());
      const rampart = await startGateway([backend.origin]);
      await assert.rejects(fetch(rampart.url).then((reply) => reply.text()));
      await eventually('the failure is counted', () =>
        rampart.metrics().includes('rampart_errors_total{endpoint="app",error_type="upstream-failed"} 1'),
      );
    }
  });

  test('with no backend up the reason is no-backend', async () => {
    const gone = await startRawBackend(() => {});
    await gone.close();
    const rampart = await startGateway([gone.origin], { queueTimeoutMs: 50 });
    const backend = `127.0.0.1:${gone.port}`;
    rampart.gateway.applyBackends([{ upstream: 'app', backend, up: false, permits: 4 }]);
    const reply = await fetch(rampart.url);
    assert.equal(reply.status, 503);
    assert.equal(((await reply.json()) as { reason: string }).reason, 'no-backend');
    assert.equal((await fetch(`${rampart.url.replace(/$/, '')}/readyz`)).status, 503);
  });

  test('drains: what is under way is answered with Connection: close, and then the worker is gone', async () => {
    let finish = (): void => {};
    const { origin } = await startBackend((_req, res) => {
      finish = () => res.end('done');
    });
    const rampart = await startGateway([origin]);
    const pending = sendRaw(rampart.port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', { quietMs: 10_000 });
    await eventually('it is under way', () => inFlight(rampart) === 1);
    const idle = connect(rampart.port, '127.0.0.1');
    await new Promise((resolve) => void idle.once('connect', resolve));
    const drained = rampart.gateway.drain();
    // A request on a connection that was open before is still answered.
    const late = new Promise<string>((resolve) => {
      let text = '';
      idle.on('data', (chunk: Buffer) => (text += chunk.toString()));
      idle.on('close', () => resolve(text));
    });
    idle.write('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.match(await late, /^HTTP\/1\.1 200 OK\r\n[^]*connection: close/i);
    finish();
    assert.match((await pending).text, /done/);
    await drained;
    await assert.rejects(fetch(rampart.url));
  });
});
