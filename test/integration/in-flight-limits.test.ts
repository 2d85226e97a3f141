import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { PLACE_WAIT_MS } from '../../src/protocol/places.ts';
import { otherTestKey, testKey } from '../support/gateway.ts';
import { startBackend } from '../support/proxying.ts';
import { flood, startRateHost } from '../support/rate-host.ts';
import { eventually } from '../support/raw.ts';
import { type ReloadHost, startReloadHost } from '../support/reload-host.ts';

const headers = { authorization: `Bearer ${testKey}` };
const otherHeaders = { authorization: `Bearer ${otherTestKey}` };

/** A client's stream: its reply has begun. */
interface Stream {
  readonly status: number;
  /** Held here, because fetch ends a reply that nobody holds when its memory is collected. */
  readonly reply: Response;
  end(): void;
}

async function openStream(url: string, sent: Record<string, string> = {}): Promise<Stream> {
  const controller = new AbortController();
  const reply = await fetch(url, { headers: sent, signal: controller.signal });
  return { status: reply.status, reply, end: () => controller.abort() };
}

/** A place that comes back is here after a moment; on a busy machine, the request that asks first can be refused. */
async function opened(url: string, sent: Record<string, string>): Promise<Stream> {
  let stream: Stream | undefined;
  await eventually(`a stream at ${url}`, async () => {
    stream = await openStream(url, sent);
    return stream.status === 200;
  });
  return stream as Stream;
}

/** Where control does not answer in 20 ms, the worker's share decides: on a busy machine, a request can be let in at first. */
async function refused(url: string, sent: Record<string, string>): Promise<Response> {
  let reply: Response | undefined;
  await eventually(`a refusal at ${url}`, async () => {
    reply = await fetch(url, { headers: sent });
    if (reply.status === 200) await reply.body?.cancel();
    return reply.status === 429;
  });
  return reply as Response;
}

describe('requests in flight of one client', () => {
  /** Streams under /stream, and at once everywhere else. */
  const startApp = () =>
    startBackend((req, res) => {
      if (req.url !== '/stream') return void res.end('ok');
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.write('data: 1\n\n');
    });

  async function startHost(limit: object, more: object = {}) {
    const { origin } = await startApp();
    return startRateHost({
      upstreams: { app: { backends: [origin], cap: 1000 } },
      routes: [{ endpoint: 'app', path: '/*', upstream: 'app', authenticate: true, limit } as never],
      ...more,
    });
  }

  test('are counted over all workers until the replies end, for each key', async () => {
    const host = await startHost({ maxConcurrent: 3 });
    const urls = host.workers.map(({ url }) => `${url}/stream`);
    const at = (index: number): string => urls[index] as string;
    const streams = [await opened(at(0), headers), await opened(at(1), headers), await opened(at(2), headers)];
    for (const url of urls) {
      const reply = await refused(url, headers);
      assert.equal(((await reply.json()) as { reason: string }).reason, 'too-many-in-flight');
      assert.equal(reply.headers.get('retry-after'), '1');
      assert.equal(reply.headers.get('ratelimit'), '"route";r=0');
      assert.equal(reply.headers.get('ratelimit-policy'), '"route";q=3;qu="concurrent-requests"');
    }
    const other = await opened(at(0), otherHeaders);
    assert.deepEqual(host.control.status()['in_flight_limits'], { clients: 2 });
    streams[1]?.end();
    streams.push(await opened(at(3), headers));
    await refused(at(0), headers);
    for (const stream of [...streams, other]) stream.end();
    await eventually(
      'nothing is held',
      () => JSON.stringify(host.control.status()['in_flight_limits']) === '{"clients":0}',
    );
    assert.match(
      host.workers[0]?.metrics() ?? '',
      /rampart_in_flight_limit_total\{policy="route",result="refused"\} \d/,
    );
  });

  test('one after the other, at changing workers, are refused only when a place does not come in 20 ms', async () => {
    const host = await startHost({ maxConcurrent: 1 });
    for (let request = 0; request < 200; request++) {
      await eventually(`request ${request} is served`, async () => {
        const sentAt = performance.now();
        const reply = await fetch(`${host.workers[request % 4]?.url}/x`, { headers });
        const waitedMs = performance.now() - sentAt;
        await reply.text();
        if (reply.status === 429) assert.ok(waitedMs >= PLACE_WAIT_MS, `request ${request}: ${waitedMs} ms`);
        else assert.equal(reply.status, 200);
        return reply.status === 200;
      });
    }
  });

  test('of a key are limited over all routes by keyLimit', async () => {
    const { origin } = await startApp();
    const host = await startRateHost({
      upstreams: { app: { backends: [origin] } },
      routes: [
        { endpoint: 'a', path: '/stream', upstream: 'app', authenticate: true },
        { endpoint: 'b', path: '/*', upstream: 'app', authenticate: true },
      ] as never,
      keyInFlight: 1,
    });
    const stream = await opened(`${host.workers[0]?.url}/stream`, headers);
    const reply = await refused(`${host.workers[1]?.url}/x`, headers);
    assert.equal(reply.headers.get('ratelimit-policy'), '"key";q=1;qu="concurrent-requests"');
    assert.equal((await fetch(`${host.workers[1]?.url}/x`, { headers: otherHeaders })).status, 200);
    stream.end();
  });

  test('without control each worker allows its part, and a new control counts what is in flight', async () => {
    const host = await startHost({ maxConcurrent: 4 });
    const urls = host.workers.map(({ url }) => `${url}/stream`);
    const at = (index: number): string => urls[index] as string;
    const streams = [await opened(at(0), headers), await opened(at(0), headers)];
    await host.control.close();
    await eventually('the workers know', async () => {
      await Promise.all(host.workers.map(({ url }) => fetch(`${url}/x`, { headers: otherHeaders })));
      return host.workers.every(({ metrics }) => !metrics().includes('rampart_in_flight_limit_by_share_total 0'));
    });
    await refused(at(0), headers);
    streams.push(await opened(at(1), headers));
    await refused(at(1), headers);
    await host.startControl();
    await eventually(
      'control counts them',
      () => JSON.stringify(host.control.status()['in_flight_limits']) === '{"clients":1}',
    );
    streams.push(await opened(at(2), headers));
    await refused(at(3), headers);
    for (const stream of streams) stream.end();
  });

  test('of many clients leave nothing behind', async () => {
    const host = await startHost({ maxConcurrent: 1, by: 'header:x-user' });
    for (let round = 0; round < 20; round++)
      await Promise.all(
        Array.from({ length: 100 }, async (_, user) => {
          const reply = await fetch(`${host.workers[user % 4]?.url}/x`, {
            headers: { ...headers, 'x-user': `${round} ${user}`.padEnd(user * 2, 'x') },
          });
          assert.equal(reply.status, 200);
          await reply.text();
        }),
      );
    await eventually(
      'nothing is held',
      () => JSON.stringify(host.control.status()['in_flight_limits']) === '{"clients":0}',
    );
    const kept = host.workers.map(
      ({ gateway }) => (gateway.status()['in_flight_limits'] as { clients: number }).clients,
    );
    assert.deepEqual(kept, [0, 0, 0, 0]);
  });

  test('in a flood as many are served as the limit allows, and the others hear so', async () => {
    let [now, most] = [0, 0];
    const counted = await startBackend((_req, res) => {
      most = Math.max(most, ++now);
      setTimeout(() => {
        now--;
        res.end('ok');
      }, 5);
    });
    const host = await startRateHost({
      upstreams: { app: { backends: [counted.origin], cap: 1000 } },
      routes: [
        { endpoint: 'app', path: '/*', upstream: 'app', authenticate: true, limit: { maxConcurrent: 5 } } as never,
      ],
    });
    const urls = Array.from({ length: 40 }, (_, index) => `${host.workers[index % 4]?.url}/x`);
    const { statuses } = await flood({ urls, headers, durationMs: 1000, gapMs: 1 });
    assert.deepEqual(new Set(Object.keys(statuses)), new Set(['200', '429']));
    const byShare = host.workers.map(({ metrics }) =>
      Number(/^rampart_in_flight_limit_by_share_total (\d+)$/m.exec(metrics())?.[1]),
    );
    const allowed = byShare.reduce((sum, one) => sum + one, 5);
    assert.ok(most >= 5 && most <= allowed, `${most} in flight, ${allowed} allowed`);
  });
});

