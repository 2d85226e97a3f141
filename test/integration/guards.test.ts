import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import { startTestGateway, testKey } from '../support/gateway.ts';
import { closers, inFlight, startBackend, startGateway } from '../support/proxying.ts';
import { eventually, sendRaw } from '../support/raw.ts';

const handshake = (version = '1.1', ...lines: string[]): string =>
  [
    `GET /ws HTTP/${version}`,
    'Host: a',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ...lines,
    '\r\n',
  ].join('\r\n');
const get = (path: string, ...lines: string[]): string =>
  [`GET ${path} HTTP/1.1`, 'Host: a', ...lines, '\r\n'].join('\r\n');

const statuses = (text: string): number[] => [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, code]) => Number(code));
const bugs = (metrics: string): string[] => metrics.match(/^rampart_bugs_total\{.*$/gm) ?? [];

describe('requests behind others on one connection', () => {
  test('C1: an upgrade behind a request is answered as an ordinary request, after it', async () => {
    const seen: (string | undefined)[] = [];
    const { origin } = await startBackend((req, res) => {
      seen.push(req.headers.upgrade);
      setTimeout(() => res.end(req.url), req.url === '/slow' ? 100 : 0);
    });
    const rampart = await startGateway([origin]);
    for (const before of [get('/healthz'), get('/slow'), `${get('/slow')}${get('/healthz')}`]) {
      const { text } = await sendRaw(rampart.port, before + handshake(), { until: (got) => got.includes('/ws') });
      assert.deepEqual(new Set(statuses(text)), new Set([200]));
      assert.match(text, /\/ws$/);
    }
    assert.ok(seen.every((upgrade) => upgrade === undefined));
    await eventually('nothing in flight', () => inFlight(rampart) === 0);
    assert.deepEqual(bugs(rampart.metrics()), []);
  });

  test('an upgrade in HTTP/1.0 is answered as an ordinary request, and one with a body is refused after those before it', async () => {
    const { origin } = await startBackend((req, res) => res.end(`plain ${req.headers.upgrade ?? 'without upgrade'}`));
    const rampart = await startGateway([origin]);
    const { text } = await sendRaw(rampart.port, handshake('1.0'), { until: (got) => got.includes('plain') });
    assert.match(text, /plain without upgrade/);
    const refused = await sendRaw(rampart.port, `${get('/x')}${handshake('1.1', 'Content-Length: 2')}hi`);
    assert.deepEqual(statuses(refused.text), [200, 400]);
  });

  test('a CONNECT behind requests whose client leaves keeps nothing in flight', async () => {
    const { origin } = await startBackend((_req, res) => setTimeout(() => res.end('late'), 300));
    const rampart = await startGateway([origin]);
    const bytes = `${get('/a')}${get('/b')}CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n`;
    const { closed } = await sendRaw(rampart.port, bytes);
    assert.equal(closed, true);
    const gauge = /^rampart_in_flight\{endpoint="app"\} (\d+)$/m;
    await eventually('nothing in flight', () => Number(gauge.exec(rampart.metrics())?.[1]) === 0);
  });

  test('an Expect that is refused behind another request gets its 417 after the reply to that', async () => {
    const { origin } = await startBackend((_req, res) => setTimeout(() => res.end('first'), 50));
    const rampart = await startGateway([origin]);
    const { text, closed } = await sendRaw(rampart.port, get('/a') + get('/b', 'Expect: a-miracle'));
    assert.deepEqual(statuses(text), [200, 417]);
    assert.equal(closed, true);
  });

  test('A5: after an unsafe request nothing further begins before its reply', async () => {
    const order: string[] = [];
    const { origin } = await startBackend((req, res) => {
      order.push(`begin ${req.method} ${req.url}`);
      req.resume().on('end', () =>
        setTimeout(
          () => {
            order.push(`end ${req.method} ${req.url}`);
            res.end('done');
          },
          req.method === 'GET' ? 0 : 60,
        ),
      );
    });
    const rampart = await startGateway([origin]);
    const put = 'PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx';
    const { text } = await sendRaw(rampart.port, `${get('/b')}${put}${get('/c')}${get('/d')}`, {
      until: (got) => statuses(got).length === 4 && got.endsWith('done'),
    });
    assert.deepEqual(statuses(text), [200, 200, 200, 200]);
    assert.deepEqual(order.slice(0, 4), ['begin GET /b', 'end GET /b', 'begin PUT /a', 'end PUT /a']);
  });

  test('A5: one connection with 500 requests has a bounded share, and all of them are answered', async () => {
    let together = 0;
    let most = 0;
    const { origin } = await startBackend((_req, res) => {
      most = Math.max(most, ++together);
      setTimeout(() => {
        together--;
        res.end('ok');
      }, 5);
    });
    const rampart = await startGateway([origin], { cap: 16 });
    const { text } = await sendRaw(rampart.port, get('/x').repeat(500), {
      quietMs: 10_000,
      until: (got) => statuses(got).length === 500 && got.endsWith('ok'),
    });
    assert.deepEqual(new Set(statuses(text)), new Set([200]));
    assert.ok(most <= 8, `${most} at a time`);
  });
});

describe('permits', () => {
  test('X1: an upstream of two routes of which one is used goes on for ever', async () => {
    const { origin } = await startBackend((_req, res) => res.end('ok'));
    const route = { upstream: 'app', authenticate: false };
    const rampart = await startTestGateway({
      upstreams: { app: { backends: [origin], cap: 4 } },
      routes: ['a', 'b', 'c', 'd'].map((endpoint) => ({ ...route, endpoint, path: `/${endpoint}/*` })),
    });
    closers.push(() => rampart.close());
    // The second alone, then the last, then the third: no class is seen in the order of its number.
    for (const path of ['/b/x', '/d/x', '/c/x']) {
      for (let round = 0; round < 60; round++) assert.equal((await fetch(rampart.url + path)).status, 200, path);
    }
    await eventually('nothing in flight', () => inFlight(rampart) === 0);
  });

  test('X2: a symbology whose only request was given up does not stop the generators', async () => {
    const { origin } = await startBackend((req, res) =>
      req.resume().on('end', () => setTimeout(() => res.setHeader('content-type', 'image/svg+xml').end('<svg/>'), 5)),
    );
    const rampart = await startTestGateway({ generators: [origin], env: { GENERATOR_CONCURRENCY: '4' } });
    closers.push(() => rampart.close());
    const headers = { 'x-api-key': testKey };
    await new Promise<void>((resolve) => {
      const client = connect(rampart.port, '127.0.0.1', () => {
        client.write(get('/v1/render/pdf417?text=x', `x-api-key: ${testKey}`));
        setTimeout(() => client.destroy(), 2);
      });
      client.on('close', () => resolve());
    });
    for (let round = 0; round < 60; round++) {
      const { status } = await fetch(`${rampart.url}/v1/render/qrcode?text=${round}`, { headers });
      assert.equal(status, 200);
    }
  });

  test('an exception while a reply is passed on costs that request alone, and is counted', async () => {
    const { origin } = await startBackend((req, res) => {
      if (req.url === '/bad') res.setHeader('x-bad', 'yes');
      res.end('ok');
    });
    const rampart = await startGateway([origin], { cap: 2 });
    const requests = rampart.gateway.listener.server.listeners('request') as ((...args: unknown[]) => void)[];
    rampart.gateway.listener.server.prependListener('request', (_req, res) => {
      const writeHead = res.writeHead.bind(res);
      res.writeHead = ((status: number, headers: string[]) => {
        if (headers.includes('x-bad')) throw new Error('a bug');
        return writeHead(status, headers);
      }) as typeof res.writeHead;
    });
    assert.equal(requests.length, 1);
    for (let round = 0; round < 5; round++) {
      const { status } = await fetch(`${rampart.url}/bad`);
      assert.equal(status, 500);
    }
    assert.equal((await fetch(`${rampart.url}/good`)).status, 200);
    await eventually('nothing in flight', () => inFlight(rampart) === 0);
    assert.deepEqual(bugs(rampart.metrics()), ['rampart_bugs_total{where="attempt"} 5']);
  });

  test('an exception while a body comes in ends its connection alone, and is counted', async () => {
    const { origin } = await startBackend((req, res) => {
      // A body that nobody reads here backs up to the gateway, which then pauses its client.
      if (req.method === 'GET') res.end('ok');
    });
    const rampart = await startTestGateway({
      upstreams: { app: { backends: [origin] } },
      routes: [{ endpoint: 'app', path: '/*', upstream: 'app', upload: 'stream', maxBodyBytes: 64 * 1024 * 1024 }],
    });
    closers.push(() => rampart.close());
    rampart.gateway.listener.server.prependListener('request', (req) => {
      if (req.method !== 'POST') return;
      req.pause = () => {
        throw new Error('a bug');
      };
    });
    const body = 'x'.repeat(16 * 1024 * 1024);
    const post = `POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const { text, closed } = await sendRaw(rampart.port, post);
    assert.deepEqual([text, closed], ['', true]);
    assert.equal(await (await fetch(`${rampart.url}/good`)).text(), 'ok');
    await eventually('nothing in flight', () => inFlight(rampart) === 0);
    assert.deepEqual(bugs(rampart.metrics()), ['rampart_bugs_total{where="request-body"} 1']);
  });

  test('an exception when a client ends its side ends its connection alone, and is counted', async () => {
    const { origin } = await startBackend((req, res) => {
      if (req.url === '/good') res.end('ok');
    });
    const rampart = await startGateway([origin]);
    rampart.gateway.listener.server.once('connection', (socket) => {
      const { _handle: handle } = socket as unknown as { _handle: object };
      let isThrown = false;
      Object.defineProperty(handle, 'bytesWritten', {
        get() {
          if (isThrown) return 0;
          isThrown = true;
          throw new Error('a bug');
        },
      });
    });
    const { text, closed } = await sendRaw(rampart.port, get('/never'), { ends: true });
    assert.deepEqual([text, closed], ['', true]);
    assert.equal(await (await fetch(`${rampart.url}/good`)).text(), 'ok');
    await eventually('nothing in flight', () => inFlight(rampart) === 0);
    assert.deepEqual(bugs(rampart.metrics()), ['rampart_bugs_total{where="connection"} 1']);
  });

  test('an exception in a callback of the server ends its connection alone', async () => {
    const rampart = await startGateway(['http://127.0.0.1:1']);
    const { server } = rampart.gateway.listener;
    for (const event of ['request', 'checkContinue', 'upgrade']) {
      const broken = { socket: { destroyed: false, destroy: () => (broken.socket.destroyed = true) } };
      server.emit(
        event,
        broken as never,
        event === 'upgrade' ? (broken.socket as never) : undefined,
        undefined as never,
      );
      assert.equal(broken.socket.destroyed, true, event);
    }
    assert.equal((await fetch(`${rampart.url}/healthz`)).status, 200);
    const [count, ...others] = bugs(rampart.metrics()).map((line) => Number(line.split(' ')[1]));
    assert.equal((count ?? 0) + others.reduce((sum, one) => sum + one, 0) >= 3, true);
  });
});
