import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { startRunning } from '../../../../src/cli/lab/measured-system.ts';
import type { CommandIo } from '../../../../src/cli/io.ts';

/** A Rampart that answers requests for records so; what it was asked, with which credentials. */
async function rampart(t: TestContext, status: number, title = 'Rampart') {
  const asked: string[] = [];
  const server = createServer((req, res) => {
    asked.push(`${req.url} ${req.headers.authorization}`);
    res.statusCode = req.url === '/openapi.json' ? 200 : status;
    res.end(JSON.stringify({ info: { title } }));
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

const start = (url: string) => startRunning({ url, key: 'rk_1', insecure: false }, undefined, {} as CommandIo);

test('a key that a Rampart does not accept ends the run before its load', async (t) => {
  for (const status of [401, 403]) {
    const { url } = await rampart(t, status);
    await assert.rejects(start(url), { message: new RegExp(`does not accept the key \\(status ${status}\\)`) });
  }
});

test('a key that is accepted, or may be, is used', async (t) => {
  for (const status of [200, 429, 503]) {
    const { url, asked } = await rampart(t, status);
    assert.equal((await start(url)).key, 'rk_1');
    assert.deepEqual(asked, ['/openapi.json undefined', '/v1/barcodes?page_size=1 Bearer rk_1']);
  }
});

test('another service is not asked for records', async (t) => {
  const { url, asked } = await rampart(t, 401, 'Shop');
  assert.equal((await start(url)).key, 'rk_1');
  assert.deepEqual(asked, ['/openapi.json undefined']);
});
