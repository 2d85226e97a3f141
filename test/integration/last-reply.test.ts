import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import { startTestGateway } from '../support/gateway.ts';
import { closers } from '../support/proxying.ts';
import { eventually, startRawBackend } from '../support/raw.ts';

const get = (path: string, ...lines: string[]): string =>
  [`GET ${path} HTTP/1.1`, 'Host: a', ...lines, '\r\n'].join('\r\n');
const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

describe('a request behind the last reply of a connection never begins, as its client will send it again:', () => {
  const post = (path: string, body: string, length = body.length): string =>
    `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n${body}`;
  const rest = 'x'.repeat(100_000);
  const cases: Readonly<Record<string, readonly [first: string, behind: string]>> = {
    'a POST behind the rest of a body that is read away': [post('/zzz', 'he', rest.length + 2), post('/again', 'b')],
    'a GET behind the rest of a refused request': [post('/app/%zz', 'he', rest.length + 2), get('/again')],
    'a GET behind the rest of a GET with a body': [
      get('/zzz', `Content-Length: ${rest.length + 2}`) + 'he',
      get('/again'),
    ],
  };
  for (const [name, [first, behind]] of Object.entries(cases)) {
    test(name, async () => {
      const backend = await startRawBackend((socket) => void socket.write(ok));
      closers.push(() => backend.close());
      const rampart = await startTestGateway({
        upstreams: { app: { backends: [backend.origin] } },
        routes: [{ endpoint: 'again', path: '/again', upstream: 'app' }],
      });
      closers.push(() => rampart.close());
      const socket = connect(rampart.port, '127.0.0.1');
      let text = '';
      socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
      socket.on('error', () => {});
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.write(first);
      await eventually('the reply is there', () => text.includes('\r\n\r\n'));
      assert.match(text, /^HTTP\/1\.1 40[04] [^]*\r\nconnection: close\r\n/);
      socket.write(rest + behind);
      await closed;
      await eventually('all is over', () => !/rampart_in_flight\{[^}]*\} [1-9]/.test(rampart.metrics()));
      assert.deepEqual([backend.received, text.match(/HTTP\/1\.1/g)?.length], [[], 1]);
      assert.doesNotMatch(rampart.metrics(), /status="499"\} [1-9]/);
    });
  }
});
