import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import { get, many, startCaching } from '../support/caching.ts';
import { startTestGateway, testKey } from '../support/gateway.ts';
import { closers, inFlight, startBackend } from '../support/proxying.ts';
import { eventually } from '../support/raw.ts';

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
const key = { authorization: `Bearer ${testKey}` };

describe('coalescing', () => {
  test('200 identical misses at once make one upstream request', async () => {
    let answer: () => unknown = () => {};
    const { rampart, seen } = await startCaching((_req, res) => void (answer = () => res.end('x'.repeat(10_000))));
    const asking = many(200, () => get(rampart, '/a'));
    await eventually('all of them wait', () => rampart.metrics().includes('rampart_in_flight{endpoint="app"} 200\n'));
    answer();
    const replies = await asking;
    assert.equal(seen.length, 1);
    assert.ok(replies.every(({ status, body }) => status === 200 && body.length === 10_000));
    const statuses = replies.map(({ cacheStatus }) => cacheStatus);
    assert.equal(statuses.filter((each) => each === 'Rampart; fwd=uri-miss; fwd-status=200; stored').length, 1);
    assert.equal(statuses.filter((each) => each.endsWith('; stored; collapsed')).length, 199);
    assert.match((await get(rampart, '/a')).cacheStatus, /^Rampart; hit; ttl=\d+$/);
    assert.match(rampart.metrics(), /rampart_cache_requests_total\{endpoint="app",result="collapsed"\} 199\n/);
    assert.match(rampart.metrics(), /rampart_cache_requests_total\{endpoint="app",result="miss"\} 1\n/);
    assert.match(rampart.metrics(), /rampart_cache_entries 1\n/);
    assert.equal(inFlight(rampart), 0);
  });

  test('200 identical renders and creations at once make one upstream request', async () => {
    let asked = 0;
    const { origin } = await startBackend((req, res) => {
      asked++;
      req.resume();
      setTimeout(() => res.writeHead(200, { 'content-type': 'image/svg+xml' }).end('<svg/>'), 200);
    });
    const rampart = await startTestGateway({ generators: [origin], env: { GENERATOR_INSTANCES: '1' } });
    closers.push(() => rampart.close());
    const create = (): Promise<Response> =>
      fetch(`${rampart.url}/v1/barcodes`, {
        method: 'POST',
        body: '{"text":"x","symbology":"qrcode"}',
        headers: { ...key, 'content-type': 'application/json' },
      });
    const render = (): Promise<Response> => fetch(`${rampart.url}/v1/render/qrcode?text=x`, { headers: key });
    const replies = await Promise.all(
      Array.from({ length: 200 }, (_, index) => (index % 2 === 0 ? create() : render())),
    );
    const bodies = await Promise.all(replies.map((reply) => reply.text()));
    assert.equal(asked, 1);
    assert.ok(bodies.every((body) => body === '<svg/>'));
    assert.equal(replies.filter(({ status }) => status === 201).length, 100);
    assert.equal(new Set(replies.map((reply) => reply.headers.get('location'))).size, 101);
    await eventually('each creation is recorded', () => rampart.recorded.length === 100);
    const created = await create();
    assert.match(created.headers.get('cache-status') ?? '', /^Rampart; hit; ttl=\d+$/);
    assert.deepEqual([created.status, created.headers.get('cache-control'), asked], [201, 'no-store', 1]);
  });

  test('a late subscriber gets the bytes so far at once, and the rest as it arrives', async () => {
    let release: (() => void) | undefined;
    const { rampart, seen } = await startCaching((_req, res) => {
      res.write('first,');
      release = () => res.end('last');
    });
    const first = get(rampart, '/a');
    await eventually('the backend is asked', () => release !== undefined);
    const early = new Promise<string>((resolve) => {
      httpRequest({ port: rampart.port, path: '/a', headers: { host: 'a.example' } }, (res) => {
        res.once('data', (chunk: Buffer) => resolve(chunk.toString()));
      }).end();
    });
    assert.equal(await early, 'first,');
    release?.();
    assert.equal((await first).body, 'first,last');
    assert.equal(seen.length, 1);
  });

  test('the first client may leave; when all have left, the request to the backend is cancelled', async () => {
    let closed = 0;
    const answers: (() => void)[] = [];
    const { rampart, seen } = await startCaching((_req, res) => {
      res.on('close', () => void (res.writableFinished || closed++));
      answers.push(() => res.end('whole'));
    });
    const leader = connect(rampart.port, '127.0.0.1');
    leader.write('GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n');
    await eventually('it is asked', () => answers.length === 1);
    const follower = get(rampart, '/a');
    await pause(50);
    leader.destroy();
    await pause(50);
    assert.equal(closed, 0);
    answers[0]?.();
    assert.equal((await follower).body, 'whole');
    assert.equal(seen.length, 1);

    const alone = [1, 2].map(() => connect(rampart.port, '127.0.0.1'));
    for (const socket of alone) socket.write('GET /b HTTP/1.1\r\nHost: a.example\r\n\r\n');
    await eventually('it is asked again', () => answers.length === 2);
    await pause(50);
    for (const socket of alone) socket.destroy();
    await eventually('the request is given up', () => closed === 1);
    await eventually('the permit is back', () => inFlight(rampart) === 0);
    assert.equal(seen.length, 2);
  });

  test('a failure before the reply is retried once for the waiting clients, and none of them fails with it', async () => {
    const { rampart, seen } = await startCaching((req, res, number) => {
      // The first attempt and its retries.
      setTimeout(() => (number <= 3 ? req.socket.destroy() : res.end('good')), 100);
    });
    const replies = await many(20, () => get(rampart, '/a'));
    assert.equal(replies.filter(({ status }) => status === 502).length, 1);
    assert.equal(replies.filter(({ body }) => body === 'good').length, 19);
    assert.equal(seen.length, 4);
  });

  test('a second failure is returned to all waiting clients', async () => {
    const { rampart, seen } = await startCaching((req) => void setTimeout(() => req.socket.destroy(), 50));
    const replies = await many(20, () => get(rampart, '/a'));
    assert.ok(replies.every(({ status }) => status === 502));
    // Twice for each of two: the first backend may have died by chance.
    assert.equal(seen.length, 4);
  });

  test('each waiting client has its own deadline, which does not affect the others', async () => {
    const { rampart, seen } = await startCaching((_req, res) => void setTimeout(() => res.end('good'), 2000));
    const impatient = get(rampart, '/a', { 'x-deadline-ms': '500' });
    await eventually('it is at the backend', () => seen.length === 1);
    const patient = get(rampart, '/a');
    const late = get(rampart, '/a', { 'x-deadline-ms': '600' });
    assert.deepEqual(
      await Promise.all([impatient, late, patient].map(async (reply) => (await reply).status)),
      [504, 504, 200],
    );
    assert.equal(seen.length, 1);
  });

  test('a private reply goes to one client: each of the others sends its own request', async () => {
    const { rampart, seen } = await startCaching((_req, res, number) => {
      setTimeout(() => res.writeHead(200, { 'cache-control': 'private' }).end(`for ${number}`), 50);
    });
    const replies = await many(10, () => get(rampart, '/me'));
    assert.equal(new Set(replies.map(({ body }) => body)).size, 10);
    assert.equal(seen.length, 10);
    assert.ok(replies.every(({ cacheStatus }) => !/collapsed|stored/.test(cacheStatus)));
    // From then on nobody waits for another.
    const started = performance.now();
    await many(10, () => get(rampart, '/me'));
    // One after the other they would take half a second.
    assert.ok(performance.now() - started < 400, 'they did not wait for one another');
  });

  test('a request that selects another variant by Vary waits for that variant', async () => {
    const { rampart, seen } = await startCaching((req, res) => {
      const language = req.headers['accept-language'] ?? 'none';
      setTimeout(() => res.writeHead(200, { vary: 'Accept-Language' }).end(language), 50);
    });
    const ask = (language: string) => many(20, () => get(rampart, '/a', { 'accept-language': language }));
    const [english, german] = await Promise.all([ask('en'), ask('de')]);
    assert.ok(english.every(({ body }) => body === 'en'));
    assert.ok(german.every(({ body }) => body === 'de'));
    assert.equal(seen.length, 2);
    assert.match((await get(rampart, '/a', { 'accept-language': 'de' })).cacheStatus, /hit/);
    assert.match((await get(rampart, '/a', { 'accept-language': 'fr' })).cacheStatus, /fwd=vary-miss/);
  });

  for (const [kind, fields] of [
    ['selects another one', { 'cache-control': 'max-age=60', vary: 'Accept-Language' }],
    ['may not share it', { 'cache-control': 'max-age=0, stale-if-error=60' }],
  ] as const) {
    test(`a reply whose client has left, while the other one ${kind}, is read to its end and stored whole`, async () => {
      const answers: (() => void)[] = [];
      const { rampart, seen } = await startCaching((_req, res, number) => {
        if (number === 2) return void res.writeHead(200, { 'cache-control': 'no-store' }).end('another');
        if (number > 2) return void res.writeHead(500).end();
        // The head comes in one read with the first bytes of the body.
        answers.push(() => {
          res.writeHead(200, { ...fields, 'content-length': '11' }).write('first,');
          setTimeout(() => res.end('whole'), 50);
        });
        return undefined;
      });
      const leader = connect(rampart.port, '127.0.0.1');
      leader.write('GET /a HTTP/1.1\r\nHost: a.example\r\nAccept-Language: en\r\n\r\n');
      await eventually('it is asked', () => answers.length === 1);
      const follower = get(rampart, '/a', { 'accept-language': 'de' });
      const clients = (): string | undefined =>
        /rampart_in_flight\{endpoint="app"\} (\d+)/.exec(rampart.metrics())?.[1];
      await eventually('both wait', () => clients() === '2');
      leader.destroy();
      await eventually('one has left', () => clients() === '1');
      answers[0]?.();
      assert.equal((await follower).body, 'another');
      assert.equal(seen.length, 2);
      await eventually('both are over', () => inFlight(rampart) === 0);
      assert.equal((await get(rampart, '/a', { 'accept-language': 'en' })).body, 'first,whole');
    });
  }

  test('a reply that is cut is cut for all, and not kept', async () => {
    const { rampart, seen } = await startCaching((req, res, number) => {
      if (number > 1) return void res.end('whole');
      res.writeHead(200, { 'content-length': '100' }).write('half');
      return void setTimeout(() => req.socket.destroy(), 100);
    });
    const results = await Promise.allSettled([1, 2, 3].map(() => get(rampart, '/a')));
    assert.ok(results.every(({ status }) => status === 'rejected'));
    assert.equal((await get(rampart, '/a')).body, 'whole');
    assert.equal(seen.length, 2);
  });

  test('a slow reader delays no other client, and gets the whole reply, stored or not', async () => {
    const size = 24 * 1024 ** 2;
    for (const maxBytes of ['1GiB', '32MiB']) {
      const { rampart, seen } = await startCaching(
        (_req, res) => {
          const chunk = Buffer.alloc(64 * 1024, 'x');
          let written = 0;
          const more = (): void => {
            while (written < size) {
              written += chunk.length;
              if (!res.write(chunk)) return;
            }
            res.end();
          };
          res.on('drain', more);
          setTimeout(more, 100);
        },
        { env: { CACHE_MAX_BYTES: maxBytes } },
      );
      let taken = 0;
      let ended = '';
      const slow = httpRequest({ port: rampart.port, path: '/a', headers: { host: 'a.example' } }, (res) => {
        res.on('end', () => void (ended = 'all'));
        res.on('error', () => void (ended ||= 'less'));
        res.on('data', (part: Buffer) => void (taken += part.length));
        res.pause();
        void fast.then(() => res.resume());
      });
      slow.on('error', () => void (ended ||= 'less'));
      slow.end();
      await eventually('it is asked', () => seen.length === 1);
      const fast = get(rampart, '/a');
      assert.equal((await fast).body.length, size);
      await eventually('the slow one has ended', () => ended !== '');
      assert.deepEqual([ended, taken], ['all', size]);
      assert.equal(seen.length, 1);
    }
  });
});
