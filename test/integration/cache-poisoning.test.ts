import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { get, saying, startCaching } from '../support/caching.ts';
import { sendRaw } from '../support/raw.ts';

describe('what cannot be put into the cache', () => {
  test('stores no reply that varies by fields of the gateway, or whose request had fields that the gateway drops', async () => {
    const { rampart, seen } = await startCaching((req, res) => {
      const byAddress = req.url === '/address';
      res.writeHead(200, { vary: byAddress ? 'X-Forwarded-For' : 'Accept-Language' });
      res.end(String(req.headers[byAddress ? 'x-forwarded-for' : 'accept-language']));
    });
    await get(rampart, '/address');
    assert.match((await get(rampart, '/address')).cacheStatus, /uri-miss/);
    assert.equal(seen.length, 2);
    const ask = (connection: string): Promise<{ text: string }> =>
      sendRaw(
        rampart.port,
        `GET /language HTTP/1.1\r\nHost: a\r\nAccept-Language: de\r\nConnection: ${connection}\r\n\r\n`,
      );
    assert.match((await ask('accept-language, close')).text, /undefined/);
    assert.match((await ask('close')).text, /\bde\b/);
  });

  test('hosts never mix, and neither do queries', async () => {
    const { rampart, seen } = await startCaching((req, res) => res.end(`${req.headers.host}${req.url}`));
    for (const host of ['a.example', 'b.example']) {
      for (const path of ['/a', '/a?x=1', '/a?x=2'])
        assert.equal((await get(rampart, path, { host })).body, host + path);
    }
    assert.equal(seen.length, 6);
  });

  test('fields that no key has: they are dropped, or the request goes past the cache', async () => {
    const { rampart } = await startCaching((req, res) => {
      res.end(JSON.stringify(req.headers) + String(req.url));
    });
    const fields = [
      'x-forwarded-host',
      'x-forwarded-proto',
      'x-forwarded-port',
      'x-forwarded-scheme',
      'forwarded',
      'x-real-ip',
      'x-original-url',
      'x-rewrite-url',
      'x-host',
      'x-http-method-override',
      'x-method-override',
    ];
    for (const [index, field] of fields.entries()) {
      await get(rampart, `/${index}`, { [field]: 'evil' });
      assert.doesNotMatch((await get(rampart, `/${index}`)).body, /evil/, field);
    }
  });

  test('a body with GET goes past the cache', async () => {
    const { rampart, seen } = await startCaching((req, res) => void req.pipe(res));
    const fat = await get(rampart, '/a', { 'content-length': '0', 'x-note': 'no body' });
    assert.match(fat.cacheStatus, /uri-miss/);
    const { sendRaw } = await import('../support/raw.ts');
    const reply = await sendRaw(
      rampart.port,
      'GET /b HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\nConnection: close\r\n\r\nevil',
    );
    assert.match(reply.text, /fwd=bypass[^]*evil/);
    assert.doesNotMatch((await get(rampart, '/b')).body, /evil/);
    assert.equal(seen.length, 3);
  });

  test('the forwarding fields of a trusted peer are a part of the key', async () => {
    const { rampart, seen } = await startCaching((req, res) => res.end(String(req.headers['x-forwarded-proto'])), {
      trustedProxies: ['127.0.0.1'],
    });
    for (const proto of ['https', 'http', 'https', 'http']) {
      const from = { 'x-forwarded-proto': proto, 'x-forwarded-for': `${seen.length}.1.1.1` };
      assert.equal((await get(rampart, '/a', from)).body, proto);
    }
    assert.equal(seen.length, 2);
  });

  test('a thousand selections of one path stay within the bound', async () => {
    const { rampart } = await startCaching(saying({ vary: 'x-any' }), { env: { CACHE_MAX_BYTES: '64KiB' } });
    for (let value = 0; value < 300; value++) await get(rampart, '/a', { 'x-any': String(value) });
    assert.ok(Number(/rampart_cache_bytes (\d+)/.exec(rampart.metrics())?.[1]) <= 65_536);
    assert.match((await get(rampart, '/a', { 'x-any': '299' })).cacheStatus, /hit/);
  });
});
