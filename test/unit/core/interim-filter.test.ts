import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import fc from 'fast-check';
import { Socket } from 'node:net';
import { InterimFilter, leaveOutContinue } from '../../../src/core/interim-filter.ts';

const interim = 'HTTP/1.1 100 Continue\r\n\r\n';
const hints = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n';
const final = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** What is left of the bytes, cut in these places. */
function pass(text: string, cuts: readonly number[]): string {
  const filter = new InterimFilter();
  filter.expectHead();
  let out = '';
  let at = 0;
  for (const cut of [...cuts.toSorted((left, right) => left - right), text.length]) {
    const chunk = Buffer.from(text.slice(at, cut), 'latin1');
    at = cut;
    if (chunk.length > 0) out += (filter.isExpectingHead ? filter.pass(chunk) : chunk).toString('latin1');
  }
  return out;
}

test('InterimFilter leaves out 100 Continue and nothing else, wherever the bytes are cut', () => {
  const heads = fc.array(fc.constantFrom(interim, hints), { maxLength: 4 });
  const bodies = fc.constantFrom(final, `${final}${interim}`, 'HTTP/1.1 101 Switching Protocols\r\n\r\nHTTP/1.1 100 x');
  fc.assert(
    fc.property(heads, bodies, fc.array(fc.nat(300), { maxLength: 8 }), (before, body, cuts) => {
      const text = before.join('') + body;
      assert.equal(
        pass(
          text,
          cuts.map((cut) => cut % text.length),
        ),
        before.filter((head) => head !== interim).join('') + body,
      );
    }),
  );
});

test('InterimFilter removes the fields of the connection from a 1xx, and nothing from other replies', () => {
  const hintsWith = (fields: string): string => `HTTP/1.1 103 Early Hints\r\n${fields}\r\n`;
  for (const [fields, left] of [
    ['Connection: close\r\nLink: </a>\r\n', 'Link: </a>\r\n'],
    ['Link: </a>\r\nconnection:Keep-Alive, X-Hop\r\nX-Hop: 1\r\n', 'Link: </a>\r\n'],
    ['Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', ''],
    ['Proxy-Connection: close\r\nX-Note: Connection: close\r\n', 'X-Note: Connection: close\r\n'],
    ['no field\r\nX: caf\xe9\r\n', 'no field\r\nX: caf\xe9\r\n'],
  ] as const) {
    for (const cut of [10, 40, 60])
      assert.equal(pass(hintsWith(fields) + final, [cut]), hintsWith(left) + final, fields);
  }
  const upgrade = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
  assert.equal(pass(upgrade, []), upgrade);
  const closing = 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n';
  assert.equal(pass(closing, []), closing);
});

test('InterimFilter passes on bytes that are not a reply', () => {
  for (const text of ['', 'x', 'HTTP/2 100 \r\n\r\n', 'HTTP/1.1 2', 'SSH-2.0-x\r\n'])
    assert.equal(pass(text, [1]), text);
});

test('InterimFilter does not hold a head without end', () => {
  const filter = new InterimFilter();
  filter.expectHead();
  const long = Buffer.from(`HTTP/1.1 100 ${'x'.repeat(20_000)}`);
  assert.equal(filter.pass(long).length, long.length);
});

test('an exception while the bytes of a reply are looked at ends their connection, and nothing else', (t) => {
  t.after(() => mock.restoreAll());
  const socket = new Socket();
  const errors: Error[] = [];
  socket.on('error', (error) => errors.push(error));
  mock.method(socket, 'write', () => true);
  mock.method(socket, 'read', () => Buffer.from('HTTP/1.1 200 OK\r\n'));
  const bugs: unknown[] = [];
  leaveOutContinue(socket, (error) => bugs.push(error));
  socket.write('GET / HTTP/1.1\r\nhost: a.example\r\n\r\n');
  mock.method(InterimFilter.prototype, 'pass', () => {
    throw new Error('planted');
  });
  assert.equal(socket.read(), null);
  assert.deepEqual([(bugs[0] as Error).message, socket.destroyed], ['planted', true]);
});
