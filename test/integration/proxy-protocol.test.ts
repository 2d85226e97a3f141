import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { afterEach, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { proxyHeader } from '../support/proxy-header.ts';
import { startBackend, startGateway } from '../support/proxying.ts';
import { eventually } from '../support/raw.ts';
import { stackSettings, startStack } from '../support/stack.ts';
import { closeTls, startSecure } from '../support/tls-client.ts';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const sockets: Socket[] = [];
afterEach(() => {
  closeTls();
  for (const socket of sockets.splice(0)) socket.destroy();
});

function open(port: number): Socket {
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  sockets.push(socket);
  return socket;
}

/** What comes until this text is in it, or the connection closes. */
function until(socket: Socket, text: string): Promise<string> {
  return new Promise((resolve) => {
    let said = '';
    socket.on('data', (chunk: Buffer) => {
      said += chunk.toString('latin1');
      if (said.includes(text)) resolve(said);
    });
    socket.on('close', () => resolve(said));
  });
}

/** A gateway whose backend answers with the client's address as it sees it. */
async function setUp(from: string[] = ['127.0.0.1']) {
  const { origin } = await startBackend((req, res) => {
    res.end(`client ${String(req.headers['x-forwarded-for'])} ${String(req.headers['x-forwarded-proto'])};`);
  });
  const rampart = await startGateway([origin], { proxyProtocol: { port: 1, from } });
  await rampart.gateway.listen({ host: '127.0.0.1', port: 0 }, 'proxy');
  return { rampart, origin, port: rampart.gateway.addressOf('proxy')?.port ?? 0 };
}

const request = Buffer.from('GET /a HTTP/1.1\r\nhost: a\r\n\r\n');

test('the address in the head is the client, however the bytes arrive, and the connection is kept', async () => {
  const { port } = await setUp();
  const bytes = Buffer.concat([proxyHeader('192.0.2.7'), request]);
  for (const cut of [1, 12, 16, 27, 28, 30, bytes.length]) {
    const socket = open(port);
    socket.write(bytes.subarray(0, cut));
    await new Promise((resolve) => setTimeout(resolve, 20));
    socket.write(bytes.subarray(cut));
    assert.match(await until(socket, ';'), /^HTTP\/1\.1 200[^]*client 192\.0\.2\.7 http;/, String(cut));
    socket.write(request);
    assert.match(await until(socket, ';'), /client 192\.0\.2\.7 http;/);
  }
  const six = open(port);
  six.write(Buffer.concat([proxyHeader('2001:db8::7'), request]));
  assert.match(await until(six, ';'), /client 2001:db8::7 http;/);
});

test('the health check of a load balancer speaks for itself', async () => {
  const { port } = await setUp();
  const socket = open(port);
  socket.write(Buffer.concat([proxyHeader('192.0.2.7', { command: 0x20 }), request]));
  assert.match(await until(socket, ';'), /client 127\.0\.0\.1 http;/);
});

test('connections without a head, of strangers, and silent ones are closed, and the public listener takes no head', async () => {
  const { port, rampart } = await setUp();
  for (const bytes of [
    request,
    Buffer.from('PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n'),
    proxyHeader('192.0.2.7', { family: 0x31 }),
  ]) {
    const socket = open(port);
    socket.write(bytes);
    assert.equal(await until(socket, ';'), '');
  }
  assert.equal(await until(open(port), ';'), '');
  const half = open(port);
  half.end(proxyHeader('192.0.2.7').subarray(0, 20));
  assert.equal(await until(half, ';'), '');
  await eventually('they are counted', () => /^rampart_proxy_protocol_refused_total [5-9]$/m.test(rampart.metrics()));
  const stranger = await setUp(['192.0.2.0/24']);
  const refused = open(stranger.port);
  refused.write(Buffer.concat([proxyHeader('192.0.2.7'), request]));
  assert.equal(await until(refused, ';'), '');
  const direct = open(rampart.port);
  direct.write(Buffer.concat([proxyHeader('192.0.2.7'), request]));
  assert.match(await until(direct, ';'), /^HTTP\/1\.1 400/);
});

test('TLS behind the head: the address is the client, HTTP/1.1 and the certificate are those of TLS_PORT', async () => {
  const { rampart } = await startSecure({ proxyProtocol: { port: 1, from: ['127.0.0.1'], tls: true } });
  await rampart.gateway.listen({ host: '127.0.0.1', port: 0 }, 'proxy');
  const raw = open(rampart.gateway.addressOf('proxy')?.port ?? 0);
  raw.write(proxyHeader('192.0.2.7'));
  const socket = connectTls({ socket: raw, servername: 'shop.example', rejectUnauthorized: false });
  socket.write('GET /a HTTP/1.1\r\nhost: shop.example\r\n\r\n');
  const said = await until(socket, '\r\n\r\n');
  assert.match(said, /"x-forwarded-for":"192\.0\.2\.7"/);
  assert.match(said, /"x-forwarded-proto":"https"/);
});

test('rampart start opens the listener for every worker', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rampart-proxy-protocol-'));
  const { PORT } = await stackSettings();
  const port = Number(PORT) + 8;
  const path = join(folder, 'rampart.config.ts');
  writeFileSync(path, `export default { proxyProtocol: { port: ${port}, from: ['127.0.0.1'] } };`);
  const stack = await startStack({ GENERATOR_INSTANCES: '0', RAMPART_CONFIG: path });
  try {
    for (let index = 0; index < 6; index++) {
      const socket = open(port);
      socket.write(Buffer.concat([proxyHeader('192.0.2.7'), Buffer.from('GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n')]));
      assert.match(await until(socket, '\r\n\r\n'), /^HTTP\/1\.1 200/);
      socket.destroy();
    }
  } finally {
    await stack.stop();
    rmSync(folder, { recursive: true });
  }
});
