import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttp, type RequestListener } from 'node:http';
import { createServer as createHttps, type ServerOptions } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { probe } from '../../src/control/probe.ts';
import { BackendEndpoint } from '../../src/gateway/upstream/backend-endpoint.ts';
import { selfSigned } from '../support/certificates.ts';
import { startTestGateway, type TestGatewayOptions } from '../support/gateway.ts';
import { closers } from '../support/proxying.ts';
import { sendRaw, statusOf } from '../support/raw.ts';

const folder = mkdtempSync(join(tmpdir(), 'rampart-kinds-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const place = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

type Upstream = NonNullable<TestGatewayOptions['upstreams']>[string];

async function startWith(upstream: Upstream) {
  const gateway = await startTestGateway({
    upstreams: { app: upstream },
    routes: [{ endpoint: 'app', path: '/*', upstream: 'app', maxBodyBytes: 10_000_000 }],
  });
  closers.push(() => gateway.close());
  return gateway;
}

function closeAtEnd(server: Server & { closeAllConnections(): void }): void {
  closers.push(async () => {
    server.closeAllConnections();
    server.close();
  });
}

const echo: RequestListener = (request, reply) => {
  reply.setHeader('x-host', String(request.headers.host));
  request.pipe(reply);
};

async function startSecure(options: ServerOptions, listener: RequestListener = echo): Promise<string> {
  const server = createHttps(options, listener);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  closeAtEnd(server);
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('a backend on a Unix socket', () => {
  test('answers, with bodies of any size, and is checked', async () => {
    const path = join(folder, 'app.sock');
    const server = createHttp(echo);
    await new Promise<void>((resolve) => void server.listen(path, resolve));
    closeAtEnd(server);
    const { url, metrics } = await startWith({ backends: [`unix:${path}`] });
    const body = 'x'.repeat(3_000_000);
    for (let round = 0; round < 3; round++) {
      const reply = await fetch(`${url}/a`, { method: 'POST', body });
      assert.equal((await reply.text()).length, body.length);
    }
    assert.match(
      metrics(),
      new RegExp(`rampart_backend_requests_total\\{upstream="app",backend="unix:${path}",outcome="success"\\} 3`),
    );
    const health = { path: '/', host: undefined, timeoutMs: 1000 };
    assert.equal((await probe(`unix:${path}`, health)).problem, undefined);
    const gone = await probe(`unix:${path}.none`, health);
    assert.deepEqual([gone.problem, gone.definite], ['ENOENT', true]);
  });

  test('without a process behind it another backend answers', async () => {
    const { origin } = await import('../support/proxying.ts').then(({ startBackend }) =>
      startBackend((_, reply) => void reply.end('other')),
    );
    const { url } = await startWith({ backends: [`unix:${join(folder, 'none.sock')}`, origin] });
    for (let round = 0; round < 4; round++) assert.equal(await (await fetch(url)).text(), 'other');
  });
});

describe('a backend over TLS', () => {
  const server = selfSigned('IP:127.0.0.1');
  const other = selfSigned('IP:127.0.0.1');
  const named = selfSigned('DNS:app.internal');

  test('answers if an authority of the upstream vouches for it, and only then', async () => {
    const origin = await startSecure(server);
    const caFile = place('ca.pem', server.cert);
    const { url } = await startWith({ backends: [origin], tls: { caFile } });
    const body = 'y'.repeat(3_000_000);
    for (let round = 0; round < 3; round++)
      assert.equal((await (await fetch(url, { method: 'POST', body })).text()).length, body.length);
    const wrong = await startWith({ backends: [origin], tls: { caFile: place('other.pem', other.cert) } });
    const refused = await fetch(wrong.url);
    assert.deepEqual(
      [refused.status, refused.headers.get('proxy-status')],
      [502, 'Rampart; error=tls_certificate_error'],
    );
    assert.equal((await fetch((await startWith({ backends: [origin] })).url)).status, 502);
    const trusting = await startWith({ backends: [origin], tls: { verify: false } });
    assert.equal((await fetch(trusting.url)).status, 200);
    const tls = { caFile, certFile: undefined, keyFile: undefined, serverName: undefined, verify: true };
    const health = { path: '/', host: undefined, timeoutMs: 2000 };
    assert.equal((await probe(origin, { ...health, tls })).problem, undefined);
    assert.equal((await probe(origin, health)).problem, 'DEPTH_ZERO_SELF_SIGNED_CERT');
  });

  test('by the name in its certificate, with a certificate of the gateway', async () => {
    const client = selfSigned('DNS:gateway');
    const connections = new Set<unknown>();
    const origin = await startSecure(
      { ...named, ca: client.cert, requestCert: true, rejectUnauthorized: true },
      (request, reply) => {
        connections.add(request.socket);
        reply.end(String((request.socket as TLSSocket).servername));
      },
    );
    const files = {
      caFile: place('named.pem', named.cert),
      certFile: place('client.pem', client.cert),
      keyFile: place('client.key', client.key),
    };
    const { url, port } = await startWith({ backends: [origin], tls: { ...files, serverName: 'app.internal' } });
    assert.equal((await fetch(url)).status, 200);
    // Whatever host a client names, the backend's certificate is checked by the upstream's name, on one connection.
    for (const host of ['one.example', 'two.example', 'evil.internal']) {
      const raw = await sendRaw(port, `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
      assert.equal(statusOf(raw), 200, host);
      assert.match(raw.text, /app\.internal/);
    }
    assert.equal(connections.size, 1);
    const unnamed = await startWith({ backends: [origin], tls: files });
    assert.equal((await fetch(unnamed.url)).status, 502);
    const anonymous = await startWith({
      backends: [origin],
      tls: { caFile: files.caFile, serverName: 'app.internal' },
    });
    assert.equal((await fetch(anonymous.url)).status, 502);
  });

  test('a broken connection within a reply cuts the reply, and the next request is answered', async () => {
    let count = 0;
    const origin = await startSecure(server, (_request, reply) => {
      if (count++ > 0) return void reply.end('whole');
      reply.writeHead(200, { 'content-length': '100' });
      reply.write('part');
      setTimeout(() => reply.socket?.destroy(), 20);
    });
    const { url } = await startWith({ backends: [origin], tls: { verify: false } });
    await assert.rejects(fetch(url).then((reply) => reply.text()));
    assert.equal(await (await fetch(url)).text(), 'whole');
  });

  test('changed files are used for new connections, and a file that is missing changes nothing', () => {
    const caFile = place('changing.pem', server.cert);
    const endpoint = new BackendEndpoint(1000);
    endpoint.use('https://127.0.0.1:1', {
      caFile,
      certFile: undefined,
      keyFile: undefined,
      serverName: undefined,
      verify: true,
    });
    endpoint.connect({ hostname: '127.0.0.1', host: '127.0.0.1', protocol: 'https:', port: '1' }, () => {});
    assert.equal(endpoint.hasNewFiles(), false);
    rmSync(caFile);
    assert.equal(endpoint.hasNewFiles(), false);
    renameSync(place('next.pem', other.cert), caFile);
    assert.deepEqual([endpoint.hasNewFiles(), endpoint.hasNewFiles()], [true, false]);
  });
});
