import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { withSharedParts } from '../../src/config/shared-parts.ts';
import { accessLogCounts } from '../../src/gateway/access-log/access-log.ts';
import { Registry } from '../../src/metrics/instruments.ts';
import { startTestGateway, testConfig, type TestGateway, type TestGatewayOptions } from '../support/gateway.ts';
import { closers, startBackend } from '../support/proxying.ts';
import { eventually } from '../support/raw.ts';

after(async () => {
  for (const close of closers.splice(0)) await close();
});

const env = { GENERATOR_INSTANCES: '0' };

type Routes = NonNullable<TestGatewayOptions['routes']>;

const route = (endpoint: string, path: string, upstream: string, more: object = {}): Routes[number] => ({
  endpoint,
  path,
  upstream,
  authenticate: false,
  ...more,
});

/** A backend that says its name, and holds requests for /held until they are let go. */
async function startNamed(name: string): Promise<{ origin: string; held: () => number; letGo: () => void }> {
  const waiting: (() => void)[] = [];
  const { origin } = await startBackend((req, res) => {
    res.setHeader('cache-control', 'max-age=60');
    if (req.url === '/held') waiting.push(() => void res.end(name));
    else res.end(`${name} ${req.url}`);
  });
  return { origin, held: () => waiting.length, letGo: () => waiting.splice(0).forEach((go) => go()) };
}

async function startWorker(options: TestGatewayOptions): Promise<TestGateway> {
  const worker = await startTestGateway({ ...options, env });
  closers.push(() => worker.close());
  return worker;
}

/** Prepares another configuration in a worker. */
async function prepare({ gateway }: TestGateway, options: TestGatewayOptions) {
  return gateway.prepareConfig(withSharedParts(await testConfig({ ...options, env }), gateway.config));
}

const use = async (worker: TestGateway, options: TestGatewayOptions): Promise<void> =>
  (await prepare(worker, options)).commit();
const textOf = async ({ url }: TestGateway, path: string): Promise<string> => (await fetch(`${url}${path}`)).text();
const upstreamsOf = ({ gateway }: TestGateway): string[] =>
  (gateway.status()['upstreams'] as { name: string }[]).map(({ name }) => name);

