import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import type { ConnectionOptions } from 'node:tls';
import { selfSigned } from '../support/certificates.ts';
import { startBackend } from '../support/proxying.ts';
import { eventually } from '../support/raw.ts';
import { runRampart, stackSettings, startStack } from '../support/stack.ts';
import { put } from '../support/certificate-files.ts';
import { ask, closeTls, get, namesIn, newFolder, open, sockets, startSecure, value } from '../support/tls-client.ts';

afterEach(closeTls);

test('a request over TLS reaches the backend with the scheme, and the connection is kept', async () => {
  const { port } = await startSecure();
  const socket = await open(port);
  for (const attempt of [1, 2]) {
    const reply = await ask(socket, get(`/a?${attempt}`));
    const got = JSON.parse(/x-got: (.*)/.exec(reply)?.[1] ?? '{}') as Record<string, string>;
    assert.equal(got['x-forwarded-proto'], 'https');
    assert.match(got['forwarded'] ?? '', /proto=https/);
  }
});

test('the certificate is chosen by server name: exact, wildcard for one label, without case, else the default', async () => {
  const { port } = await startSecure();
  const cases: [string, string][] = [
    ['shop.example', 'DNS:shop.example'],
    ['SHOP.Example', 'DNS:shop.example'],
    ['a.wild.example', 'DNS:*.wild.example'],
    ['A.WILD.EXAMPLE', 'DNS:*.wild.example'],
    ['a.b.wild.example', 'DNS:shop.example'],
    ['wild.example', 'DNS:shop.example'],
    ['other.example', 'DNS:shop.example'],
    ['__proto__', 'DNS:shop.example'],
  ];
  for (const [servername, names] of cases) assert.equal(namesIn(await open(port, { servername })), names, servername);
});

test('TLS 1.1 is refused; minVersion can ask for 1.3', async () => {
  const { port } = await startSecure();
  const old: ConnectionOptions = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' };
  await assert.rejects(open(port, old));
  assert.equal((await open(port, { maxVersion: 'TLSv1.2' })).getProtocol(), 'TLSv1.2');
  const strict = await startSecure({ tls: { minVersion: 'TLSv1.3' } });
  await assert.rejects(open(strict.port, { maxVersion: 'TLSv1.2' }));
});

/** Opens a connection, and resolves with whether the session was resumed and with the newest session of the server. */
async function session(
  port: number,
  options: ConnectionOptions = {},
): Promise<{ isResumed: boolean; session: Buffer }> {
  const socket = await open(port, options);
  // With TLS 1.3 the ticket comes behind the handshake.
  const ticket = new Promise<Buffer>((resolve) => void socket.once('session', resolve));
  void ask(socket, get('/a'), () => true);
  const known = await Promise.race([
    ticket,
    new Promise<undefined>((resolve) => void setTimeout(() => resolve(undefined), 500)),
  ]);
  return { isResumed: socket.isSessionReused(), session: known ?? (socket.getSession() as Buffer) };
}

for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`${maxVersion}: workers with the same ticket key resume each other's sessions, also after a reload of the certificate`, async () => {
    const [one, two] = [await startSecure(), await startSecure()];
    const key = randomBytes(48).toString('base64');
    for (const { rampart } of [one, two]) rampart.gateway.useTicketKey(key);
    for (const servername of ['shop.example', 'a.wild.example']) {
      const first = await session(one.port, { maxVersion, servername });
      assert.equal(first.isResumed, false);
      assert.equal(
        (await session(two.port, { maxVersion, servername, session: first.session })).isResumed,
        true,
        servername,
      );
    }
    const before = await session(one.port, { maxVersion });
    put(two.folder, 'shop', selfSigned('DNS:shop.example'));
    await eventually(
      'the certificate is new',
      () => value(two.rampart, 'rampart_tls_reloads_total{result="ok"}') === 1,
    );
    assert.equal((await session(two.port, { maxVersion, session: before.session })).isResumed, true);
    two.rampart.gateway.useTicketKey(randomBytes(48).toString('base64'));
    assert.equal((await session(two.port, { maxVersion, session: before.session })).isResumed, false);
    assert.equal(value(two.rampart, 'rampart_tls_handshakes_total{result="resumed"}'), 3);
  });
}

