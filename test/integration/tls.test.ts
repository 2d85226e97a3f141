import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { connect as connectTcp, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { pino } from 'pino';
import { type Certificate, selfSigned } from '../support/certificates.ts';
import type { TestGateway, TestGatewayOptions } from '../support/gateway.ts';
import { startBackend, startGateway } from '../support/proxying.ts';
import { eventually } from '../support/raw.ts';
import { runRampart, stackSettings, startStack } from '../support/stack.ts';

const folders: string[] = [];
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});
function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rampart-tls-'));
  folders.push(folder);
  return folder;
}

const shop = selfSigned('DNS:shop.example');
const wild = selfSigned('DNS:*.wild.example');

/** Writes a pair into a folder, as certbot does: new files, renamed over the old ones. */
function put(folder: string, name: string, { cert, key }: Certificate): { certFile: string; keyFile: string } {
  const [certFile, keyFile] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)];
  for (const [path, text] of [
    [certFile, cert],
    [keyFile, key],
  ] as const) {
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  }
  return { certFile, keyFile };
}

type Said = Readonly<Record<string, unknown>>;

/** A gateway with certificates for shop.example (the default) and *.wild.example, in front of a backend that tells what it got. */
async function startSecure(more: TestGatewayOptions & { tls?: TestGatewayOptions['tls'] } = {}) {
  const folder = newFolder();
  const { certFile, keyFile } = put(folder, 'shop', shop);
  const { origin } = await startBackend((req, res) => {
    if (req.url === '/slow') setTimeout(() => res.end('late'), 300);
    else req.pipe(res.setHeader('x-got', JSON.stringify(req.headers)));
  });
  const said: Said[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => void said.push(JSON.parse(line) as Said) });
  const rampart = await startGateway([origin], {
    log,
    ...more,
    env: { TLS_PORT: '443', TLS_CERT_FILE: certFile, TLS_KEY_FILE: keyFile, ...more.env },
    tls: { certificates: [put(folder, 'wild', wild)], ...more.tls },
  });
  await rampart.gateway.listenTls({ host: '127.0.0.1', port: 0 });
  return { rampart, folder, said, port: rampart.gateway.tlsAddress?.port ?? 0 };
}

function open(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      servername: 'shop.example',
      ...options,
    });
    sockets.push(socket);
    socket.once('secureConnect', () => resolve(socket)).on('error', reject);
  });
}

const namesIn = (socket: TLSSocket): string => socket.getPeerCertificate().subjectaltname ?? '';

/** Sends a request, and resolves with what came until the other side is silent or done. */
function ask(
  socket: TLSSocket,
  text: string,
  until: (said: string) => boolean = (said) => said.includes('\r\n\r\n'),
): Promise<string> {
  return new Promise((resolve) => {
    let said = '';
    const take = (chunk: Buffer): void => {
      said += chunk.toString('latin1');
      if (until(said)) done();
    };
    const done = (): void => {
      socket.off('data', take).off('close', done);
      resolve(said);
    };
    socket.on('data', take).on('close', done);
    socket.write(text);
  });
}

const get = (path: string, host = 'shop.example'): string => `GET ${path} HTTP/1.1\r\nhost: ${host}\r\n\r\n`;
const value = (rampart: TestGateway, metric: string): number =>
  Number(new RegExp(`^${metric.replaceAll(/[{}"]/g, '\\$&')} (\\d+)`, 'm').exec(rampart.metrics())?.[1] ?? 0);

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

test('a new certificate is in force within seconds, and no connection is lost', async () => {
  const { port, folder, said, rampart } = await startSecure();
  const kept = await open(port);
  await ask(kept, get('/a'));
  const next = selfSigned('DNS:shop.example');
  const before = (await open(port)).getPeerCertificate().fingerprint256;
  put(folder, 'shop', next);
  await eventually(
    'the new certificate is presented',
    async () => (await open(port)).getPeerCertificate().fingerprint256 !== before,
  );
  assert.match(await ask(kept, get('/b')), /^HTTP\/1\.1 200/);
  assert.equal(said.filter(({ msg }) => msg === 'a new certificate is in force').length, 1);
  assert.equal(value(rampart, 'rampart_tls_reloads_total{result="ok"}'), 1);
});

test('a new certificate that cannot be used leaves the present one in force, and the log says why', async () => {
  const { port, folder, said, rampart } = await startSecure();
  const before = (await open(port)).getPeerCertificate().fingerprint256;
  writeFileSync(join(folder, 'shop.pem'), selfSigned('DNS:shop.example').cert);
  await eventually('the log says so', () =>
    said.some(({ problem }) => /is not the key of the certificate/.test(String(problem))),
  );
  writeFileSync(join(folder, 'shop.key'), 'garbage');
  await eventually('the log says so', () => said.some(({ problem }) => /has no private key/.test(String(problem))));
  rmSync(join(folder, 'shop.pem'));
  await eventually('the log says so', () => said.some(({ problem }) => /cannot be read/.test(String(problem))));
  assert.equal((await open(port)).getPeerCertificate().fingerprint256, before);
  assert.equal(value(rampart, 'rampart_tls_reloads_total{result="failed"}'), 3);
  put(folder, 'shop', selfSigned('DNS:shop.example'));
  await eventually(
    'a sound one is presented',
    async () => (await open(port)).getPeerCertificate().fingerprint256 !== before,
  );
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

test('a hundred reloads of a certificate under load fail no request', async () => {
  const { port, folder, rampart } = await startSecure();
  const pairs = [shop, selfSigned('DNS:shop.example')] as const;
  const state = { isOver: false };
  let sent = 0;
  const load = async (): Promise<void> => {
    while (!state.isOver) {
      const socket = await open(port);
      for (let index = 0; index < 5; index++) {
        assert.match(await ask(socket, get('/a')), /^HTTP\/1\.1 200/);
        sent++;
      }
      socket.destroy();
    }
  };
  const loads = Promise.all([load(), load(), load()]);
  // The files are looked at once a second; the rest of the hundred changes in between are seen as one.
  for (let index = 0; index < 100; index++) {
    put(folder, 'shop', pairs[index % 2] as Certificate);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  state.isOver = true;
  await loads;
  assert.ok(sent > 0 && value(rampart, 'rampart_tls_reloads_total{result="ok"}') > 0);
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
