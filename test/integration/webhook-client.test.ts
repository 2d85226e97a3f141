import assert from 'node:assert/strict';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, test } from 'node:test';
import { WebhookClient, type WebhookClientOptions } from '../../src/batch/webhook-client.ts';
import { AddressSet } from '../../src/core/addresses.ts';
import { systemClock } from '../../src/core/clock.ts';
import { selfSigned } from '../support/certificates.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { eventually } from '../support/raw.ts';

const loopback = new AddressSet(['127.0.0.0/8']);
const nothing = new AddressSet([]);

describe('WebhookClient', () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.close();
      server.closeAllConnections();
    }
  });

  async function listen(server: Server, host = '127.0.0.1'): Promise<number> {
    servers.push(server);
    await new Promise<void>((resolve) => void server.listen(0, host, resolve));
    return (server.address() as AddressInfo).port;
  }

  /** A receiver that writes down what it gets. */
  async function receiver(answer: RequestListener = (_, res) => res.writeHead(204).end()) {
    const got: { readonly url: string; readonly host: string; readonly body: string }[] = [];
    const server = createServer((req, res) => {
      let body = '';
      req.on('data', (chunk: Buffer) => (body += chunk.toString()));
      req.on('end', () => {
        got.push({ url: req.url ?? '', host: req.headers.host ?? '', body });
        answer(req, res);
      });
    });
    return { got, port: await listen(server) };
  }

  const client = (options: Partial<WebhookClientOptions> = {}) =>
    new WebhookClient({ clock: systemClock, allowed: loopback, ...options });
  const resolvesTo =
    (...addresses: string[]) =>
    async () =>
      addresses;

  test('posts the body to the path, with the host of the URL, to the address that its name has', async () => {
    const { got, port } = await receiver();
    const url = `http://hooks.example:${port}/done?a=1`;
    const attempt = await client({ resolve: resolvesTo('127.0.0.1') }).post(url, { 'webhook-id': 'x' }, '{"a":1}');
    assert.deepEqual(attempt, { kind: 'reply', status: 204 });
    assert.deepEqual(got, [{ url: '/done?a=1', host: `hooks.example:${port}`, body: '{"a":1}' }]);
  });

  for (const [name, addresses] of [
    ['a loopback address', ['127.0.0.1']],
    ['a private address', ['10.0.0.1']],
    ['the address of a cloud’s metadata', ['169.254.169.254']],
    ['IPv6 loopback', ['::1']],
    ['a mapped loopback address', ['::ffff:127.0.0.1']],
    ['a public address and a private one', ['93.184.216.34', '127.0.0.1']],
  ] as const)
    test(`a name that leads to ${name} is refused before anything is sent`, async () => {
      const { got, port } = await receiver();
      const attempt = await client({ allowed: nothing, resolve: resolvesTo(...addresses) }).post(
        `https://hooks.example:${port}/`,
        {},
        '',
      );
      assert.deepEqual(attempt, { kind: 'failed', why: 'its host has an address that is not public' });
      assert.equal(got.length, 0);
    });

  test('a name that leads elsewhere a moment later changes nothing: it is looked up once', async () => {
    const { got, port } = await receiver();
    const answers = ['127.0.0.1', '10.66.66.66'];
    let asked = 0;
    const resolve = async () => [answers[asked++] ?? ''];
    assert.equal((await client({ resolve }).post(`http://rebinding.example:${port}/`, {}, '')).kind, 'reply');
    assert.equal(asked, 1);
    assert.equal(got.length, 1);
    // The next attempt sees the other address, and is refused.
    assert.equal((await client({ resolve }).post(`http://rebinding.example:${port}/`, {}, '')).kind, 'failed');
  });

  test('an address in the URL is checked without a look-up, also where it is allowed', async () => {
    const { got, port } = await receiver();
    const resolve = async () => assert.fail('there is no name');
    const refused = await client({ allowed: nothing, resolve }).post(`https://127.0.0.1:${port}/`, {}, '');
    assert.match(refused.kind === 'failed' ? refused.why : '', /public address/);
    assert.deepEqual(await client({ resolve }).post(`http://127.0.0.1:${port}/`, {}, ''), {
      kind: 'reply',
      status: 204,
    });
    assert.equal(got.length, 1);
  });

  test('a redirect is an answer, and is not followed', async () => {
    const inner = await receiver();
    const { port } = await receiver((_, res) =>
      res.writeHead(307, { location: `http://127.0.0.1:${inner.port}/secret` }).end(),
    );
    const attempt = await client().post(`http://127.0.0.1:${port}/`, {}, '');
    assert.deepEqual(attempt, { kind: 'reply', status: 307 });
    assert.equal(inner.got.length, 0);
  });

  test('http is for allowed addresses alone, whatever a name says', async () => {
    const attempt = await client({ resolve: resolvesTo('93.184.216.34') }).post('http://hooks.example/', {}, '');
    assert.deepEqual(attempt, { kind: 'failed', why: 'it must begin with https://' });
  });

  for (const [name, answer] of [
    ['says nothing', () => {}],
    ['never ends its body', (_, res) => void res.writeHead(200).write('x')],
  ] satisfies [string, RequestListener][])
    test(`a receiver that ${name} is left after ten seconds`, async () => {
      const clock = new ManualClock();
      const { got, port } = await receiver(answer);
      const attempt = client({ clock }).post(`http://127.0.0.1:${port}/`, {}, '');
      await eventually('it has the request', () => got.length === 1);
      await new Promise<void>((resolve) => void setImmediate(resolve));
      clock.advance(10_000);
      assert.deepEqual(await attempt, { kind: 'failed', why: 'no reply within 10 s' });
    });

  test('a look-up that never ends is left after ten seconds, too', async () => {
    const clock = new ManualClock();
    const attempt = client({ clock, resolve: () => new Promise(() => {}) }).post('https://slow.example/', {}, '');
    clock.advance(10_000);
    assert.deepEqual(await attempt, { kind: 'failed', why: 'no reply within 10 s' });
  });

  test('a stop cuts an attempt off', async () => {
    const { got, port } = await receiver(() => {});
    const cut = new AbortController();
    const attempt = client().post(`http://127.0.0.1:${port}/`, {}, '', cut.signal);
    await eventually('it has the request', () => got.length === 1);
    cut.abort();
    assert.deepEqual(await attempt, { kind: 'failed', why: 'cut off by a stop of Rampart' });
  });

  test('of a long answer little is read', async () => {
    let sent = 0;
    const { port } = await receiver((_, res) => {
      res.writeHead(200);
      const more = (): void => {
        while (!res.destroyed && sent < 100_000_000) {
          sent += 65_536;
          if (!res.write(Buffer.alloc(65_536))) return void res.once('drain', more);
        }
      };
      more();
    });
    await client().post(`http://127.0.0.1:${port}/`, {}, '');
    assert.ok(sent < 50_000_000, `${sent} bytes`);
  });

  for (const [name, why, url, resolve] of [
    ['is not there', /ECONNREFUSED/, 'http://127.0.0.1:1/', undefined],
    ['has no name', /no address/, 'https://nowhere.example/', () => Promise.reject(new Error('ENOTFOUND'))],
  ] as const)
    test(`a receiver that ${name} is a failed attempt`, async () => {
      const attempt = await client({ ...(resolve && { resolve }) }).post(url, {}, '');
      assert.match(attempt.kind === 'failed' ? attempt.why : '', why);
    });

  test('over TLS the certificate must be that of the name', async () => {
    const { key, cert } = selfSigned('DNS:hooks.example');
    const port = await listen(
      createSecureServer({ key, cert }, (_, res) => res.writeHead(200).end()) as unknown as Server,
    );
    const options = { resolve: resolvesTo('127.0.0.1'), ca: cert };
    assert.deepEqual(await client(options).post(`https://hooks.example:${port}/`, {}, '{}'), {
      kind: 'reply',
      status: 200,
    });
    for (const [host, ca] of [
      ['other.example', cert],
      ['hooks.example', undefined],
    ] as const) {
      const attempt = await client({
        ...options,
        ...(ca === undefined ? { ca: selfSigned('DNS:x').cert } : { ca }),
      }).post(`https://${host}:${port}/`, {}, '{}');
      assert.match(attempt.kind === 'failed' ? attempt.why : '', /ERR_TLS_CERT_ALTNAME_INVALID|DEPTH_ZERO|UNABLE/);
    }
  });
});
