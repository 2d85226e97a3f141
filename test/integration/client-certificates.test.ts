import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { join } from 'node:path';
import { after, afterEach, describe, test } from 'node:test';
import type { ConnectionOptions } from 'node:tls';
import { newAuthority } from '../support/certificates.ts';
import type { TestGatewayOptions } from '../support/gateway.ts';
import { startBackend } from '../support/proxying.ts';
import { ask, closeTls, get, newFolder, open, startSecure } from '../support/tls-client.ts';

const authority = newAuthority('clients');
const stranger = newAuthority('strangers');
const till = authority.issue('/O=Shop/CN=till 7', 'DNS:till-7.example,URI:spiffe://shop/till/7');
const office = authority.issue('/O=Shop/CN=office');
after(() => {
  authority.close();
  stranger.close();
});
afterEach(closeTls);

type Route = NonNullable<TestGatewayOptions['routes']>[number];

async function startMutual(route: Partial<Route>, { optional = false, http2 = false } = {}) {
  const { origin } = await startBackend((req, res) => void res.end(JSON.stringify(req.rawHeaders)));
  const clientCaFile = join(newFolder(), 'clients.pem');
  writeFileSync(clientCaFile, authority.cert);
  return startSecure({
    upstreams: { app: { backends: [origin] } },
    routes: [
      { endpoint: 'app', path: '/*', upstream: 'app', authenticate: 'certificate', ...route },
      { endpoint: 'open', path: '/open', upstream: 'app', authenticate: false },
    ] as Route[],
    tls: { clientCaFile, clientCertificates: optional ? 'optional' : 'required' },
    env: { HTTP2: http2 ? 'on' : 'off' },
  });
}

const toHeaders = {
  subject: 'x-client-subject',
  commonName: 'x-client-name',
  san: 'x-client-san',
  fingerprint: 'x-client-fingerprint',
  issuer: 'x-client-issuer',
  serial: 'x-client-serial',
  certificate: 'Client-Cert',
} as const;

/** Values of a field among the lines that a backend got. */
const valuesIn = (lines: readonly string[], name: string): string[] =>
  lines.filter((_, index) => index % 2 === 1 && lines[index - 1]?.toLowerCase() === name);

async function send(port: number, options: ConnectionOptions, path = '/x', more = '') {
  const socket = await open(port, options);
  const text = get(path).replace('\r\n\r\n', `\r\n${more}\r\n`);
  const said = await ask(
    socket.on('error', () => {}),
    text,
    (all) => all.includes('\r\n\r\n') && /[}\]]$/.test(all),
  );
  const status = Number(/^HTTP\/1\.1 (\d+)/.exec(said)?.[1] ?? 0);
  const body = said.slice(said.indexOf('\r\n\r\n') + 4);
  return { socket, status, body, lines: status === 200 ? (JSON.parse(body) as string[]) : [] };
}

