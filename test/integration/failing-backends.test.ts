import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, createServer as createNetServer, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { startTestGateway, type TestGatewayOptions } from '../support/gateway.ts';
import { closers, inFlight, startBackend } from '../support/proxying.ts';
import { eventually } from '../support/raw.ts';

type Route = NonNullable<TestGatewayOptions['routes']>[number];

const start = async (backends: string[], route: Partial<Route> = {}) => {
  const rampart = await startTestGateway({
    upstreams: { app: { backends, cap: 4 } },
    routes: [{ endpoint: 'app', path: '/*', upstream: 'app', ...route }],
  });
  closers.push(() => rampart.close());
  return rampart;
};

/** A backend that drops every connection as soon as a request is there. */
async function startDying(count: () => void): Promise<string> {
  const server: Server = createServer((req) => {
    count();
    req.socket.destroy();
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  closers.push(async () => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('requests that kill their backend', () => {
  test('B13: such a request reaches two backends at most, and is then a 502', async () => {
    let sent = 0;
    const backends = await Promise.all(Array.from({ length: 5 }, () => startDying(() => sent++)));
    const rampart = await start(backends);
    const reply = await fetch(rampart.url);
    assert.equal(reply.status, 502);
    assert.equal(((await reply.json()) as { reason: string }).reason, 'upstream-failed');
    assert.equal(sent, 2);
  });

  test('a POST reaches one; `retry` raises, lowers and switches off', async () => {
    const cases: readonly (readonly [method: string, Partial<Route>, number])[] = [
      ['POST', {}, 1],
      ['POST', { pure: true }, 2],
      ['GET', { retry: false }, 1],
      ['GET', { retry: { attempts: 1 } }, 1],
      ['GET', { retry: { attempts: 4 } }, 4],
      ['GET', { retry: { on: ['connect'] } }, 1],
    ];
    for (const [method, route, expected] of cases) {
      let sent = 0;
      const backends = await Promise.all(Array.from({ length: 5 }, () => startDying(() => sent++)));
      const rampart = await start(backends, route);
      assert.equal((await fetch(rampart.url, { method })).status, 502);
      assert.equal(sent, expected, `${method} ${JSON.stringify(route)}`);
    }
  });

  test('S7: a refusal of one backend is tried at another where the route says so', async () => {
    let refused = 0;
    const full = await startBackend((_req, res) => {
      refused++;
      res.writeHead(429, { 'retry-after': '1' }).end();
    });
    const { origin } = await startBackend((_req, res) => res.end('ok'));
    const rampart = await start([full.origin, origin], { retry: { on: [429] } });
    for (let round = 0; round < 10; round++) assert.equal((await fetch(rampart.url, { method: 'POST' })).status, 200);
    assert.ok(refused > 0);
  });

  test('S7: a POST with a small body is hedged', async () => {
    let hangs = false;
    const one = await startBackend(
      (req, res) => void req.resume().on('end', () => (hangs ? undefined : res.end('ok'))),
    );
    const { origin } = await startBackend((req, res) => void req.resume().on('end', () => res.end('ok')));
    const rampart = await start([one.origin, origin], { hedge: true, pure: true, timeoutMs: 5000 });
    const post = (): Promise<Response> => fetch(rampart.url, { method: 'POST', body: '{"a":1}' });
    // By then the gateway knows how long these requests take.
    for (let round = 0; round < 60; round++) assert.equal((await post()).status, 200);
    hangs = true;
    for (let round = 0; round < 10; round++) {
      const replies = await Promise.all([post(), post(), post(), post()]);
      assert.deepEqual(new Set(replies.map(({ status }) => status)), new Set([200]));
    }
    assert.match(rampart.metrics(), /rampart_retries_total\{upstream="app",kind="hedge"\} [1-9]/);
  });
});

/** One request whose first attempt fails when its hedge has been asked, which ends later still. */
class HedgedRound {
  asked = 0;
  readonly #hedgeAsked = Promise.withResolvers<void>();
  readonly #firstFailed = Promise.withResolvers<void>();

  /** `fail`: how the first ends. `end`: how every other one does. */
  async answer(fail: () => void, end: () => void): Promise<void> {
    if (++this.asked === 1) {
      await this.#hedgeAsked.promise;
      fail();
      setTimeout(this.#firstFailed.resolve, 100);
    } else {
      this.#hedgeAsked.resolve();
      await this.#firstFailed.promise;
      end();
    }
  }
}

test('C16: an attempt that fails while its hedge is answered costs no retry', async () => {
  // By path: a hedge of the requests before may still be on its way.
  const rounds = { '/cut': new HedgedRound(), '/503': new HedgedRound(), '/all': new HedgedRound() };
  const backends = await Promise.all(
    Array.from({ length: 2 }, () =>
      startBackend((req, res) => {
        const drop = (): void => void req.socket.destroy();
        const reply = (): void => void res.end('ok');
        if (req.url === '/cut') void rounds['/cut'].answer(drop, reply);
        else if (req.url === '/503') void rounds['/503'].answer(() => res.writeHead(503).end(), reply);
        else if (req.url === '/all') void rounds['/all'].answer(drop, drop);
        else reply();
      }),
    ),
  );
  const origins = backends.map(({ origin }) => origin);
  const rampart = await start(origins, { hedge: true, pure: true });
  // By then the gateway knows how long these requests take.
  for (let round = 0; round < 60; round++) assert.equal((await fetch(rampart.url)).status, 200);
  const retries = (kind: string): number =>
    Number(new RegExp(`rampart_retries_total\\{upstream="app",kind="${kind}"\\} (\\d+)`).exec(rampart.metrics())?.[1]);
  const others = (): number[] => ['failure', 'reply', 'connection'].map(retries);
  for (const path of ['/cut', '/503'] as const) {
    const hedges = retries('hedge');
    assert.equal((await fetch(rampart.url + path)).status, 200, path);
    assert.deepEqual([rounds[path].asked, retries('hedge') - hedges, others()], [2, 1, [0, 0, 0]], path);
  }
  // Where the hedge fails too, the first one decides whether another attempt follows.
  assert.equal((await fetch(`${rampart.url}/all`)).status, 502);
});

describe('error replies that do not end', () => {
  const trickling = (status: number, count: () => void) =>
    startBackend((_req, res) => {
      count();
      res.writeHead(status, { 'content-type': 'text/plain' });
      const timer = setInterval(() => res.write('x'), 50);
      res.on('close', () => clearInterval(timer));
    });

  test('the next backend is asked at once, and the permit comes back', async () => {
    let asked = 0;
    const bad = await trickling(503, () => asked++);
    const good = await startBackend((_req, res) => void res.end('good'));
    const rampart = await start([bad.origin, good.origin], { timeoutMs: 20_000 });
    for (let count = 0; count < 8; count++) assert.equal(await (await fetch(rampart.url)).text(), 'good');
    assert.ok(asked > 0);
    await eventually('the permits are back', () => inFlight(rampart) === 0);
  });

  test('where every backend does it, the client gets the last one of them and may leave it', async () => {
    const backends = await Promise.all([trickling(502, () => {}), trickling(504, () => {})]);
    const rampart = await start(backends.map(({ origin }) => origin));
    const leaving = new AbortController();
    const reply = await fetch(rampart.url, { signal: leaving.signal });
    assert.ok(reply.status === 502 || reply.status === 504);
    leaving.abort();
    await eventually('the permits are back', () => inFlight(rampart) === 0);
  });
});

describe('backends that hang', () => {
  const startIdle = async (onConnection: (socket: Socket) => void): Promise<string> => {
    const server = createNetServer(onConnection);
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    closers.push(async () => void server.close());
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };

  test('a streamed upload of which the backend takes nothing ends with the time limit, client or no client', async () => {
    const sockets: Socket[] = [];
    closers.push(async () => sockets.forEach((socket) => void socket.destroy()));
    const origin = await startIdle((socket) => void sockets.push(socket.on('error', () => {}).pause()));
    const rampart = await start([origin], { upload: 'stream', timeoutMs: 500, maxBodyBytes: 50_000_000 });
    const body = Buffer.alloc(30_000_000);
    for (const framing of ['Content-Length: 30000000\r\n\r\n', 'Transfer-Encoding: chunked\r\n\r\n1c9c380\r\n']) {
      for (const stays of [true, false]) {
        const client = connect(rampart.port, '127.0.0.1').on('error', () => {});
        let text = '';
        client.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
        client.write(`PUT /x HTTP/1.1\r\nHost: a\r\n${framing}`);
        client.write(body);
        await eventually('it is under way', () => inFlight(rampart) === 1);
        if (stays) await eventually('it is told', () => text.startsWith('HTTP/1.1 504'));
        client.destroy();
        await eventually(`the permit is back: ${framing}, ${stays}`, () => inFlight(rampart) === 0);
      }
    }
  });

  test('a streamed upload that the backend takes slowly, but without a pause as long as the limit, goes on', async () => {
    const origin = await startIdle((socket) => {
      let got = 0;
      const read = setInterval(() => {
        const chunk = socket.read() as Buffer | null;
        got += chunk?.length ?? 0;
        if (got < 3_000_000) return;
        clearInterval(read);
        socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      }, 5);
      socket.on('error', () => {}).on('close', () => clearInterval(read));
    });
    const rampart = await start([origin], { upload: 'stream', timeoutMs: 1000, maxBodyBytes: 50_000_000 });
    const reply = await fetch(rampart.url, { method: 'PUT', body: Buffer.alloc(3_000_000) });
    assert.equal(reply.status, 200);
  });

  test('III.4: twenty impatient clients one after another lose two at most to a hung one of four', async () => {
    const hung = await startBackend(() => {});
    const others = await Promise.all(Array.from({ length: 3 }, () => startBackend((_req, res) => res.end('ok'))));
    const rampart = await start([hung.origin, ...others.map(({ origin }) => origin)]);
    let lost = 0;
    for (let index = 0; index < 20; index++) {
      await fetch(rampart.url, { signal: AbortSignal.timeout(400) }).catch(() => lost++);
    }
    assert.ok(lost <= 2, `${lost} lost`);
  });

  test('clients that leave at once say nothing against a backend', async () => {
    const { origin } = await startBackend((_req, res) => void setTimeout(() => res.end('ok'), 100));
    const rampart = await start([origin]);
    for (let index = 0; index < 20; index++) {
      await fetch(rampart.url, { signal: AbortSignal.timeout(20) }).catch(() => {});
    }
    assert.match(rampart.metrics(), /rampart_ejections_total\{upstream="app"\} 0\n/);
    await eventually('permits are back', () => inFlight(rampart) === 0);
    assert.equal((await fetch(rampart.url)).status, 200);
  });

  test('S7: the permit of a cancelled request comes back when the backend has seen the end of its connection', async () => {
    let working = 0;
    let most = 0;
    // It notices after 300 ms, as one that is busy does.
    const server = createServer((_req, res) => {
      most = Math.max(most, ++working);
      const { socket } = res as unknown as { socket: Socket };
      socket.pause();
      setTimeout(() => socket.resume(), 300);
      res.on('close', () => working--);
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    closers.push(async () => {
      server.closeAllConnections();
      server.close();
    });
    const rampart = await startTestGateway({
      upstreams: { app: { backends: [`http://127.0.0.1:${(server.address() as AddressInfo).port}`], cap: 2 } },
      routes: [{ endpoint: 'app', path: '/*', upstream: 'app' }],
    });
    closers.push(() => rampart.close());
    for (let round = 0; round < 6; round++) {
      await Promise.all(
        [1, 2].map(() => fetch(rampart.url, { signal: AbortSignal.timeout(60) }).catch(() => undefined)),
      );
    }
    assert.ok(most <= 2, `${most} at a cap of 2`);
  });
});
