import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type TestGateway, startTestGateway } from '../support/gateway.ts';
import { closers, inFlight, startBackend, startGateway } from '../support/proxying.ts';
import { eventually, sendRaw, statusOf } from '../support/raw.ts';

const outcomes = (rampart: TestGateway, outcome: string): number =>
  Number(new RegExp(`upstream="app",[^}]*outcome="${outcome}"\\} (\\d+)`).exec(rampart.metrics())?.[1] ?? 0);
const gauge = (rampart: TestGateway, name: string): number =>
  Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\d+)$`, 'm').exec(rampart.metrics())?.[1]);

function open(rampart: TestGateway, bytes: string): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connect(rampart.port, '127.0.0.1', () => {
      socket.write(bytes);
      resolve(socket);
    });
    socket.on('error', () => {});
    closers.push(async () => socket.destroy());
  });
}

const upload = (length: number, begin: string): string =>
  `POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n${begin}`;

/** A backend that answers with the length of what it got, and with `size` bytes where the path names it. */
const counting = () =>
  startBackend((req, res) => {
    let length = 0;
    req.on('data', (chunk: Buffer) => (length += chunk.length));
    req.on('end', () => res.end(`${length} bytes, announced ${req.headers['content-length'] ?? 'none'}`));
  });

describe('slow uploads', () => {
  test('A2, C3, II.1: eight half bodies at a cap of eight hold no permit', async () => {
    const { origin } = await counting();
    const rampart = await startGateway([origin], { cap: 8 });
    for (let index = 0; index < 24; index++) await open(rampart, upload(8192, 'a'));
    const replies = await Promise.all(Array.from({ length: 16 }, () => fetch(rampart.url)));
    assert.deepEqual(new Set(replies.map(({ status }) => status)), new Set([200]));
    assert.equal(inFlight(rampart), 0);
  });

  test('a body of any size and framing arrives whole, from memory or from the spool', async () => {
    const { origin } = await counting();
    const rampart = await startGateway([origin]);
    for (const length of [1, 65_536, 65_537, 1_000_000]) {
      const { text } = await sendRaw(rampart.port, upload(length, 'x'.repeat(length)), {
        until: (got) => got.includes('announced'),
      });
      assert.match(text, new RegExp(`\\b${length} bytes, announced ${length}$`));
      const chunked = `POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${length.toString(16)}\r\n${'y'.repeat(length)}\r\n0\r\n\r\n`;
      const reply = await sendRaw(rampart.port, chunked, { until: (got) => got.includes('announced') });
      assert.match(reply.text, new RegExp(`\\b${length} bytes, announced ${length}$`));
    }
    await eventually('the spool is empty', () => gauge(rampart, 'rampart_spool_bytes') === 0);
  });

  test('a body beyond the budget of the spool is refused with 503 spool-full, and the room comes back', async () => {
    const { origin } = await counting();
    const rampart = await startGateway([origin], { env: { SPOOL_MAX_BYTES: '200KiB' } });
    const held = await open(rampart, upload(1_000_000, 'x'.repeat(150_000)));
    await eventually('it is spooled', () => gauge(rampart, 'rampart_spool_bytes') === 150_000);
    const refused = await sendRaw(rampart.port, upload(100_000, 'x'.repeat(100_000)));
    assert.equal(statusOf(refused), 503);
    assert.match(refused.text, /"reason":"spool-full"/);
    assert.match(refused.text, /\r\nretry-after: \d/);
    held.destroy();
    await eventually('the room is free', () => gauge(rampart, 'rampart_spool_bytes') === 0);
    const { text } = await sendRaw(rampart.port, upload(100_000, 'x'.repeat(100_000)), {
      until: (got) => got.includes('announced'),
    });
    assert.match(text, /100000 bytes/);
  });

  test('the time of the backend begins with the end of the body, so a slow client does not count against it', async () => {
    const { origin } = await counting();
    const rampart = await startGateway([origin], { timeoutMs: 300 });
    const slow = await open(rampart, upload(4, 'a'));
    let reply = '';
    slow.on('data', (chunk: Buffer) => (reply += chunk.toString()));
    for (const part of ['b', 'c', 'd']) {
      await new Promise((resolve) => setTimeout(resolve, 200));
      slow.write(part);
    }
    await eventually('it is answered', () => reply.includes('4 bytes'));
    assert.match(reply, /^HTTP\/1\.1 200 /);
    assert.equal(outcomes(rampart, 'timeout'), 0);
  });

  test(
    'a streamed upload that is too slow gets 408, and is no failure of the backend',
    { timeout: 30_000 },
    async () => {
      const { origin } = await counting();
      const rampart = await startTestGateway({
        upstreams: { app: { backends: [origin], cap: 2 } },
        routes: [{ endpoint: 'app', path: '/*', upstream: 'app', upload: 'stream', timeoutMs: 500 }],
      });
      closers.push(() => rampart.close());
      const { text } = await sendRaw(rampart.port, upload(100, 'a'), { quietMs: 20_000 });
      assert.match(text, /^HTTP\/1\.1 408 /);
      await eventually('its permit is back', () => inFlight(rampart) === 0);
      assert.equal(outcomes(rampart, 'timeout') + outcomes(rampart, 'failure'), 0);
      assert.equal(outcomes(rampart, 'aborted'), 1);
    },
  );

  test('A1: an early reply to an upload arrives, whether the backend reads on or closes', async () => {
    const { startRawBackend } = await import('../support/raw.ts');
    const body = 'x'.repeat(5_000_000);
    for (const behaviour of ['pause', 'close'] as const) {
      const backend = await startRawBackend((socket, head) => {
        if (!head.startsWith('POST')) return;
        socket.pause();
        const reply = 'HTTP/1.1 413 Payload Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig';
        if (behaviour === 'pause') setTimeout(() => socket.write(reply), 50);
        else {
          socket.end(reply);
          setTimeout(() => socket.destroy(), 5);
        }
      });
      closers.push(() => backend.close());
      for (const mode of ['buffer', 'stream'] as const) {
        const rampart = await startTestGateway({
          upstreams: { app: { backends: [backend.origin], cap: 8 } },
          routes: [{ endpoint: 'app', path: '/*', upstream: 'app', upload: mode, maxBodyBytes: 10_000_000 }],
        });
        closers.push(() => rampart.close());
        for (let round = 0; round < 10; round++) {
          const { text } = await sendRaw(rampart.port, upload(body.length, body), {
            quietMs: 8000,
            until: (got) => got.endsWith('big'),
          });
          assert.match(text, /^HTTP\/1\.1 413 [^]*big$/, `${behaviour}, ${mode}`);
        }
        await eventually('nothing in flight', () => inFlight(rampart) === 0);
        assert.equal(outcomes(rampart, 'failure'), 0);
      }
    }
  });

  test('a refusal reaches a client that sends all of a large body before it reads', async () => {
    const { origin } = await counting();
    const rampart = await startGateway([origin], { maxBodyBytes: 1000 });
    for (let round = 0; round < 10; round++) {
      const { text, closed } = await sendRaw(rampart.port, upload(5_000_000, 'x'.repeat(5_000_000)));
      assert.match(text, /^HTTP\/1\.1 413 [^]*"reason":"body-too-large"/);
      assert.equal(closed, true);
    }
  });

  test('C4: a body whose attempt is given up while it connects reaches the next backend whole', async () => {
    const { origin } = await counting();
    const rampart = await startTestGateway({
      upstreams: { app: { backends: ['http://127.0.0.1:1', origin], cap: 4 } },
      routes: [{ endpoint: 'app', path: '/*', upstream: 'app', upload: 'stream' }],
    });
    closers.push(() => rampart.close());
    for (let round = 0; round < 20; round++) {
      const socket = await open(rampart, upload(12, 'abcdef'));
      let reply = '';
      socket.on('data', (chunk: Buffer) => (reply += chunk.toString()));
      setTimeout(() => socket.write('ghijkl'), 5);
      await eventually('it is answered', () => reply.includes('bytes'));
      assert.match(reply, /12 bytes/);
    }
  });
});

describe('slow readers', () => {
  const large = 10_000_000;
  const sendsLarge = () =>
    startBackend((req, res) => {
      if (req.url !== '/large') return void res.end('small');
      return void res.end(Buffer.alloc(large, 'z'));
    });

  test('III.3: twenty readers that read nothing leave all permits to the others, and their replies are whole', async () => {
    const { origin } = await sendsLarge();
    const rampart = await startGateway([origin], { cap: 4 });
    const readers: Socket[] = [];
    for (let index = 0; index < 20; index++) {
      const reader = await open(rampart, 'GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      reader.pause();
      readers.push(reader);
    }
    await eventually('the backend is done with all of them', () => inFlight(rampart) === 0, 20_000);
    const replies = await Promise.all(Array.from({ length: 8 }, () => fetch(rampart.url)));
    assert.deepEqual(new Set(replies.map(({ status }) => status)), new Set([200]));
    let got = 0;
    const first = readers[0] as Socket;
    first.on('data', (chunk: Buffer) => (got += chunk.length)).resume();
    await new Promise<void>((resolve) => void first.once('close', () => resolve()));
    assert.ok(got > large, `${got} bytes`);
    for (const reader of readers) reader.destroy();
    await eventually('the spool is empty', () => gauge(rampart, 'rampart_spool_bytes') === 0);
    assert.equal(gauge(rampart, 'rampart_reply_buffer_bytes'), 0);
  });

  test('where nothing can be spooled, the backend waits for its client, and the reply is whole', async () => {
    const { origin } = await sendsLarge();
    const dataDir = mkdtempSync(join(tmpdir(), 'rampart-no-spool-'));
    closers.push(async () => rmSync(dataDir, { recursive: true }));
    writeFileSync(join(dataDir, 'spool'), 'a file, where there should be a folder');
    for (const env of [{ RAMPART_DATA_DIR: dataDir }, { SPOOL_MAX_BYTES: '1' }, { SPOOL_MAX_BYTES: '300KiB' }]) {
      const rampart = await startGateway([origin], { cap: 4, env });
      const reader = await open(rampart, 'GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      reader.pause();
      await eventually('it is held back', () => gauge(rampart, 'rampart_reply_buffer_bytes') > 0);
      let got = 0;
      reader.on('data', (chunk: Buffer) => (got += chunk.length)).resume();
      await new Promise<void>((resolve) => void reader.once('close', () => resolve()));
      assert.ok(got > large, `${JSON.stringify(env)}: ${got} bytes`);
      await eventually('nothing is held', () => gauge(rampart, 'rampart_reply_buffer_bytes') === 0);
      assert.equal(gauge(rampart, 'rampart_spool_bytes'), 0);
    }
  });

  test(
    'where the spool is full, a reader that takes nothing makes room for the next',
    { timeout: 60_000 },
    async () => {
      const { origin } = await sendsLarge();
      const rampart = await startGateway([origin], { cap: 2, env: { SPOOL_MAX_BYTES: '8MiB' } });
      for (let index = 0; index < 6; index++) {
        const reader = await open(rampart, 'GET /large HTTP/1.1\r\nHost: a\r\n\r\n');
        reader.pause();
      }
      await eventually('permits come back', () => inFlight(rampart) === 0, 40_000);
      assert.equal((await fetch(rampart.url)).status, 200);
    },
  );
});
