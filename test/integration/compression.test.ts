import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { test } from 'node:test';
import { brotliDecompressSync, gunzipSync, gzipSync, zstdDecompressSync } from 'node:zlib';
import type { TestGateway, TestGatewayOptions } from '../support/gateway.ts';
import { askHttp2, openHttp2 } from '../support/http2-client.ts';
import { startBackend, startGateway } from '../support/proxying.ts';
import { eventually } from '../support/raw.ts';
import { startHttp2Gateway } from '../support/secure-gateway.ts';

const page = '<p>a page that says the same again and again</p>'.repeat(400);
const large = Array.from({ length: 200_000 }, (_, index) => `line ${index}\n`).join('');

/** A backend with replies of many kinds, and the number of its requests. */
async function backend(): Promise<{ origin: string; count: () => number }> {
  let count = 0;
  const { origin } = await startBackend((req, res) => {
    count++;
    const path = req.url?.split('?', 1)[0];
    res.setHeader('content-type', 'text/html').setHeader('etag', '"v1"');
    if (path === '/small') res.end('small');
    else if (path === '/gzipped') res.setHeader('content-encoding', 'gzip').end(gzipSync(page));
    else if (path === '/image') res.setHeader('content-type', 'image/png').end(page);
    else if (path === '/fixed') res.setHeader('cache-control', 'no-transform').end(page);
    else if (path === '/kept') res.setHeader('cache-control', 'max-age=60').end(page);
    else if (path === '/part') res.writeHead(206, { 'content-range': 'bytes 0-4/9' }).end('parts');
    else if (path === '/same') res.writeHead(304).end();
    else if (path === '/large') res.end(large);
    else if (path === '/parts') {
      res.write('first');
      setTimeout(() => res.end('last'), 300);
    } else if (path === '/break') {
      res.write(page);
      setTimeout(() => res.destroy(), 50);
    } else if (req.method === 'HEAD') res.setHeader('content-length', page.length).end();
    else res.setHeader('accept-ranges', 'bytes').end(page);
  });
  return { origin, count: () => count };
}

type Compress = NonNullable<TestGatewayOptions['routes']>[number]['compress'];
const routesWith = (compress: Compress) => ({
  routes: [
    { endpoint: 'kept', path: '/kept', upstream: 'app', compress, cache: {} },
    { endpoint: 'app', path: '/*', upstream: 'app', compress },
  ],
});

interface Got {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly isWhole: boolean;
  /** Milliseconds from the first byte of the body to the end. */
  readonly spreadMs: number;
}

function ask(
  { port }: Pick<TestGateway, 'port'>,
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<Got> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ port, host: '127.0.0.1', path, headers, method, agent: false }, (res) => {
      const chunks: Buffer[] = [];
      let firstAt = 0;
      res.on('data', (chunk: Buffer) => {
        firstAt ||= performance.now();
        chunks.push(chunk);
      });
      res.on('error', () => {});
      res.on('close', () =>
        resolve({
          status: res.statusCode ?? 0,
          headers: res.headers,
          body: Buffer.concat(chunks),
          isWhole: res.complete,
          spreadMs: performance.now() - firstAt,
        }),
      );
    });
    sent.on('error', reject).end();
  });
}

const accepting = (codings: string): Record<string, string> => ({ 'accept-encoding': codings });
const decoders = { br: brotliDecompressSync, gzip: gunzipSync, zstd: zstdDecompressSync };

test('a page is compressed by the coding that the client prefers, and says so', async () => {
  const { origin } = await backend();
  const rampart = await startGateway([origin], routesWith({ encodings: ['zstd', 'br', 'gzip'] }));
  for (const coding of ['br', 'gzip', 'zstd'] as const) {
    const { headers, body } = await ask(rampart, '/', accepting(`${coding}, identity;q=0.1`));
    assert.deepEqual(
      [
        headers['content-encoding'],
        headers['vary'],
        headers['etag'],
        headers['content-length'],
        headers['accept-ranges'],
      ],
      [coding, 'Accept-Encoding', 'W/"v1"', undefined, undefined],
    );
    assert.ok(body.length < page.length / 10);
    assert.equal(decoders[coding](body).toString(), page);
  }
  assert.match(rampart.metrics(), /^rampart_compression_bytes_total\{encoding="br",side="before"\} 19200$/m);
});

test('a client that accepts no coding gets the page as it is, and a cache learns that others would not', async () => {
  const { origin } = await backend();
  const rampart = await startGateway([origin], routesWith(true));
  for (const headers of [
    {},
    accepting('deflate'),
    accepting('gzip;q=0'),
    { ...accepting('gzip'), 'cache-control': 'no-transform' },
  ]) {
    const got = await ask(rampart, '/', headers);
    assert.deepEqual(
      [got.headers['content-encoding'], got.headers['vary'], got.headers['etag']],
      [undefined, 'Accept-Encoding', '"v1"'],
    );
    assert.equal(got.body.toString(), page);
  }
});