describe('requests in flight over processes', () => {
  let host: ReloadHost;
  const sockets: Socket[] = [];
  before(async () => {
    host = await startReloadHost(
      ([origin = '']) => ({
        upstreams: { app: { backends: [origin], healthPath: '/health' } },
        routes: [{ endpoint: 'app', path: '/*', upstream: 'app', authenticate: false, limit: { maxConcurrent: 2 } }],
      }),
      { instances: 1 },
    );
  });
  after(async () => {
    for (const socket of sockets) socket.destroy();
    await host.stop();
  });

  /** A WebSocket on a connection of its own; its status, once it is there. */
  function openTunnel(): Promise<{ status: number; socket: Socket }> {
    return new Promise((resolve) => {
      const socket = connect(Number(new URL(host.stack.url).port), '127.0.0.1');
      sockets.push(socket);
      socket.on('error', () => {});
      socket.once('data', (head: Buffer) => resolve({ status: Number(head.toString().slice(9, 12)), socket }));
      socket.write(
        'GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
      );
    });
  }

  test('a tunnel holds its place until it ends, and a killed worker leaves none taken', async () => {
    const tunnels = [await openTunnel(), await openTunnel()];
    assert.deepEqual(
      tunnels.map(({ status }) => status),
      [101, 101],
    );
    assert.equal((await openTunnel()).status, 429);
    tunnels[0]?.socket.destroy();
    await eventually('its place is free', async () => (await openTunnel()).status === 101);
    assert.equal((await openTunnel()).status, 429);

    for (const { pid } of (await host.stack.status()).workers) process.kill(pid, 'SIGKILL');
    await eventually('the workers are there again', async () => {
      const found = await fetch(`${host.stack.url}/health`).then(
        ({ status }) => status,
        () => 0,
      );
      return found === 200;
    });
    const again = [await openTunnel(), await openTunnel()];
    assert.deepEqual(
      again.map(({ status }) => status),
      [101, 101],
    );
    assert.equal((await openTunnel()).status, 429);
  });

  test('a changed limit is in force at once', async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    const { code, stdout } = await host.reload({
      upstreams: { app: { backends: [host.app.origins[0] as string], healthPath: '/health' } },
      routes: [{ endpoint: 'app', path: '/*', upstream: 'app', authenticate: false, limit: { maxConcurrent: 1 } }],
    });
    assert.equal(code, 0, stdout);
    await eventually('a tunnel is open', async () => (await openTunnel()).status === 101);
    assert.equal((await openTunnel()).status, 429);
  });
});
