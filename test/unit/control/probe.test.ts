import assert from 'node:assert/strict';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { probe } from '../../../src/control/probe.ts';
import { eventually } from '../../support/raw.ts';

describe('probe', () => {
  const hosts: (string | undefined)[] = [];
  const open = new Set<ServerResponse>();
  let sentBytes = 0;
  const server = createServer((req, res) => {
    hosts.push(req.headers.host);
    open.add(res);
    res.on('close', () => open.delete(res));
    const path = req.url ?? '';
    if (/^\/\d{3}$/.test(path)) res.writeHead(Number(path.slice(1))).end();
    else if (path === '/json') res.end('{"status":"ok"}');
    else if (path === '/host') res.writeHead(req.headers.host === 'app.example' ? 200 : 400).end();
    else if (path === '/endless') {
      const write = (): void => {
        for (let more = true; more && !res.destroyed;) {
          more = res.write(Buffer.alloc(16_384));
          sentBytes += 16_384;
        }
        if (!res.destroyed) res.once('drain', write);
      };
      write();
    } else if (path === '/dribble') res.write('a');
  });
  let origin = '';
  before(async () => {
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  const look = (path: string, host?: string, timeoutMs = 10_000) => probe(origin, { path, host, timeoutMs });

  test('2xx passes, anything else says its status', async () => {
    for (const status of [200, 204, 299]) assert.equal((await look(`/${status}`)).problem, undefined);
    for (const status of [301, 404, 503]) assert.equal((await look(`/${status}`)).problem, `status ${status}`);
  });

  test('the status decides, however long the page is or takes, and the connection is given up', async () => {
    for (const path of ['/endless', '/dribble']) {
      const { problem, report, timedOut } = await look(path);
      assert.deepEqual([problem, report, timedOut], [undefined, undefined, false], path);
      await eventually('the connection is closed', () => open.size === 0);
    }
    assert.ok(sentBytes < 32 * 1024 ** 2, `${sentBytes} bytes were sent of an endless page`);
  });

  test('a small page that is JSON is reported', async () => {
    assert.deepEqual((await look('/json')).report, { status: 'ok' });
  });

  test('Host is the backend itself, or what is configured', async () => {
    assert.equal((await look('/host')).problem, 'status 400');
    assert.equal((await look('/host', 'app.example')).problem, undefined);
    assert.deepEqual(hosts.slice(-2), [new URL(origin).host, 'app.example']);
  });

  test('no answer in time is a time-out, a refused connection is definite', async () => {
    const silent = await look('/silent', undefined, 300);
    assert.deepEqual([silent.problem, silent.timedOut, silent.definite], ['timeout', true, false]);
    const refused = await probe('http://127.0.0.1:1', { path: '/', host: undefined, timeoutMs: 1000 });
    assert.deepEqual([refused.problem, refused.timedOut, refused.definite], ['ECONNREFUSED', false, true]);
  });
});