test('a client that ends its side of a TLS connection gets its reply', async () => {
  const { port } = await startSecure();
  const socket = await open(port, { allowHalfOpen: true } as ConnectionOptions);
  const reply = ask(socket, get('/slow'), (said) => said.includes('late'));
  socket.end();
  assert.match(await reply, /late/);
});

test('bytes that are no TLS end their own connection, and are counted', async () => {
  const { port, rampart } = await startSecure();
  for (const bytes of [
    'GET / HTTP/1.1\r\nhost: a\r\n\r\n',
    '\x16\x03\x01\xff\xff',
    randomBytes(300).toString('latin1'),
  ]) {
    const socket = connectTcp(port, '127.0.0.1').on('error', () => {});
    sockets.push(socket);
    socket.end(Buffer.from(bytes, 'latin1'));
    await new Promise((resolve) => void socket.once('close', resolve).resume());
  }
  assert.match(await ask(await open(port), get('/a')), /^HTTP\/1\.1 200/);
  await eventually('all are counted', () => value(rampart, 'rampart_tls_handshakes_total{result="failed"}') === 3);
});

test('one address has at most a hundred handshakes under way, and completed ones do not count', async () => {
  const { port } = await startSecure();
  const kept = await open(port);
  let closed = 0;
  const silent = Array.from({ length: 120 }, () =>
    connectTcp(port, '127.0.0.1')
      .on('error', () => {})
      .on('close', () => closed++),
  );
  sockets.push(...silent);
  await eventually('twenty are closed', () => closed === 20);
  assert.match(await ask(kept, get('/a')), /^HTTP\/1\.1 200/);
  for (const socket of silent) socket.destroy();
  await eventually('a handshake is possible again', () =>
    open(port).then(
      () => true,
      () => false,
    ),
  );
});

test('with client certificates: none is refused, and a request for another host than the handshake is 421', async () => {
  const folder = newFolder();
  const ca = put(folder, 'client', selfSigned('DNS:client.example'));
  const { port } = await startSecure({ tls: { clientCaFile: ca.certFile } });
  const mine = { cert: readFileSync(ca.certFile), key: readFileSync(ca.keyFile) };
  // With TLS 1.3 a client hears only after its own part of the handshake that it was refused.
  const refused = await open(port, { maxVersion: 'TLSv1.3' }).then(
    (socket) =>
      ask(
        socket.on('error', () => {}),
        get('/a'),
      ),
    () => '',
  );
  assert.equal(refused, '');
  const socket = await open(port, mine);
  assert.match(await ask(socket, get('/a', 'SHOP.example:443')), /^HTTP\/1\.1 200/);
  assert.match(await ask(socket, get('/a', 'other.example')), /^HTTP\/1\.1 421[^]*misdirected/);
  const absolute = 'GET https://other.example/ HTTP/1.1\r\nhost: shop.example\r\n\r\n';
  assert.match(await ask(await open(port, mine), absolute), /^HTTP\/1\.1 421/);
});

test('a WebSocket over TLS is a tunnel', async () => {
  const { origin, server } = await startBackend((_req, res) => void res.end());
  server.on('upgrade', (_req, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
    socket.on('data', (chunk: Buffer) => socket.write(chunk)).on('error', () => {});
  });
  const { port } = await startSecure({ upstreams: { app: { backends: [origin] } } });
  const socket = await open(port);
  const upgrade =
    'GET /chat HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n';
  assert.match(await ask(socket, upgrade), /^HTTP\/1\.1 101/);
  assert.equal(await ask(socket, 'hello', (said) => said.endsWith('hello')), 'hello');
});