describe('client certificates', () => {
  test('a backend learns who the client is, and no client can say so itself', async () => {
    const { port } = await startMutual({ certificate: { toHeaders } });
    const forged = 'X-Client-Subject: CN=boss\r\nX_Client_Subject: CN=boss\r\nclient-cert: :AAAA:\r\n';
    const { lines } = await send(port, till, '/x', forged);
    const of = (name: string) => valuesIn(lines, name);
    const { fingerprint256, raw, serialNumber } = new X509Certificate(till.cert);
    assert.deepEqual(of('x-client-subject'), ['CN=till 7,O=Shop']);
    assert.deepEqual(of('x_client_subject'), []);
    assert.deepEqual(of('x-client-name'), ['till 7']);
    assert.deepEqual(of('x-client-issuer'), ['CN=clients']);
    assert.deepEqual(of('x-client-san'), ['DNS:till-7.example, URI:spiffe://shop/till/7']);
    assert.deepEqual(of('x-client-fingerprint'), [fingerprint256.replaceAll(':', '').toLowerCase()]);
    assert.deepEqual(of('x-client-serial'), [serialNumber.toLowerCase()]);
    assert.deepEqual(of('client-cert'), [`:${raw.toString('base64')}:`]);
    const elsewhere = await send(port, till, '/open', forged);
    assert.equal(elsewhere.status, 200);
    for (const name of ['x-client-subject', 'x_client_subject', 'client-cert'])
      assert.deepEqual(valuesIn(elsewhere.lines, name), [], name);
  });

  test('over HTTP/2 it is the same', async () => {
    const { port } = await startMutual({ certificate: { toHeaders } }, { http2: true });
    const session = connectHttp2(`https://127.0.0.1:${port}`, {
      ...till,
      rejectUnauthorized: false,
      servername: 'shop.example',
    });
    const stream = session.request({ ':path': '/x', ':authority': 'shop.example', 'x-client-subject': 'CN=boss' });
    let body = '';
    for await (const chunk of stream.setEncoding('utf8')) body += chunk;
    session.close();
    assert.deepEqual(valuesIn(JSON.parse(body) as string[], 'x-client-subject'), ['CN=till 7,O=Shop']);
  });

  test('a resumed session keeps its certificate', async () => {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const { port } = await startMutual({ certificate: { toHeaders } });
      const first = await open(port, { ...till, maxVersion });
      await ask(first, get('/x'));
      const again = await send(port, { ...till, maxVersion, session: first.getSession() });
      assert.ok(again.socket.isSessionReused(), maxVersion);
      assert.deepEqual(valuesIn(again.lines, 'x-client-subject'), ['CN=till 7,O=Shop']);
    }
  });

  test('a subject with commas, line ends and other letters stays one line', async () => {
    const odd = authority.issue('/O=Käse, Wein/CN=a\nX-Admin: yes', 'DNS:a.example');
    const { port } = await startMutual({ certificate: { toHeaders } });
    const { status, lines } = await send(port, odd);
    assert.equal(status, 200);
    assert.deepEqual(valuesIn(lines, 'x-admin'), []);
    assert.deepEqual(valuesIn(lines, 'x-client-subject'), ['CN=a\\0AX-Admin: yes,O=K%C3%A4se\\, Wein']);
  });

  test('`require` lets in only certificates that have the values', async () => {
    const { fingerprint256 } = new X509Certificate(office.cert);
    for (const require of [
      { commonName: ['till 7', 'till 8'] },
      { san: 'spiffe://shop/till/7' },
      { subject: 'CN=till 7,O=Shop', issuer: 'CN=clients' },
    ]) {
      const { port } = await startMutual({ certificate: { require } });
      assert.equal((await send(port, till)).status, 200, JSON.stringify(require));
      const refused = await send(port, office);
      assert.deepEqual([refused.status, refused.body.includes('forbidden')], [403, true]);
    }
    const { port } = await startMutual({ certificate: { require: { fingerprint: fingerprint256 } } });
    assert.deepEqual([(await send(port, office)).status, (await send(port, till)).status], [200, 403]);
  });

  test('limits count by certificate', async () => {
    const limit = { requestsPerSecond: 0.01, burst: 1 };
    const { port } = await startMutual({ limit });
    assert.equal((await send(port, till)).status, 200);
    assert.equal((await send(port, till)).status, 429);
    assert.equal((await send(port, office)).status, 200);
  });

  test('where certificates are optional, routes without need none, and a wrong one ends the connection', async () => {
    const { port, rampart } = await startMutual({}, { optional: true });
    assert.equal((await send(port, {}, '/open')).status, 200);
    const refused = await send(port, {});
    assert.deepEqual([refused.status, refused.body.includes('a client certificate is needed')], [403, true]);
    assert.equal((await send(port, till)).status, 200);
    const wrong = await send(port, stranger.issue('/O=Shop/CN=till 7'), '/open').catch(() => ({ status: 0 }));
    assert.equal(wrong.status, 0);
    assert.match(rampart.metrics(), /rampart_tls_handshakes_total\{result="failed"\} 1/);
    // Nobody has a certificate without TLS, whatever the fields of the request say.
    const plain = await fetch(`${rampart.url}/x`, {
      headers: { 'client-cert': ':AAAA:', 'x-forwarded-proto': 'https' },
    });
    assert.equal(plain.status, 403);
  });
});
