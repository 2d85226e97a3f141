import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { closers, inFlight, startBackend, startGateway } from '../support/proxying.ts';
import { eventually, sendRaw, startRawBackend } from '../support/raw.ts';

describe('proxying at its limits', () => {
  test('a client that leaves cancels the request at the backend', async () => {
    let closed = 0;
    const { origin } = await startBackend((req) => void req.socket.on('close', () => closed++));
    const rampart = await startGateway([origin]);
    const abort = new AbortController();
    const pending = fetch(rampart.url, { signal: abort.signal }).catch(() => 'left');
    await eventually('the backend has it', () => inFlight(rampart) === 1);
    abort.abort();
    assert.equal(await pending, 'left');
    await eventually('the backend is told', () => closed === 1);
    await eventually('its permit is back', () => inFlight(rampart) === 0);
    assert.match(rampart.metrics(), /rampart_requests_total\{endpoint="app",status="499"\} 1\n/);
  });

  test('a client that leaves the queue frees its place', async () => {
    const { origin } = await startBackend(() => {});
    const rampart = await startGateway([origin], { cap: 1, queueCapacity: 1 });
    const abort = new AbortController();
    const pending = [1, 2].map(() => fetch(rampart.url, { signal: abort.signal }).catch(() => 'left'));
    await eventually('one waits', () =>
      rampart.metrics().includes('rampart_queue_depth{upstream="app",priority="interactive"} 1'),
    );
    abort.abort();
    await Promise.all(pending);
    await eventually('nobody waits', () =>
      rampart.metrics().includes('rampart_queue_depth{upstream="app",priority="interactive"} 0'),
    );
    await eventually('its permit is back', () => inFlight(rampart) === 0);
  });

  test('never exceeds the cap; serves waiting requests in turn; refuses at once when the queue is full', async () => {
    const atBackend: { path: string; answer: () => void }[] = [];
    let most = 0;
    let now = 0;
    const { origin } = await startBackend((req, res) => {
      most = Math.max(most, ++now);
      const answer = (): void => {
        now--;
        res.end('ok');
      };
      atBackend.push({ path: req.url ?? '', answer });
    });
    const rampart = await startGateway([origin], { cap: 2, queueCapacity: 3, queueTimeoutMs: 30_000 });
    const depth = (count: number): boolean =>
      rampart.metrics().includes(`rampart_queue_depth{upstream="app",priority="interactive"} ${count}\n`);
    const statuses: Promise<number>[] = [];
    const send = (index: number): void => {
      statuses.push(fetch(`${rampart.url}/${index}`).then((reply) => reply.status));
    };
    for (const index of [0, 1]) {
      send(index);
      await eventually(`${index} is at the backend`, () => atBackend.length === index + 1);
    }
    for (const index of [2, 3, 4]) {
      send(index);
      await eventually(`${index} waits`, () => depth(index - 1));
    }
    const full = await fetch(`${rampart.url}/5`);
    assert.equal(full.status, 503);
    assert.equal(((await full.json()) as { reason: string }).reason, 'overloaded');
    for (const index of [0, 1, 2, 3, 4]) {
      await eventually(`${index} is at the backend`, () => atBackend.length > index);
      atBackend[index]?.answer();
    }
    assert.deepEqual(await Promise.all(statuses), [200, 200, 200, 200, 200]);
    assert.deepEqual(
      atBackend.map(({ path }) => path),
      // A queue that is more than 80 % full serves the newest first.
      ['/0', '/1', '/4', '/2', '/3'],
    );
    assert.equal(most, 2);
  });

  test('a request that waits too long gets 503 queue-timeout with Retry-After', async () => {
    const { origin } = await startBackend(() => {});
    const rampart = await startGateway([origin], { cap: 1, queueTimeoutMs: 50 });
    const abort = new AbortController();
    const first = fetch(rampart.url, { signal: abort.signal }).catch(() => 'left');
    await eventually('the only permit is taken', () => inFlight(rampart) === 1);
    const reply = await fetch(rampart.url);
    assert.equal(reply.status, 503);
    assert.equal(((await reply.json()) as { reason: string }).reason, 'queue-timeout');
    assert.ok(Number(reply.headers.get('retry-after')) >= 1);
    abort.abort();
    await first;
  });

  test('a deadline that passes in the queue ends the wait, and no backend is asked', async () => {
    let asked = 0;
    const { origin } = await startBackend(() => void asked++);
    const rampart = await startGateway([origin], { cap: 1, queueTimeoutMs: 20_000, timeoutMs: 300 });
    const abort = new AbortController();
    const first = fetch(rampart.url, { method: 'POST', signal: abort.signal });
    await eventually('the only permit is taken', () => asked === 1);
    rampart.gateway.applyBackends([]);
    const [reply, held] = await Promise.all([fetch(rampart.url), first]);
    assert.deepEqual([reply.status, held.status], [504, 504]);
    assert.ok(['deadline', 'upstream-timeout'].includes(((await reply.json()) as { reason: string }).reason));
    assert.match(rampart.metrics(), /rampart_wait_seconds_count\{endpoint="app",phase="queue"\} 2\n/);
    assert.match(rampart.metrics(), /rampart_exec_seconds_count\{endpoint="app",phase="upstream"\} [12]\n/);
  });

  test('a client that does not read for too long is cut off, and its permit comes back', async () => {
    const { origin } = await startBackend((_req, res) => {
      res.end(Buffer.alloc(50 * 1024 ** 2));
    });
    const rampart = await startGateway([origin], { cap: 1, env: { UPSTREAM_TIMEOUT_MS: '300' } });
    const socket = connect(rampart.port, '127.0.0.1');
    closers.push(async () => socket.destroy());
    socket.on('error', () => {});
    socket.pause();
    socket.write('GET /big HTTP/1.1\r\nHost: a\r\n\r\n');
    await eventually('it is under way', () => inFlight(rampart) === 1);
    await eventually('its permit is back', () => inFlight(rampart) === 0);
  });

  test('a backend that does not answer gets 504 at the timeout, and its permit comes back', async () => {
    const { origin } = await startBackend(() => {});
    const rampart = await startGateway([origin], { timeoutMs: 100 });
    const reply = await fetch(rampart.url);
    assert.equal(reply.status, 504);
    assert.equal(reply.headers.get('proxy-status'), 'Rampart; error=http_response_timeout');
    assert.equal(((await reply.json()) as { reason: string }).reason, 'upstream-timeout');
    await eventually('its permit is back', () => inFlight(rampart) === 0);
  });

  test('a reply that came in time is not late because this process stood still', async () => {
    const backend = new Worker(
      `const { parentPort } = require('node:worker_threads');
       const server = require('node:http').createServer((req, res) => {
         parentPort.postMessage('asked');
         setTimeout(() => res.end('in time'), 50);
       });
       server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));`,
      { eval: true },
    );
    closers.push(() => backend.terminate());
    const [port] = (await once(backend, 'message')) as [number];
    const rampart = await startGateway([`http://127.0.0.1:${port}`], { timeoutMs: 150 });
    const asked = fetch(rampart.url);
    await once(backend, 'message');
    // Within what a message calls, as what is due after it comes before the next look at the sockets.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    const reply = await asked;
    assert.deepEqual([reply.status, await reply.text()], [200, 'in time']);
  });

  test('a backend that is not there is passed over, body and all', async () => {
    const gone = await startRawBackend(() => {});
    await gone.close();
    const { origin } = await startBackend((req, res) => void req.pipe(res));
    const rampart = await startGateway([gone.origin, origin]);
    for (let index = 0; index < 20; index++) {
      const reply = await fetch(rampart.url, { method: 'POST', body: `body ${index}` });
      assert.equal(await reply.text(), `body ${index}`);
    }
    assert.doesNotMatch(rampart.metrics(), /status="50\d"/);
  });

  test('a GET that finds its connection dead is done again; a POST that may have arrived is not', async () => {
    let dying = 0;
    const backend = await startRawBackend((socket, head) => {
      if (dying-- > 0) socket.destroy();
      else socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n${head.slice(0, 2)}`);
    });
    closers.push(() => backend.close());
    const rampart = await startGateway([backend.origin]);
    dying = 1;
    assert.equal(await (await fetch(rampart.url)).text(), 'GE');
    dying = 1;
    assert.equal((await fetch(rampart.url, { method: 'POST', body: 'x' })).status, 502);
    assert.equal((await fetch(rampart.url)).status, 200);
  });

  test('a backend that dies within a body ends the reply visibly, whichever way it is framed', async () => {
    for (const framing of ['Content-Length: 100', 'Transfer-Encoding: chunked']) {
      const backend = await startRawBackend((socket) => {
        socket.write(`HTTP/1.1 200 OK\r\n${framing}\r\n\r\n5\r\nhello\r\n`);
        setTimeout(() => socket.destroy(), 20);
      });
      closers.push(() => backend.close());
      const rampart = await startGateway([backend.origin]);
      await assert.rejects(fetch(rampart.url).then((reply) => reply.text()));
      await eventually('the failure is counted', () =>
        rampart.metrics().includes('rampart_errors_total{endpoint="app",error_type="upstream-failed"} 1'),
      );
    }
  });

  test('a client that waits for less than a backend takes gets 504 deadline, and the backend is not blamed', async () => {
    const slow = await startBackend((_req, res) => void setTimeout(() => res.end('ok'), 100));
    const other = await startBackend((_req, res) => void setTimeout(() => res.end('ok'), 100));
    const rampart = await startGateway([slow.origin, other.origin], { cap: 16 });
    for (let round = 0; round < 4; round++) {
      const replies = await Promise.all(
        Array.from({ length: 20 }, () => fetch(rampart.url, { headers: { 'x-deadline-ms': '20' } })),
      );
      for (const reply of replies) {
        assert.equal(reply.status, 504);
        assert.equal(((await reply.json()) as { reason: string }).reason, 'deadline');
      }
    }
    assert.match(rampart.metrics(), /rampart_ejections_total\{upstream="app"\} 0\n/);
    assert.match(rampart.metrics(), /rampart_limit\{upstream="app"\} 32\n/);
    assert.equal((await fetch(rampart.url, { headers: { 'x-deadline-ms': '5000' } })).status, 200);
  });

  test('with no backend up the reason is no-backend', async () => {
    const gone = await startRawBackend(() => {});
    await gone.close();
    const rampart = await startGateway([gone.origin], { queueTimeoutMs: 50 });
    const backend = `127.0.0.1:${gone.port}`;
    rampart.gateway.applyBackends([{ upstream: 'app', backend, up: false }]);
    const reply = await fetch(rampart.url);
    assert.equal(reply.status, 503);
    assert.equal(((await reply.json()) as { reason: string }).reason, 'no-backend');
    // It is not one that the worker's readiness depends on.
    assert.equal((await fetch(`${rampart.url}/readyz`)).status, 200);
  });

  test('drains: requests in flight are answered with Connection: close, and then the worker ends', async () => {
    let finish = (): void => {};
    const { origin } = await startBackend((_req, res) => {
      finish = () => res.end('done');
    });
    const rampart = await startGateway([origin]);
    const pending = sendRaw(rampart.port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', { quietMs: 10_000 });
    await eventually('it is under way', () => inFlight(rampart) === 1);
    const idle = connect(rampart.port, '127.0.0.1');
    await new Promise((resolve) => void idle.once('connect', resolve));
    const drained = rampart.gateway.drain();
    // A request on a connection that was open before is still answered.
    const late = new Promise<string>((resolve) => {
      let text = '';
      idle.on('data', (chunk: Buffer) => (text += chunk.toString()));
      idle.on('close', () => resolve(text));
    });
    idle.write('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.match(await late, /^HTTP\/1\.1 200 OK\r\n[^]*connection: close/i);
    finish();
    assert.match((await pending).text, /\r\nconnection: close\r\n[^]*done/i);
    await drained;
    await assert.rejects(fetch(rampart.url));
  });
});
