import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { pino } from 'pino';
import { buildConfig, loadConfig } from '../../src/config/config.ts';
import { Control } from '../../src/control/control.ts';
import { controlSocket } from '../../src/control/control-socket.ts';
import { ControlLink } from '../../src/control/link.ts';
import { parsePurge } from '../../src/control/purge-request.ts';
import { systemClock } from '../../src/core/clock.ts';
import { get, startCaching } from '../support/caching.ts';
import { startTestGateway, testKey, type TestGateway } from '../support/gateway.ts';
import { closers, startBackend } from '../support/proxying.ts';
import { eventually } from '../support/raw.ts';
import { fixedConfig } from '../support/config-source.ts';
import { quietInstruments } from '../support/instruments.ts';
import { startOpenAdmin } from '../support/admin.ts';

/** Control with its admin API, and two workers that hold on to it. */
async function startHost(): Promise<{ workers: TestGateway[]; port: number; links: ControlLink[] }> {
  const runFolder = mkdtempSync(join(tmpdir(), 'rampart-purge-'));
  const { env } = await loadConfig({ GENERATOR_INSTANCES: '1' }, import.meta.dirname);
  const upstreams = { app: { backends: ['http://127.0.0.1:1'] } };
  const app = { endpoint: 'app', path: '/app/*', upstream: 'app', cache: { ttlSeconds: 60 } };
  const plain = { endpoint: 'plain', path: '/*', upstream: 'app' };
  const config = buildConfig(env, { upstreams, routes: [app, plain] }, import.meta.dirname, new Set());
  const log = pino({ level: 'silent' });
  const control = new Control({
    ...quietInstruments(),
    ...fixedConfig(config, runFolder),
    clock: systemClock,
    random: () => 0.5,
    log,
    runFolder,
    version: '1',
  });
  await control.listen();
  const admin = await startOpenAdmin(control);
  const workers: TestGateway[] = [];
  const links: ControlLink[] = [];
  for (const instance of [0, 1]) {
    const { rampart } = await startCaching((_req, res, number) => void res.end(`${number}`), {
      sendCacheReport: (report) => link.tell(report),
    });
    workers.push(rampart);
    const link: ControlLink = new ControlLink({
      socketPath: controlSocket(runFolder),
      hello: {
        type: 'hello',
        member: `m${instance}`,
        role: 'gateway',
        instance,
        pid: instance,
        version: '1',
        startedAtMs: 0,
      },
      ...quietInstruments(),
      clock: systemClock,
      random: () => 0.5,
      status: () => rampart.gateway.status(),
      onConnected: () => void rampart.gateway.controlFound(),
      onMessage: (message) => {
        if (message.type === 'forget') rampart.gateway.applyCache(message);
      },
    });
    links.push(link);
  }
  closers.push(async () => {
    admin.close();
    admin.closeAllConnections();
    for (const link of links) await link.close();
    await control.close();
    rmSync(runFolder, { recursive: true });
  });
  await eventually('both have joined', async () => (await control.caches.purge({})).workers === 2);
  return { workers, links, port: (admin.address() as AddressInfo).port };
}

