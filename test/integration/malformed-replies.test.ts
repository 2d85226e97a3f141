import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { eventually, type RawBackend, sendRaw, startRawBackend, statusOf } from '../support/raw.ts';

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const head = (...lines: string[]): string => `HTTP/1.1 200 OK\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;

/** `502`: refused before anything was said. `cut`: begun, then cut off so that nobody takes it for whole. `whole`: what is too much is dropped. */
type Case = readonly [name: string, bytes: string, expected: '502' | 'cut' | 'whole'];

const cases: readonly Case[] = [
  [
    'Content-Length with Transfer-Encoding',
    `${head('Content-Length: 2', 'Transfer-Encoding: chunked')}2\r\nok\r\n0\r\n\r\n`,
    '502',
  ],
  [
    'Transfer-Encoding with Content-Length',
    `${head('Transfer-Encoding: chunked', 'Content-Length: 2')}2\r\nok\r\n0\r\n\r\n`,
    '502',
  ],
  ['two different Content-Length', `${head('Content-Length: 2', 'Content-Length: 3')}ok!`, '502'],
  ['two equal Content-Length', `${head('Content-Length: 2', 'Content-Length: 2')}ok`, '502'],
  ['Content-Length that is no number', `${head('Content-Length: two')}ok`, '502'],
  ['Content-Length -1', `${head('Content-Length: -1')}ok`, '502'],
  ['NUL in a value', `${head('X: a\0b', 'Content-Length: 2')}ok`, '502'],
  ['bare CR in a value', `${head('X: a\rb', 'Content-Length: 2')}ok`, '502'],
  ['space before the colon', `${head('X : a', 'Content-Length: 2')}ok`, '502'],
  ['a header of 70 kB', `${head(`X: ${'a'.repeat(70_000)}`, 'Content-Length: 2')}ok`, '502'],
  ['no HTTP at all', 'this is no reply\r\n\r\n', '502'],
  ['a status that is no number', 'HTTP/1.1 abc OK\r\nContent-Length: 2\r\n\r\nok', '502'],
  ['a status of two digits', 'HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok', '502'],
  ['HTTP/9.9', 'HTTP/9.9 200 OK\r\nContent-Length: 2\r\n\r\nok', '502'],
  ['nothing, then the end', '', '502'],
  ['half a head, then the end', 'HTTP/1.1 200 OK\r\nContent-Le', '502'],
  ['less than its Content-Length, then the end', `${head('Content-Length: 10')}ok`, 'cut'],
  ['a chunk size that is none', `${head('Transfer-Encoding: chunked')}2\r\nok\r\nzz\r\n`, 'cut'],
  ['a chunked body without its end', `${head('Transfer-Encoding: chunked')}2\r\nok\r\n`, 'cut'],
  ['half a chunk, then the end', `${head('Transfer-Encoding: chunked')}5\r\nok`, 'cut'],
  ['a chunk longer than its size', `${head('Transfer-Encoding: chunked')}2\r\nokay\r\n0\r\n\r\n`, 'cut'],
  ['more than its Content-Length', `${head('Content-Length: 2')}okay`, 'whole'],
  ['a second reply at once', `${ok}${head('Content-Length: 6')}poison`, 'whole'],
];

describe('malformed replies of a backend', () => {
  let backend: RawBackend;
  let rampart: TestGateway;
  let answer: (socket: Socket) => void = (socket) => socket.write(ok);

  before(async () => {
    backend = await startRawBackend((socket) => answer(socket));
    rampart = await startTestGateway({
      upstreams: { raw: { backends: [backend.origin], cap: 2 } },
      routes: [{ endpoint: 'raw', path: '/*', upstream: 'raw' }],
    });
  });
  after(async () => {
    await rampart.close();
    await backend.close();
  });

  // POST, as a request that may be done twice would be tried once more.
  const request = 'POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n';
  const ask = () =>
    sendRaw(rampart.port, request, { until: (text) => /\r\n\r\nok$|"request_id":"[^"]+"\}$/.test(text) });

  test('there are at least twenty of them', () => assert.ok(cases.length >= 20, `${cases.length}`));

  for (const [name, bytes, expected] of cases) {
    test(`${name}: ${expected}`, async () => {
      answer = (socket) => {
        // A backend that says too little ends; one that says too much stays.
        if (expected === 'whole') socket.write(Buffer.from(bytes, 'latin1'));
        else socket.end(Buffer.from(bytes, 'latin1'));
      };
      const connections = backend.received.length;
      const reply = expected === 'cut' ? await sendRaw(rampart.port, request) : await ask();
      if (expected === '502') {
        assert.equal(statusOf(reply), 502, reply.text.slice(0, 200));
        assert.match(reply.text, /\r\nproxy-status: Rampart; error=\w+\r\n/);
        assert.match(reply.text, /"reason":"upstream-failed"/);
        assert.doesNotMatch(reply.text, new RegExp(`127\\.0\\.0\\.1|${backend.port}`), 'the backend stays unnamed');
      } else if (expected === 'cut') {
        assert.equal(statusOf(reply), 200);
        assert.ok(reply.closed, 'the connection must be closed');
        assert.doesNotMatch(reply.text, /0\r\n\r\n$/, 'the reply must not look whole');
      } else assert.match(reply.text, /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nok$/);
      assert.equal(backend.received.length, connections + 1, 'it is not tried twice');
      await eventually('its socket is gone', () => backend.sockets.size === 0);
      answer = (socket) => socket.write(ok);
      assert.equal(statusOf(await ask()), 200, 'the gateway must go on');
      await eventually('no permit is lost', () =>
        /rampart_backend_in_flight\{[^}]*raw[^}]*\} 0\n/.test(rampart.metrics()),
      );
      for (const socket of backend.sockets) socket.destroy();
      await eventually('the connection is closed', () => backend.sockets.size === 0);
    });
  }

  test('1xx replies without end are ended after sixteen', async () => {
    answer = (socket) => socket.write('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(17));
    const lastStatus = ({ text }: { text: string }): number =>
      Number(
        text
          .match(/HTTP\/1\.1 (\d{3})/g)
          ?.at(-1)
          ?.slice(9),
      );
    assert.equal(lastStatus(await ask()), 502);
    await eventually('its socket is gone', () => backend.sockets.size === 0);
    answer = (socket) => socket.write(`${'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(16)}${ok}`);
    assert.equal(lastStatus(await ask()), 200);
    for (const socket of backend.sockets) socket.destroy();
    await eventually('the connection is closed', () => backend.sockets.size === 0);
  });

  test('connection and framing fields of a 103 end neither the reply nor the connection', async () => {
    for (const field of ['Connection: close', 'Transfer-Encoding: chunked', 'Content-Length: 5']) {
      answer = (socket) => socket.write(`HTTP/1.1 103 Early Hints\r\n${field}\r\nLink: </a>\r\n\r\n${ok}`);
      const before = backend.received.length;
      for (let round = 0; round < 2; round++) {
        const { text } = await ask();
        assert.match(text, /^HTTP\/1\.1 103 Early Hints\r\nLink: <\/a>\r\n\r\nHTTP\/1\.1 200 OK/i, field);
      }
      assert.equal(backend.received.length - before, 1, `one connection serves both: ${field}`);
      for (const socket of backend.sockets) socket.destroy();
      await eventually('the connection is closed', () => backend.sockets.size === 0);
    }
  });

  test('a reply that nobody asked for, on an idle connection, reaches no other client', async () => {
    answer = (socket) => {
      socket.write(ok);
      setTimeout(() => socket.write(`${head('Content-Length: 6')}poison`), 50);
    };
    assert.equal(statusOf(await ask()), 200);
    await eventually('the poisoned connection is closed', () => backend.sockets.size === 0);
    answer = (socket) => socket.write(ok);
    const second = await ask();
    assert.match(second.text, /\r\n\r\nok$/);
  });
});