test('what is small, encoded, an image, a part, or must not be transformed passes as it is', async () => {
  const { origin } = await backend();
  const rampart = await startGateway([origin], routesWith(true));
  for (const path of ['/small', '/image', '/fixed', '/part']) {
    const { headers } = await ask(rampart, path, accepting('gzip'));
    assert.deepEqual(
      [headers['content-encoding'], headers['vary'], headers['etag']],
      [undefined, undefined, '"v1"'],
      path,
    );
  }
  const gzipped = await ask(rampart, '/gzipped', accepting('br, gzip'));
  assert.equal(gzipped.headers['content-encoding'], 'gzip');
  assert.equal(gunzipSync(gzipped.body).toString(), page);
  assert.equal((await ask(rampart, '/same', accepting('gzip'))).headers['vary'], 'Accept-Encoding');
});

test('a route without compress changes nothing', async () => {
  const { origin } = await backend();
  const rampart = await startGateway([origin], routesWith(false));
  const { headers, body } = await ask(rampart, '/', accepting('gzip'));
  assert.deepEqual([headers['content-encoding'], headers['vary'], body.toString()], [undefined, undefined, page]);
});

test('HEAD has the fields of GET, and no body', async () => {
  const { origin } = await backend();
  const rampart = await startGateway([origin], routesWith(true));
  const { status, headers, body } = await ask(rampart, '/', accepting('gzip'), 'HEAD');
  assert.deepEqual(
    [status, headers['content-encoding'], headers['content-length'], body.length],
    [200, 'gzip', undefined, 0],
  );
});

test('a stored reply serves clients of every coding', async () => {
  const { origin, count } = await backend();
  const rampart = await startGateway([origin], routesWith(true));
  const bodies = [
    (await ask(rampart, '/kept', accepting('gzip'))).body,
    (await ask(rampart, '/kept', accepting('br'))).body,
    (await ask(rampart, '/kept')).body,
  ];
  assert.equal(gunzipSync(bodies[0] as Buffer).toString(), page);
  assert.equal(brotliDecompressSync(bodies[1] as Buffer).toString(), page);
  assert.equal(bodies[2]?.toString(), page);
  assert.equal(count(), 1);
});

test('the parts of a stream are not held back', async () => {
  const { origin } = await backend();
  const rampart = await startGateway([origin], routesWith({ minBytes: 0 }));
  for (const coding of ['gzip', 'br'] as const) {
    const { headers, body, spreadMs } = await ask(rampart, '/parts', accepting(coding));
    assert.equal(headers['content-encoding'], coding);
    assert.equal(decoders[coding](body).toString(), 'firstlast');
    assert.ok(spreadMs > 100, `the first part came ${spreadMs} ms before the end`);
  }
});

test('a large reply arrives whole, also at a client that reads slowly and over HTTP/2', async () => {
  const { origin } = await backend();
  const { rampart, port } = await startHttp2Gateway([origin], routesWith(true));
  const { body } = await ask(rampart, '/large', accepting('gzip'));
  assert.equal(gunzipSync(body).toString(), large);
  const session = openHttp2(port);
  const stream = session.request({ ':path': '/large', ':authority': 'shop.example', ...accepting('br') });
  const chunks: Buffer[] = [];
  for await (const chunk of stream) {
    chunks.push(chunk as Buffer);
    if (chunks.length % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.equal(brotliDecompressSync(Buffer.concat(chunks)).toString(), large);
  assert.equal((await askHttp2(session, { ':path': '/', ...accepting('gzip') })).headers['content-encoding'], 'gzip');
  session.destroy();
});

test('a reply that breaks does not end as a whole one', async () => {
  const { origin } = await backend();
  const rampart = await startGateway([origin], routesWith(true));
  const { headers, isWhole } = await ask(rampart, '/break', accepting('gzip'));
  assert.deepEqual([headers['content-encoding'], isWhole], ['gzip', false]);
});

test('at most 64 replies are compressed at a time, and clients that leave give their places back', async () => {
  const body = randomBytes(3 * 1024 * 1024).toString('hex');
  const { origin } = await startBackend((_req, res) => void res.setHeader('content-type', 'text/plain').end(body));
  const rampart = await startGateway([origin], { cap: 200, ...routesWith(true) });
  const encodings: (string | undefined)[] = [];
  // They read the head and nothing else.
  const clients = Array.from({ length: 80 }, () =>
    httpRequest({ port: rampart.port, host: '127.0.0.1', headers: accepting('gzip'), agent: false }, (res) => {
      encodings.push(res.headers['content-encoding']);
      res.on('error', () => {}).pause();
    }),
  );
  for (const client of clients) client.on('error', () => {}).end();
  await eventually('all have their heads', () => encodings.length === 80, 20_000);
  assert.equal(encodings.filter((one) => one === 'gzip').length, 64);
  for (const client of clients) client.destroy();
  await eventually(
    'places are free again',
    async () => (await ask(rampart, '/', accepting('gzip'))).headers['content-encoding'] === 'gzip',
  );
  assert.doesNotMatch(rampart.metrics(), /rampart_bugs_total\{[^}]*\} [1-9]/);
});
