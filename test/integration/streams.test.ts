import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { startTestGateway, type TestGateway, type TestGatewayOptions } from '../support/gateway.ts';
import { closers, inFlight, startBackend } from '../support/proxying.ts';
import { eventually, sendRaw, startRawBackend, statusOf } from '../support/raw.ts';

const handshake = [
  'GET /ws HTTP/1.1',
  'Host: a',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  '\r\n',
].join('\r\n');
const switching =
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX-Name: caf\xe9\r\n\r\n';

type Route = NonNullable<TestGatewayOptions['routes']>[number];
type UpstreamFile = NonNullable<TestGatewayOptions['upstreams']>[string];

async function start(
  origin: string,
  upstream: Partial<UpstreamFile> = {},
  route: Partial<Route> = {},
): Promise<TestGateway> {
  const rampart = await startTestGateway({
    upstreams: { app: { backends: [origin], cap: 2, ...upstream } },
    routes: [{ endpoint: 'app', path: '/*', upstream: 'app', ...route }],
  });
  closers.push(() => rampart.close());
  return rampart;
}

const streams = (rampart: TestGateway): number =>
  Number(/^rampart_streams\{upstream="app"\} (\d+)$/m.exec(rampart.metrics())?.[1]);

async function open(rampart: TestGateway, bytes: string): Promise<{ socket: Socket; text: () => string }> {
  const socket = connect({ port: rampart.port, host: '127.0.0.1', allowHalfOpen: true });
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  socket.on('error', () => {});
  socket.write(bytes, 'latin1');
  closers.push(async () => socket.destroy());
  return { socket, text: () => text };
}