describe('a worker that gets another configuration', () => {
  test('a request in flight ends on its old upstream, which is closed after it', async () => {
    const [old, next] = [await startNamed('old'), await startNamed('next')];
    const worker = await startWorker({
      upstreams: { old: { backends: [old.origin] } },
      routes: [route('a', '/*', 'old')],
    });
    const inFlight = textOf(worker, '/held');
    await eventually('it is there', () => old.held() === 1);
    await use(worker, { upstreams: { next: { backends: [next.origin] } }, routes: [route('a', '/*', 'next')] });
    assert.equal(await textOf(worker, '/x'), 'next /x');
    assert.deepEqual(upstreamsOf(worker).toSorted(), ['next', 'old']);
    old.letGo();
    assert.equal(await inFlight, 'old');
    await eventually('the old upstream is closed', () => upstreamsOf(worker).join() === 'next');
    assert.equal(/upstream="old"[^\n]*backend=[^\n]* \d/.test(worker.metrics().replace(/^.*_total.*$/gm, '')), false);
  });

  test('the access log has the version by which each request was served', async () => {
    const backend = await startNamed('b');
    const lines: string[] = [];
    const accessLog = {
      sink: { write: (line: string) => void lines.push(line) },
      counts: accessLogCounts(new Registry()),
    };
    const options = { upstreams: { b: { backends: [backend.origin] } }, routes: [route('a', '/*', 'b')] };
    const worker = await startWorker({ ...options, accessLog });
    const ask = async (): Promise<unknown> => {
      await textOf(worker, '/x');
      return (JSON.parse(lines.at(-1) ?? '') as Record<string, unknown>)['rampart.config_version'];
    };
    assert.equal(await ask(), undefined);
    worker.gateway.useVersionNumber(3);
    assert.equal(await ask(), 3);
    const held = textOf(worker, '/held');
    await eventually('it is there', () => backend.held() === 1);
    const next = await testConfig({ ...options, env });
    worker.gateway.prepareConfig(withSharedParts(next, worker.gateway.config), 4).commit();
    assert.equal(await ask(), 4);
    backend.letGo();
    await held;
    assert.match(lines.at(-1) ?? '', /"url.path":"\/held".*"rampart.config_version":3,/);
  });

  test('an upstream that comes back while a request is in flight there keeps to its cap', async () => {
    const backend = await startNamed('b');
    const options = { upstreams: { b: { backends: [backend.origin], cap: 1 } }, routes: [route('a', '/*', 'b')] };
    const worker = await startWorker(options);
    const inFlight = textOf(worker, '/held');
    await eventually('it is there', () => backend.held() === 1);
    await use(worker, { upstreams: { other: { backends: [backend.origin] } }, routes: [] });
    assert.equal((await fetch(`${worker.url}/x`)).status, 404);
    await use(worker, options);
    const second = textOf(worker, '/held');
    await eventually('it waits', () =>
      /rampart_queue_depth\{upstream="b",priority="interactive"\} 1/.test(worker.metrics()),
    );
    assert.equal(backend.held(), 1);
    backend.letGo();
    await eventually('its turn has come', () => backend.held() === 1);
    backend.letGo();
    assert.deepEqual(await Promise.all([inFlight, second]), ['b', 'b']);
  });

  test('what was prepared and given up leaves nothing', async () => {
    const [one, two] = [await startNamed('one'), await startNamed('two')];
    const worker = await startWorker({
      upstreams: { one: { backends: [one.origin] } },
      routes: [route('a', '/*', 'one')],
    });
    const prepared = await prepare(worker, {
      upstreams: { two: { backends: [two.origin] } },
      routes: [route('a', '/*', 'two')],
    });
    assert.equal(await textOf(worker, '/x'), 'one /x');
    prepared.abandon();
    assert.deepEqual(upstreamsOf(worker), ['one']);
    assert.equal(/upstream="two"/.test(worker.metrics().replace(/^.*_total.*$/gm, '')), false);
  });

  test('stored replies of unchanged routes stay, and those of a route that goes elsewhere do not', async () => {
    const [one, two] = [await startNamed('one'), await startNamed('two')];
    const upstreams = { one: { backends: [one.origin] }, two: { backends: [two.origin] } };
    const cached = { cache: { ttlSeconds: 60 } };
    const routes = (moved: string, timeoutMs: number) => [
      route('kept', '/kept', 'one', { ...cached, timeoutMs }),
      route('moved', '/moved', moved, cached),
    ];
    const worker = await startWorker({ upstreams, routes: routes('one', 1000) });
    const cacheOf = async (path: string): Promise<string> => {
      const reply = await fetch(`${worker.url}${path}`);
      await reply.text();
      return /; (hit|fwd)/.exec(reply.headers.get('cache-status') ?? '')?.[1] ?? 'none';
    };
    for (const path of ['/kept', '/moved']) await cacheOf(path);
    assert.deepEqual([await cacheOf('/kept'), await cacheOf('/moved')], ['hit', 'hit']);
    await use(worker, { upstreams, routes: routes('two', 2000) });
    assert.deepEqual([await cacheOf('/kept'), await cacheOf('/moved')], ['hit', 'fwd']);
    assert.equal(await textOf(worker, '/moved'), 'two /moved');
  });

  test('settings of an upstream change while requests are in flight, and its counters go on', async () => {
    const [one, two] = [await startNamed('one'), await startNamed('two')];
    const options = (more: object) => ({
      upstreams: { app: { backends: [one.origin], ...more } },
      routes: [route('a', '/*', 'app')],
    });
    const worker = await startWorker(options({}));
    const inFlight = textOf(worker, '/held');
    await eventually('it is there', () => one.held() === 1);
    await textOf(worker, '/x');
    await use(
      worker,
      options({
        backends: [two.origin],
        balancer: 'round-robin',
        replyHeadBytes: 2048,
        streams: { max: 7 },
        required: true,
        queueCapacity: 3,
      }),
    );
    assert.equal(await textOf(worker, '/x'), 'two /x');
    one.letGo();
    assert.equal(await inFlight, 'one');
    const [shown] = worker.gateway.status()['upstreams'] as { maxStreams: number }[];
    assert.equal(shown?.maxStreams, 7);
    await use(worker, options({}));
    await textOf(worker, '/x');
    const id = new URL(one.origin).host;
    assert.match(
      worker.metrics(),
      new RegExp(`rampart_backend_requests_total\\{upstream="app",backend="${id}",outcome="success"\\} 3`),
    );
  });

  test('proxies that are trusted, and limits of addresses, change with it', async () => {
    const backend = await startNamed('b');
    const options = { upstreams: { b: { backends: [backend.origin] } }, routes: [route('a', '/*', 'b')] };
    const worker = await startWorker(options);
    await use(worker, {
      ...options,
      trustedProxies: ['127.0.0.1'],
      addressLimit: { requestsPerSecond: 0.001, burst: 1 },
    });
    const ask = async (client: string): Promise<number> => {
      const reply = await fetch(`${worker.url}/x`, { headers: { 'x-forwarded-for': client } });
      await reply.text();
      return reply.status;
    };
    assert.deepEqual([await ask('192.0.2.1'), await ask('192.0.2.1'), await ask('192.0.2.2')], [200, 429, 200]);
    await use(worker, options);
    assert.deepEqual([await ask('192.0.2.1'), await ask('192.0.2.1')], [200, 200]);
  });

  test('known keys of an issuer of tokens outlive a change of their route, though the issuer is down', async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256');
    let isDown = false;
    let reads = 0;
    const jwk = { ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256' };
    const issuer = await startBackend((_req, res) => {
      reads++;
      res.statusCode = isDown ? 500 : 200;
      res.end(JSON.stringify({ keys: [jwk] }));
    });
    const backend = await startNamed('b');
    const jwt = { issuer: 'https://id.example', audience: 'shop', jwksUrl: `${issuer.origin}/keys` };
    const options = (more: object, other: Routes = []): TestGatewayOptions => ({
      upstreams: { b: { backends: [backend.origin] } },
      routes: [route('a', '/a/*', 'b', { authenticate: 'jwt', jwt, ...more }), ...other],
    });
    const worker = await startWorker(options({}));
    const token = await new SignJWT({ sub: 'me' })
      .setProtectedHeader({ alg: 'ES256', kid: 'k' })
      .setIssuer(jwt.issuer)
      .setAudience('shop')
      .setExpirationTime('1h')
      .sign(privateKey);
    const ask = async (): Promise<number> => {
      const reply = await fetch(`${worker.url}/a/x`, { headers: { authorization: `Bearer ${token}` } });
      await reply.text();
      return reply.status;
    };
    assert.equal(await ask(), 200);
    const before = reads;
    isDown = true;
    // A change elsewhere first: the route keeps its object in that version.
    await use(worker, options({}, [route('other', '/other', 'b')]));
    await use(worker, options({ timeoutMs: 1234 }));
    assert.deepEqual([await ask(), reads], [200, before]);
  });
});