test('a large reply to a slow reader over TLS arrives whole', async () => {
  const body = randomBytes(8 * 1024 * 1024);
  const { origin } = await startBackend((_req, res) => void res.end(body));
  const { port } = await startSecure({ upstreams: { app: { backends: [origin] } } });
  const socket = await open(port);
  const chunks: Buffer[] = [];
  socket.write('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    if (chunks.length % 50 !== 0) return;
    socket.pause();
    setTimeout(() => socket.resume(), 5);
  });
  await new Promise((resolve) => void socket.once('end', resolve));
  const all = Buffer.concat(chunks);
  assert.ok(all.subarray(all.indexOf('\r\n\r\n') + 4).equals(body));
});

test('a client of HTTP/1.0 over TLS whose reply breaks does not take it for whole', async () => {
  const { origin } = await startBackend((_req, res) => {
    res.writeHead(200);
    res.write('half');
    setTimeout(() => res.destroy(), 50);
  });
  const { port, rampart } = await startSecure({ upstreams: { app: { backends: [origin] } } });
  const socket = await open(port);
  const ending = new Promise(
    (resolve) =>
      void socket
        .once('end', () => resolve('end'))
        .once('close', () => resolve('close'))
        .on('error', () => {}),
  );
  socket.resume().write('GET / HTTP/1.0\r\nhost: a\r\n\r\n');
  await ending;
  assert.equal(value(rampart, 'rampart_bugs_total{where="reply"}'), 0);
});

test('a worker that drains answers what it has, and closes idle TLS connections and handshakes', async () => {
  const { port, rampart } = await startSecure();
  const [busy, idle] = [await open(port), await open(port)];
  const silent = connectTcp(port, '127.0.0.1').on('error', () => {});
  sockets.push(silent);
  const answer = ask(busy, get('/slow'), (said) => said.includes('late'));
  const closed = Promise.all(
    [idle, silent].map((socket) => new Promise((resolve) => void socket.resume().once('close', resolve))),
  );
  await eventually('the request is under way', () => value(rampart, 'rampart_in_flight{endpoint="app"}') === 1);
  await rampart.gateway.drain();
  assert.match(await answer, /connection: close[^]*late/i);
  await closed;
  await assert.rejects(open(port));
});

test('rampart start serves TLS with one ticket key for all workers, and check finds a key that does not fit', async () => {
  const folder = newFolder();
  const { certFile, keyFile } = put(folder, 'shop', selfSigned('DNS:localhost,IP:127.0.0.1'));
  const { PORT } = await stackSettings();
  const settings = { TLS_PORT: String(Number(PORT) + 9), TLS_CERT_FILE: certFile, TLS_KEY_FILE: keyFile };
  const stack = await startStack({ GENERATOR_INSTANCES: '0', ...settings });
  try {
    const port = Number(settings.TLS_PORT);
    assert.match(stack.output(), /TLS {7}https:\/\/127\.0\.0\.1:\d+/);
    const healthy = await new Promise<number | undefined>((resolve) => {
      httpsRequest({ port, host: '127.0.0.1', path: '/healthz', ca: readFileSync(certFile) }, (res) =>
        resolve(res.resume().statusCode),
      ).end();
    });
    assert.equal(healthy, 200);
    const first = await session(port, { servername: 'localhost' });
    let resumed = 0;
    for (let index = 0; index < 20; index++)
      if ((await session(port, { servername: 'localhost', session: first.session })).isResumed) resumed++;
    assert.equal(resumed, 20);
    put(folder, 'other', selfSigned('DNS:localhost'));
    const wrong = { ...stack.env, TLS_KEY_FILE: join(folder, 'other.key') };
    const { code, stderr } = await runRampart(['check'], wrong);
    assert.deepEqual([code, /other\.key is not the key of the certificate in/.test(stderr)], [2, true]);
  } finally {
    await stack.stop();
  }
});

test('openssl agrees: a handshake by another implementation succeeds', async () => {
  const { port } = await startSecure();
  const args = ['s_client', '-connect', `127.0.0.1:${port}`, '-servername', 'a.wild.example', '-alpn', 'http/1.1'];
  const client = spawn('openssl', args, { stdio: ['ignore', 'pipe', 'ignore'] });
  let said = '';
  client.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await new Promise((resolve) => void client.once('close', resolve));
  assert.match(said, /ALPN protocol: http\/1\.1/);
});