describe('tunnels', () => {
  const startTunnels = async (answer: (socket: Socket) => void) => {
    const backend = await startRawBackend((socket, head) => {
      if (head.includes('Upgrade') || head.includes('upgrade: websocket')) {
        socket.write(switching, 'latin1');
        answer(socket);
      } else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
    closers.push(() => backend.close());
    return backend;
  };

  test('B2, III.3: idle tunnels take nothing from the permits; beyond the places they are refused', async () => {
    const backend = await startTunnels(() => {});
    const rampart = await start(backend.origin, { cap: 2, streams: { max: 20 } });
    const tunnels = await Promise.all(Array.from({ length: 20 }, () => open(rampart, handshake)));
    await eventually('all are open', () => tunnels.every(({ text }) => text().includes(' 101 ')));
    assert.equal(streams(rampart), 20);
    assert.equal(inFlight(rampart), 0);
    const replies = await Promise.all(Array.from({ length: 10 }, () => fetch(rampart.url)));
    assert.deepEqual(new Set(replies.map(({ status }) => status)), new Set([200]));
    const refused = await sendRaw(rampart.port, handshake);
    assert.equal(statusOf(refused), 503);
    assert.match(refused.text, /"reason":"overloaded"/);
    for (const { socket } of tunnels) socket.destroy();
    await eventually('the places are free', () => streams(rampart) === 0);
  });

  test('C13: the fields of a 101 keep their bytes', async () => {
    const backend = await startTunnels(() => {});
    const rampart = await start(backend.origin);
    const { text } = await open(rampart, handshake);
    await eventually('it is open', () => text().includes('\r\n\r\n'));
    assert.match(text(), /\r\nx-name: caf\xe9\r\n/);
  });

  test('B1: what a backend has sent before it ended is delivered to a client that reads slowly', async () => {
    const size = 8 * 1024 * 1024;
    const backend = await startTunnels((socket) => socket.end(Buffer.alloc(size, 0x82)));
    const rampart = await start(backend.origin);
    const socket = connect(rampart.port, '127.0.0.1');
    closers.push(async () => socket.destroy());
    socket.write(handshake);
    let got = 0;
    socket.on('data', (chunk: Buffer) => {
      got += chunk.length;
      socket.pause();
      setTimeout(() => socket.resume(), 3);
    });
    await new Promise<void>((resolve) => void socket.once('end', () => resolve()));
    assert.ok(got >= size, `${got} of ${size}`);
  });

  test('the bytes that a client sent before its end reach the backend', async () => {
    let got = 0;
    const backend = await startTunnels((socket) => {
      socket.on('data', (chunk: Buffer) => (got += chunk.length));
    });
    const rampart = await start(backend.origin);
    const { socket, text } = await open(rampart, handshake);
    await eventually('it is open', () => text().includes(' 101 '));
    socket.end(Buffer.alloc(3_000_000, 0x82));
    await eventually('all of it is there', () => got >= 3_000_000);
  });

  test('a client that leaves during the handshake keeps no place, whatever the backend answers', async () => {
    const answers = [switching, 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', 'HTTP/1.1 200 OK\r\n\r\nab'];
    for (const answer of answers) {
      let leave = (): void => {};
      let heard = 0;
      const backend = await startRawBackend((socket) => {
        heard++;
        leave();
        setTimeout(() => socket.write(answer, 'latin1'), 200);
      });
      closers.push(() => backend.close());
      const rampart = await start(backend.origin);
      for (const how of ['end', 'destroy', 'resetAndDestroy'] as const) {
        for (const rest of ['', 'bytes for the tunnel']) {
          const before = heard;
          const { socket } = await open(rampart, handshake + rest);
          leave = () => void socket[how]();
          await eventually('the backend has it', () => heard > before);
          await eventually(`the place is free: ${how}, ${answer}`, () => streams(rampart) === 0);
          await eventually('the request is over', () =>
            /rampart_in_flight\{endpoint="app"\} 0\n/.test(rampart.metrics()),
          );
        }
      }
    }
  });

  test('a worker that ends sends a close frame 1001 between frames, to both sides', async () => {
    const received: Buffer[] = [];
    let toClient: Socket | undefined;
    const backend = await startTunnels((socket) => {
      toClient = socket;
      socket.on('data', (chunk: Buffer) => received.push(chunk));
    });
    const rampart = await start(backend.origin);
    const { text } = await open(rampart, handshake);
    await eventually('it is open', () => text().includes(' 101 '));
    // The head of a frame of ten bytes, of which four have come when the worker is asked to stop.
    toClient?.write(Buffer.from([0x82, 10, 1, 2, 3, 4]));
    await eventually('the first part is there', () => text().endsWith('\x04'));
    const drained = rampart.gateway.drain();
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(text().includes('\x88\x02\x03\xe9'), false);
    toClient?.write(Buffer.from([5, 6, 7, 8, 9, 10]));
    await eventually('the close frame follows', () => text().endsWith('\x0a\x88\x02\x03\xe9'));
    await eventually('the backend has one too', () => {
      const bytes = Buffer.concat(received);
      if (bytes.length !== 8) return false;
      const code = [6, 7].map((at, index) => (bytes[at] as number) ^ (bytes[2 + index] as number));
      return bytes[0] === 0x88 && bytes[1] === 0x82 && code[0] === 0x03 && code[1] === 0xe9;
    });
    toClient?.end();
    await drained;
  });

  test(
    'B4: a client that is gone frees its place though the backend ignores the end',
    { timeout: 40_000 },
    async () => {
      const { origin, server } = await startBackend(() => {});
      server.on('upgrade', (_req, socket: Socket) => void socket.write(switching, 'latin1'));
      const rampart = await start(origin);
      const { socket, text } = await open(rampart, handshake);
      await eventually('it is open', () => text().includes(' 101 '));
      socket.destroy();
      await eventually('the place is free', () => streams(rampart) === 0, 30_000);
    },
  );
});

describe('event streams and long polls', () => {
  const eventStream = () =>
    startBackend((req, res) => {
      if (req.url === '/events') {
        res.writeHead(200, { 'content-type': 'text/event-stream' });
        res.write('data: first\n\n');
        closers.push(async () => void res.destroy());
        return;
      }
      if (req.url === '/poll') return void setTimeout(() => res.end('news'), 700);
      return void res.end('ok');
    });

  test('an event stream gives its permit back with its head, and may be silent', async () => {
    const { origin } = await eventStream();
    const rampart = await start(origin, { cap: 1 }, { timeoutMs: 300 });
    const open10 = await Promise.all(
      Array.from({ length: 10 }, () => open(rampart, 'GET /events HTTP/1.1\r\nHost: a\r\n\r\n')),
    );
    await eventually('all have begun', () => open10.every(({ text }) => text().includes('first')));
    assert.equal(streams(rampart), 10);
    assert.equal(inFlight(rampart), 0);
    assert.equal((await fetch(rampart.url)).status, 200);
    await new Promise((resolve) => setTimeout(resolve, 600));
    assert.equal(streams(rampart), 10);
    for (const { socket } of open10) socket.destroy();
    await eventually('the places are free', () => streams(rampart) === 0);
  });

  test('a route may bound the silence; a plain reply that falls silent is cut', async () => {
    const { origin } = await startBackend((req, res) => {
      res.writeHead(200, { 'content-type': req.url === '/events' ? 'text/event-stream' : 'text/plain' });
      res.write('begun');
    });
    const rampart = await start(origin, {}, { idleTimeoutMs: 200 });
    for (const path of ['/events', '/plain']) {
      const { closed, text } = await sendRaw(rampart.port, `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`, {
        quietMs: 5000,
      });
      assert.equal(closed, true, path);
      assert.match(text, /begun/);
      assert.doesNotMatch(text, /\r\n0\r\n\r\n$/);
    }
    await eventually('nothing is left', () => streams(rampart) + inFlight(rampart) === 0);
  });

  test('a worker that ends ends its event streams as whole replies', async () => {
    const { origin } = await eventStream();
    const rampart = await start(origin);
    const { text } = await open(rampart, 'GET /events HTTP/1.1\r\nHost: a\r\n\r\n');
    await eventually('it has begun', () => text().includes('first'));
    await rampart.gateway.drain();
    await eventually('it is whole', () => text().endsWith('\r\n0\r\n\r\n'));
  });

  test('long polls of a route take no permits, and may take longer than other requests', async () => {
    const { origin } = await eventStream();
    const rampart = await startTestGateway({
      env: { UPSTREAM_TIMEOUT_MS: '400' },
      upstreams: { app: { backends: [origin], cap: 1 } },
      routes: [
        { endpoint: 'poll', path: '/poll', upstream: 'app', longLived: true },
        { endpoint: 'app', path: '/*', upstream: 'app' },
      ],
    });
    closers.push(() => rampart.close());
    const polls = Array.from({ length: 5 }, () => fetch(`${rampart.url}/poll`));
    await eventually('they wait', () => streams(rampart) === 5);
    assert.equal((await fetch(rampart.url)).status, 200);
    const replies = await Promise.all(polls);
    assert.deepEqual(new Set(replies.map(({ status }) => status)), new Set([200]));
    await eventually('the places are free', () => streams(rampart) === 0);
  });

  test('the client of a long poll leaves within the reply: its place is free', async () => {
    for (const framing of ['Content-Length: 5', 'Transfer-Encoding: chunked', 'X-A: b']) {
      const backend = await startRawBackend((socket) => socket.write(`HTTP/1.1 200 OK\r\n${framing}\r\n\r\n`));
      closers.push(() => backend.close());
      const rampart = await start(backend.origin, {}, { longLived: true });
      for (const how of ['end', 'destroy'] as const) {
        const { socket, text } = await open(rampart, 'GET /poll HTTP/1.1\r\nHost: a\r\n\r\n');
        await eventually('the head is there', () => text().includes('\r\n\r\n'));
        socket[how]();
        await eventually(`the place is free: ${how}, ${framing}`, () => streams(rampart) === 0);
      }
    }
  });

  test('an event stream without a place is refused', async () => {
    const { origin } = await eventStream();
    const rampart = await start(origin, { streams: { max: 0 } });
    const { status } = await fetch(`${rampart.url}/events`);
    assert.equal(status, 503);
    await eventually('nothing is in flight', () => inFlight(rampart) === 0);
  });
});
