import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { startTestGateway } from '../support/gateway.ts';
import { closers, startBackend } from '../support/proxying.ts';
import { eventually, sendRaw } from '../support/raw.ts';

const request = 'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n';

test('CONNECTION_MAX_AGE_SECONDS: a young connection is kept, an old one is closed by its next reply, whole', async () => {
  const gateway = await startTestGateway({ env: { CONNECTION_MAX_AGE_SECONDS: '1' } });
  const socket = connect(gateway.port, '127.0.0.1');
  let text = '';
  let closed = false;
  socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
  socket.on('close', () => (closed = true));
  socket.write(request);
  await eventually('the first reply is there', () => text.endsWith('{"status":"ok"}'));
  assert.doesNotMatch(text, /connection: close/i);
  await new Promise((resolve) => setTimeout(resolve, 1200));
  assert.equal(closed, false, 'an idle connection is not closed for its age');
  text = '';
  socket.write(request);
  await eventually('it is closed', () => closed);
  assert.match(text, /^HTTP\/1\.1 200 OK\r\n[^]*connection: close\r\n[^]*{"status":"ok"}$/i);
  await gateway.close();
});

test('KEEP_ALIVE_TIMEOUT_MS: what clients are told of an idle connection', async () => {
  for (const [value, seconds] of [
    [undefined, 75],
    ['20000', 20],
  ] as const) {
    const gateway = await startTestGateway(value === undefined ? {} : { env: { KEEP_ALIVE_TIMEOUT_MS: value } });
    const socket = connect(gateway.port, '127.0.0.1');
    let text = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
    socket.write(request);
    await eventually('the reply is there', () => text.endsWith('{"status":"ok"}'));
    assert.match(text, new RegExp(`keep-alive: timeout=${seconds}\r\n`, 'i'));
    socket.destroy();
    await gateway.close();
  }
});

test('a reply that is the last on its connection says so, whatever the values of its fields are', async () => {
  const backend = await startBackend((req, res) => {
    // Before the request is complete: the rest of it will not be read.
    res.writeHead(200, { [String(req.headers['x-name'])]: 'connection' }).end('ok');
  });
  const rampart = await startTestGateway({
    upstreams: { app: { backends: [backend.origin] } },
    routes: [{ endpoint: 'app', path: '/*', upstream: 'app', upload: 'stream' }],
  });
  closers.push(() => rampart.close());
  for (const name of ['x-note', 'vary', 'link']) {
    const head = `POST /x HTTP/1.1\r\nHost: a\r\nX-Name: ${name}\r\nTransfer-Encoding: chunked\r\n\r\n`;
    const { text } = await sendRaw(rampart.port, `${head}2\r\nhi\r\n`, { until: (got) => got.endsWith('ok') });
    assert.match(text, new RegExp(`^HTTP/1\\.1 200 OK\r\n[^]*${name}: connection\r\n`, 'i'));
    assert.match(text, /\r\nconnection: close\r\n/i, name);
  }
});