interface Said {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

function post(port: number, body: string, headers: Record<string, string> = {}, method = 'POST'): Promise<Said> {
  return new Promise((resolve, reject) => {
    const req = request(
      {
        port,
        path: '/api/cache/purge',
        method,
        headers: { 'content-type': 'application/json', ...headers },
        agent: false,
      },
      (res) => {
        let text = '';
        res.on('data', (chunk: Buffer) => (text += chunk.toString()));
        res.on('end', () => resolve({ status: res.statusCode ?? 0, body: JSON.parse(text) as Said['body'] }));
      },
    );
    req.on('error', reject);
    req.end(body);
  });
}

describe('POST /api/cache/purge', () => {
  test('forgets everything, a route, a host or a key, in every worker', async () => {
    const { workers, port } = await startHost();
    const fill = async (): Promise<void> => {
      for (const worker of workers) {
        for (const path of ['/a', '/a?x=1', '/b']) await get(worker, path);
        await get(worker, '/a', { host: 'b.example' });
      }
    };
    const isHit = async (path: string, host = 'a.example'): Promise<boolean[]> =>
      Promise.all(workers.map(async (worker) => /hit/.test((await get(worker, path, { host })).cacheStatus)));
    await fill();
    assert.deepEqual(await post(port, '{"endpoint":"app","path":"/a?x=1"}'), {
      status: 200,
      body: { workers: 2, purged: 2, entries: 2 },
    });
    assert.deepEqual(
      [await isHit('/a?x=1'), await isHit('/a')],
      [
        [false, false],
        [true, true],
      ],
    );
    assert.equal((await post(port, '{"endpoint":"app","path":"/a"}')).body['entries'], 4);
    await fill();
    assert.equal((await post(port, '{"endpoint":"app","path":"/a","host":"b.example"}')).body['entries'], 2);
    assert.deepEqual(
      [await isHit('/a', 'b.example'), await isHit('/a')],
      [
        [false, false],
        [true, true],
      ],
    );
    await fill();
    assert.equal((await post(port, '{"endpoint":"renderBarcode"}')).body['entries'], 0);
    assert.equal((await post(port, '{"endpoint":"app"}')).body['entries'], 8);
    await fill();
    assert.equal((await post(port, '{"soft":true,"host":"b.example"}')).body['entries'], 2);
    assert.deepEqual(await isHit('/a', 'b.example'), [false, false]);
    assert.equal((await post(port, '{"group":"x"}')).body['entries'], 0);
    assert.equal((await post(port, '{}')).body['entries'], 8);
    assert.deepEqual(await isHit('/b'), [false, false]);
    assert.match(
      JSON.stringify(workers[0]?.gateway.status()),
      /"cache":\{"entries":\d+,"bytes":\d+,"max_bytes":67108864/,
    );
  });

  test('an invalid body gets 400 with the field, and changes nothing', async () => {
    const { workers, port } = await startHost();
    for (const worker of workers) await get(worker, '/a');
    const fieldsOf = async (body: string): Promise<unknown[]> => {
      const { status, body: said } = await post(port, body);
      assert.equal(status, 400, body);
      assert.equal(said['reason'], 'invalid-request');
      return (said['errors'] as { field: string }[]).map(({ field }) => field);
    };
    assert.deepEqual(await fieldsOf('{"endpoint":"none"}'), ['endpoint']);
    assert.deepEqual(await fieldsOf('{"endpoint":"plain"}'), ['endpoint']);
    assert.deepEqual(await fieldsOf('{"endpoint":"createBarcode"}'), ['endpoint']);
    assert.deepEqual(await fieldsOf('{"path":"/a"}'), ['path']);
    assert.deepEqual(await fieldsOf('{"endpoint":"app","path":"a"}'), ['path']);
    assert.deepEqual(await fieldsOf('{"endpoint":"renderBarcode","path":"/v1/render/qrcode"}'), ['path']);
    assert.deepEqual(await fieldsOf('{"endpoint":7,"all":true}'), ['endpoint', 'all']);
    assert.deepEqual(await fieldsOf('{"group":7,"soft":"yes"}'), ['group', 'soft']);
    for (const host of ['', 'a b', 'a\\r\\nb', 'a/b', 'user@a'])
      assert.deepEqual(await fieldsOf(`{"host":"${host}"}`), ['host'], host);
    for (const group of ['', 'line\\nbreak', 'ü', '\\ud800'])
      assert.deepEqual(await fieldsOf(`{"group":"${group}"}`), ['group'], group);
    assert.deepEqual(await fieldsOf('[]'), ['']);
    assert.deepEqual(await fieldsOf('nonsense'), ['']);
    assert.equal((await post(port, `"${'x'.repeat(20_000)}"`)).status, 413);
    for (const worker of workers) assert.match((await get(worker, '/a')).cacheStatus, /hit/);
  });

  test('a page of elsewhere cannot call it', async () => {
    const { workers, port } = await startHost();
    for (const worker of workers) await get(worker, '/a');
    for (const origin of ['http://evil.example', 'null', 'https://127.0.0.1.evil.example', 'http://localhost:1']) {
      assert.equal((await post(port, '{}', { origin })).status, 403, origin);
    }
    assert.equal((await post(port, '{}', { 'content-type': 'text/plain' })).status, 415);
    assert.equal((await post(port, '{}', { host: 'evil.example' })).status, 403);
    assert.equal((await post(port, '', {}, 'GET')).status, 405);
    for (const worker of workers) assert.match((await get(worker, '/a')).cacheStatus, /hit/);
    assert.equal((await post(port, '{}', { origin: `http://localhost:${port}` })).status, 200);
  });

  test('a worker that has gone is not waited for', async () => {
    const { port, links } = await startHost();
    await links[0]?.close();
    await eventually('it has left', async () => (await post(port, '{}')).body['workers'] === 1);
  });

  test('a host is named by any spelling that clients may use', async () => {
    const config = await loadConfig({}, import.meta.dirname);
    for (const [host, stored] of [
      ['Shop.Example', 'shop.example'],
      ['shop.example:80', 'shop.example'],
      ['shop.example.', 'shop.example'],
      ['SHOP.example:8443', 'shop.example:8443'],
      ['bücher.example', 'xn--bcher-kva.example'],
    ]) {
      const parsed = parsePurge(JSON.stringify({ host, soft: true }), config);
      assert.deepEqual(parsed, { ok: true, target: { host: stored, soft: true } });
    }
  });

  test('an image is named by any spelling of its request', async () => {
    const { origin } = await startBackend((req, res) => {
      req.resume();
      res.writeHead(200, { 'content-type': 'image/svg+xml' }).end('<svg/>');
    });
    const rampart = await startTestGateway({ generators: [origin], env: { GENERATOR_INSTANCES: '1' } });
    closers.push(() => rampart.close());
    const headers = { authorization: `Bearer ${testKey}` };
    const ask = () => get(rampart, '/v1/render/qrcode?text=x', headers);
    assert.match((await ask()).cacheStatus, /uri-miss/);
    const config = await loadConfig({}, import.meta.dirname);
    const parsed = parsePurge('{"endpoint":"renderBarcode","path":"/v1/render/qrcode?format=svg&text=x"}', config);
    assert.ok(parsed.ok);
    const orders = [{ purge: parsed.target }];
    rampart.gateway.applyCache({ type: 'forget', position: { epoch: 1, number: 1 }, orders });
    assert.match((await ask()).cacheStatus, /uri-miss/);
  });
});
