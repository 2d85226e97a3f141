import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { startTestGateway, testKey, type TestGateway } from '../support/gateway.ts';
import { eventually, type RawBackend, sendRaw, startRawBackend, statusOf } from '../support/raw.ts';

const handshake = (...lines: string[]): string =>
  [
    'GET /ws HTTP/1.1',
    'Host: a',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ...lines,
    '\r\n',
  ].join('\r\n');

describe('WebSocket upgrades of a worker that ends', () => {
  test('its tunnels end with it, and a late one is refused', async () => {
    const backend = await startRawBackend((socket) =>
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'),
    );
    const rampart = await startTestGateway({
      upstreams: { ws: { backends: [backend.origin] } },
      routes: [{ endpoint: 'ws', path: '/ws', upstream: 'ws' }],
    });
    const [early, late] = [connect(rampart.port, '127.0.0.1'), connect(rampart.port, '127.0.0.1')];
    await Promise.all([early, late].map((socket) => new Promise((resolve) => void socket.once('connect', resolve))));
    early.write(handshake());
    await new Promise((resolve) => void early.once('data', resolve));
    const closed = new Promise<void>((resolve) => void early.once('close', () => resolve()));
    const drained = rampart.gateway.drain();
    await closed;
    late.write(handshake());
    const reply = await new Promise<string>(
      (resolve) => void late.once('data', (chunk: Buffer) => resolve(chunk.toString())),
    );
    assert.match(reply, /^HTTP\/1\.1 503 [^]*"reason":"draining"/);
    await drained;
    await backend.close();
  });
});

describe('WebSocket upgrades', () => {
  let backend: RawBackend;
  let rampart: TestGateway;
  let accept = true;

  before(async () => {
    // Echoes every byte once it has taken the upgrade.
    backend = await startRawBackend((socket) => {
      if (!accept) {
        socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno');
        return;
      }
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
      socket.removeAllListeners('data');
      socket.pipe(socket);
    });
    rampart = await startTestGateway({
      upstreams: { ws: { backends: [backend.origin], cap: 1 } },
      routes: [{ endpoint: 'ws', path: '/ws', upstream: 'ws', authenticate: true }],
    });
  });
  after(async () => {
    await rampart.close();
    await backend.close();
  });

  const key = `Authorization: Bearer ${testKey}`;
  const open = async (): Promise<Socket> => {
    const socket = connect(rampart.port, '127.0.0.1');
    socket.write(handshake(key));
    const head = await new Promise<string>(
      (resolve) => void socket.once('data', (chunk: Buffer) => resolve(chunk.toString())),
    );
    assert.match(head, /^HTTP\/1\.1 101 /);
    return socket;
  };
  const inFlight = (): boolean =>
    / 1\n/.exec(/rampart_backend_in_flight\{upstream="ws"[^\n]*\n/.exec(rampart.metrics())?.[0] ?? '') !== null;

  test('a megabyte in random pieces comes back as it went, and the key stays here', async () => {
    const socket = await open();
    assert.equal(inFlight(), false, 'the tunnel holds no permit');
    assert.match(rampart.metrics(), /rampart_streams\{upstream="ws"\} 1\n/);
    const sent = randomBytes(1024 ** 2);
    const received: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => received.push(chunk));
    for (let at = 0; at < sent.length;) {
      const size = 1 + Math.floor(((sent[at] as number) / 255) * 20_000);
      socket.write(sent.subarray(at, at + size));
      at += size;
    }
    await eventually('all of it is back', () => Buffer.concat(received).length === sent.length);
    const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
    assert.equal(digest(Buffer.concat(received)), digest(sent));
    assert.doesNotMatch(backend.received.join(''), /rk_/);
    socket.destroy();
    await eventually('the place is free', () => rampart.metrics().includes('rampart_streams{upstream="ws"} 0\n'));
  });

  test('a backend that ends the tunnel ends it for the client', async () => {
    const socket = await open();
    const closed = new Promise<void>((resolve) => void socket.once('close', () => resolve()));
    socket.resume();
    for (const one of backend.sockets) one.destroy();
    await closed;
    await eventually('the permit is back', () => !inFlight());
  });

  test('without a key there is no tunnel, and the backend hears nothing', async () => {
    const before = backend.received.length;
    const reply = await sendRaw(rampart.port, handshake());
    assert.equal(statusOf(reply), 401);
    assert.ok(reply.closed);
    assert.equal(backend.received.length, before);
  });

  test('forwarding fields of an untrusted client are not passed on', async () => {
    const before = backend.received.length;
    const socket = connect(rampart.port, '127.0.0.1');
    socket.write(
      handshake(
        key,
        'X-Forwarded-For: 6.6.6.6',
        'Forwarded: for=6.6.6.6',
        'X-Drop: 1',
        'Connection: x-drop',
        'Proxy-Authorization: x',
      ),
    );
    await eventually('the backend has it', () => backend.received.slice(before).join('').includes('\r\n\r\n'));
    const head = backend.received.slice(before).join('');
    assert.doesNotMatch(head, /6\.6\.6\.6|x-drop|proxy-authorization/i);
    assert.match(head, /\r\nx-forwarded-for: 127\.0\.0\.1\r\n/i);
    assert.match(head, /\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n/i);
    socket.destroy();
    await eventually('the permit is back', () => !inFlight());
    assert.match(rampart.metrics(), /rampart_requests_total\{endpoint="ws",status="101"\}/);
  });

  test('an upgrade with a body, or by another method, is refused', async () => {
    // The connection lingers for the rest of the body.
    const refused = await sendRaw(rampart.port, handshake(key, 'Content-Length: 5'), { quietMs: 10_000 });
    assert.deepEqual([statusOf(refused), refused.closed], [400, true]);
    assert.equal(statusOf(await sendRaw(rampart.port, handshake(key).replace('GET', 'POST'))), 400);
  });

  test('a reply instead of 101 reaches the client, and the permit comes back', async () => {
    accept = false;
    const reply = await sendRaw(rampart.port, handshake(key));
    assert.equal(statusOf(reply), 403);
    await eventually('the permit is back', () => !inFlight());
    accept = true;
  });

  test('another protocol is ignored, and the request answered as it is', async () => {
    const h2c = handshake(key).replace('websocket', 'h2c').replace('/ws', '/healthz');
    assert.equal(statusOf(await sendRaw(rampart.port, h2c, { until: (text) => text.endsWith('}') })), 200);
  });
});
