import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { type RawBackend, sendRaw, startRawBackend, statusOf } from '../support/raw.ts';

/** A request as bytes, and the answer it must get; all but the `passes` are closed and reach no backend. */
type Case = readonly [name: string, bytes: string, status: number];

const get = (target: string, ...lines: string[]): string =>
  `GET ${target} HTTP/1.1\r\nHost: a\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
const post = (headers: string, body: string): string => `POST /x HTTP/1.1\r\nHost: a\r\n${headers}\r\n\r\n${body}`;
const chunked = (body: string): string => post('Transfer-Encoding: chunked', body);
const smuggled = 'GET /secret HTTP/1.1\r\nHost: a\r\n\r\n';

const cases: readonly Case[] = [
  // Two lengths, or a length and a coding: which one counts is anyone's guess.
  [
    'Content-Length with Transfer-Encoding',
    post('Content-Length: 5\r\nTransfer-Encoding: chunked', `0\r\n\r\n${smuggled}`),
    400,
  ],
  [
    'Transfer-Encoding with Content-Length',
    post('Transfer-Encoding: chunked\r\nContent-Length: 5', `0\r\n\r\n${smuggled}`),
    400,
  ],
  [
    'Content-Length 0 with Transfer-Encoding',
    post('Content-Length: 0\r\nTransfer-Encoding: chunked', '0\r\n\r\n'),
    400,
  ],
  ['two equal Content-Length', post('Content-Length: 1\r\nContent-Length: 1', 'x'), 400],
  ['two different Content-Length', post('Content-Length: 1\r\nContent-Length: 2', 'xx'), 400],
  ['a list of Content-Length', post('Content-Length: 1, 1', 'x'), 400],
  ['Content-Length +1', post('Content-Length: +1', 'x'), 400],
  ['Content-Length -1', post('Content-Length: -1', 'x'), 400],
  ['Content-Length 0x1', post('Content-Length: 0x1', 'x'), 400],
  ['Content-Length 1e1', post('Content-Length: 1e1', 'x'), 400],
  ['Content-Length 1.0', post('Content-Length: 1.0', 'x'), 400],
  ['Content-Length with a space inside', post('Content-Length: 1 1', 'x'), 400],
  ['Content-Length empty', post('Content-Length:', 'x'), 400],
  ['Content-Length beyond 64 bits', post('Content-Length: 99999999999999999999999', 'x'), 400],
  ['Content-Length in quotes', post('Content-Length: "1"', 'x'), 400],
  // Codings that one reader takes for chunked and another does not.
  ['Transfer-Encoding ,chunked', post('Transfer-Encoding: ,chunked', '0\r\n\r\n'), 400],
  ['Transfer-Encoding xchunked', post('Transfer-Encoding: xchunked', '0\r\n\r\n'), 400],
  ['Transfer-Encoding identity', post('Transfer-Encoding: identity', '0\r\n\r\n'), 400],
  ['Transfer-Encoding gzip, chunked', post('Transfer-Encoding: gzip, chunked', '0\r\n\r\n'), 400],
  ['Transfer-Encoding chunked, gzip', post('Transfer-Encoding: chunked, gzip', '0\r\n\r\n'), 400],
  ['Transfer-Encoding chunked, identity', post('Transfer-Encoding: chunked, identity', '0\r\n\r\n'), 400],
  ['Transfer-Encoding chunked;q=1', post('Transfer-Encoding: chunked;q=1', '0\r\n\r\n'), 400],
  ['Transfer-Encoding "chunked"', post('Transfer-Encoding: "chunked"', '0\r\n\r\n'), 400],
  ['Transfer-Encoding empty', post('Transfer-Encoding:', '0\r\n\r\n'), 400],
  ['two Transfer-Encoding', post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked', '0\r\n\r\n'), 400],
  ['Transfer-Encoding with a vertical tab', post('Transfer-Encoding: \x0bchunked', '0\r\n\r\n'), 400],
  ['Transfer-Encoding with NUL', post('Transfer-Encoding: chunked\0', '0\r\n\r\n'), 400],
  ['Transfer-Encoding with a space before the colon', post('Transfer-Encoding : chunked', '0\r\n\r\n'), 400],
  ['Transfer-Encoding with a tab before the colon', post('Transfer-Encoding\t: chunked', '0\r\n\r\n'), 400],
  ['Transfer-Encoding folded', post('Transfer-Encoding:\r\n chunked', '0\r\n\r\n'), 400],
  ['Transfer-Encoding behind a bare LF', post('X: y\nTransfer-Encoding: chunked', '0\r\n\r\n'), 400],
  ['Transfer-Encoding in HTTP/1.0', 'POST /x HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400],
  // Chunks.
  ['chunk size +1', chunked('+1\r\nx\r\n0\r\n\r\n'), 400],
  ['chunk size -1', chunked('-1\r\nx\r\n0\r\n\r\n'), 400],
  ['chunk size 0x1', chunked('0x1\r\nx\r\n0\r\n\r\n'), 400],
  ['chunk size 1_0', chunked('1_0\r\nx\r\n0\r\n\r\n'), 400],
  ['chunk size with a leading space', chunked(' 1\r\nx\r\n0\r\n\r\n'), 400],
  ['chunk size empty', chunked('\r\nx\r\n0\r\n\r\n'), 400],
  ['chunk size g', chunked('g\r\nx\r\n0\r\n\r\n'), 400],
  ['chunk size beyond 64 bits', chunked('fffffffffffffffff1\r\nx\r\n0\r\n\r\n'), 400],
  ['chunk lines that end in a bare LF', chunked('1\nx\n0\n\n'), 400],
  ['chunk lines that end in a bare CR', chunked('1\rx\r0\r\r'), 400],
  ['chunk extension that is a bare semicolon', chunked('1;\r\nx\r\n0\r\n\r\n'), 400],
  ['chunk extension with a newline in quotes', chunked('1;a="b\nc"\r\nx\r\n0\r\n\r\n'), 400],
  ['chunk longer than its size', chunked('1\r\nxx\r\n0\r\n\r\n'), 400],
  ['chunk without its CRLF', chunked('1\r\nx0\r\n\r\n'), 400],
  ['chunk extension of 64 KiB', chunked(`1;a=${'b'.repeat(65_536)}\r\nx\r\n0\r\n\r\n`), 413],
  // Host.
  ['no Host', 'GET /x HTTP/1.1\r\n\r\n', 400],
  ['two Host', 'GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400],
  ['two equal Host', 'GET /x HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n', 400],
  ['Host empty', 'GET /x HTTP/1.1\r\nHost:\r\n\r\n', 400],
  ['Host with userinfo', 'GET /x HTTP/1.1\r\nHost: u@a\r\n\r\n', 400],
  ['Host with a path', 'GET /x HTTP/1.1\r\nHost: a/b\r\n\r\n', 400],
  ['Host with a comma', 'GET /x HTTP/1.1\r\nHost: a, b\r\n\r\n', 400],
  ['Host with a space', 'GET /x HTTP/1.1\r\nHost: a b\r\n\r\n', 400],
  ['Host with a port that is none', 'GET /x HTTP/1.1\r\nHost: a:b\r\n\r\n', 400],
  ['Host with a scheme', 'GET /x HTTP/1.1\r\nHost: http://a\r\n\r\n', 400],
  ['absolute form with two Host', 'GET http://a/x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400],
  ['absolute form with a Host that is none', 'GET http://a/x HTTP/1.1\r\nHost: a/b\r\n\r\n', 400],
  ['absolute form with userinfo', 'GET http://u@a/x HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  // Lines.
  ['request line that ends in a bare LF', 'GET /x HTTP/1.1\nHost: a\n\n', 400],
  ['header line that ends in a bare LF', 'GET /x HTTP/1.1\r\nHost: a\nX: y\r\n\r\n', 400],
  ['head that ends in a bare LF', 'GET /x HTTP/1.1\r\nHost: a\r\n\n', 400],
  ['bare CR in a value', get('/x', 'X: y\rZ: q'), 400],
  ['CR CR LF after the request line', 'GET /x HTTP/1.1\r\r\nHost: a\r\n\r\n', 400],
  ['folded header', get('/x', 'X: y\r\n z'), 400],
  ['folded header with a tab', get('/x', 'X: y\r\n\tz'), 400],
  ['space before the first header', 'GET /x HTTP/1.1\r\n Host: a\r\n\r\n', 400],
  ['space before the colon', get('/x', 'X : y'), 400],
  ['header without a colon', get('/x', 'nothing'), 400],
  ['header without a name', get('/x', ': y'), 400],
  ['NUL in a name', get('/x', 'X\0: y'), 400],
  ['NUL in a value', get('/x', 'X: y\0'), 400],
  ['control character in a value', get('/x', 'X: y\x01'), 400],
  ['DEL in a value', get('/x', 'X: y\x7f'), 400],
  ['name with a parenthesis', get('/x', 'X(: y'), 400],
  ['name beyond ASCII', get('/x', 'X\xe9: y'), 400],
  // Request line.
  ['method that is none', 'G<T /x HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['method in small letters', 'get /x HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['no target', 'GET HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['target without a slash', 'GET x HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['target *', 'GET * HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['space in the target', 'GET /a b HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['tab in the target', 'GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['control character in the target', 'GET /a\x01b HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['raw UTF-8 in the target', 'GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['space behind the version', 'GET /x HTTP/1.1 \r\nHost: a\r\n\r\n', 400],
  ['HTTP/0.9', 'GET /x\r\n\r\n', 505],
  ['HTTP/2.0', 'GET /x HTTP/2.0\r\nHost: a\r\n\r\n', 505],
  ['HTTP/1.9', 'GET /x HTTP/1.9\r\nHost: a\r\n\r\n', 400],
  ['HTTP/11', 'GET /x HTTP/11\r\nHost: a\r\n\r\n', 400],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
  ['a TLS hello', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
  ['CONNECT', 'CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: a\r\n\r\n', 405],
  ['Expect that is none', post('Content-Length: 1\r\nExpect: something', 'x'), 417],
  // Paths that two readers resolve differently.
  ['dot segments', get('/x/../secret'), 400],
  ['encoded dot segments', get('/x/%2e%2E/secret'), 400],
  ['half-encoded dot segments', get('/x/.%2e/secret'), 400],
  ['a single dot', get('/x/./y'), 400],
  ['dot segment with a parameter', get('/x/..;a/secret'), 400],
  ['encoded slash', get('/x%2fsecret'), 400],
  ['encoded backslash', get('/x%5csecret'), 400],
  ['backslash', get('/x\\secret'), 400],
  ['two slashes', get('//evil/secret'), 400],
  ['%00 in the path', get('/x%00.css'), 400],
  ['%00 in the query', get('/x?a=%00'), 400],
  ['percent without digits', get('/x%zz'), 400],
  ['encoded letter', get('/%61dmin'), 400],
  ['encoded dot', get('/x%2Ecss'), 400],
  ['overlong UTF-8', get('/x/%c0%ae%c0%ae/secret'), 400],
  ['parameter of a segment', get('/admin;x/y'), 400],
  ['fragment', get('/x#y'), 400],
  // Sizes.
  ['a head of 17 KiB', get('/x', `X: ${'y'.repeat(17_000)}`), 431],
  [
    '2,001 headers with Content-Length last',
    `POST /x HTTP/1.1\r\nHost: a\r\n${'a: b\r\n'.repeat(2001)}Content-Length: 5\r\n\r\nhello`,
    431,
  ],
  ['201 header lines', get('/x', ...Array.from({ length: 201 }, () => 'a: b')), 431],
  ['a target of 9,000 characters', get(`/${'x'.repeat(9000)}`), 414],
];

/** The request lines of a stream of requests, read as a strict backend reads it: by the framing of each. */
function requestLinesOf(stream: string): string[] {
  const lines: string[] = [];
  let rest = stream;
  while (rest !== '') {
    const end = rest.indexOf('\r\n\r\n');
    if (end === -1) break;
    const head = rest.slice(0, end);
    lines.push(head.split('\r\n', 1)[0] ?? '');
    rest = rest.slice(end + 4);
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
    if (/\r\ntransfer-encoding: *chunked/i.test(head)) rest = rest.slice(rest.indexOf('0\r\n\r\n') + 5);
    else rest = rest.slice(length);
  }
  return lines;
}

describe('malformed requests', () => {
  let backend: RawBackend;
  let rampart: TestGateway;

  before(async () => {
    backend = await startRawBackend((socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'));
    rampart = await startTestGateway({
      upstreams: { raw: { backends: [backend.origin] } },
      routes: [{ endpoint: 'raw', path: '/*', upstream: 'raw', paths: 'strict' }],
    });
  });
  after(async () => {
    await rampart.close();
    await backend.close();
  });

  test('there are at least a hundred of them', () => assert.ok(cases.length >= 100, `${cases.length}`));

  for (const [name, bytes, status] of cases) {
    test(`${name}: ${status}, closed, nothing at the backend`, async () => {
      // Chunks are streamed, so a bad one is found when its request has begun: then it must be cut, not completed.
      const streams = bytes.includes('\r\nTransfer-Encoding: chunked\r\n\r\n');
      const before = backend.received.join('').length;
      const reply = await sendRaw(rampart.port, bytes);
      assert.equal(statusOf(reply), status, reply.text.slice(0, 200));
      assert.ok(reply.closed, 'the connection must be closed');
      assert.match(reply.text, /\r\ncontent-type: application\/problem\+json\r\n[^]*"request_id":"[^"]+"/);
      const seen = backend.received.join('').slice(before);
      if (streams) assert.doesNotMatch(seen, /0\r\n\r\n$|secret/, 'the backend must not get a whole request');
      else assert.equal(seen, '', 'the backend must not get anything');
      const next = await sendRaw(rampart.port, get('/alive'), { until: (text) => text.endsWith('ok') });
      assert.equal(statusOf(next), 200, 'the gateway must go on');
    });
  }

  test('garbage behind a request is not the answer to that request', async () => {
    const reply = await sendRaw(rampart.port, `${get('/first')}G<T / HTTP/1.1\r\n\r\n`);
    assert.match(reply.text, /^HTTP\/1\.1 200 OK\r\n[^]*okHTTP\/1\.1 400 /);
    assert.ok(reply.closed);
  });

  test('an absolute form contacts no one but the configured backend', async () => {
    const reply = await sendRaw(rampart.port, 'GET http://169.254.169.254/latest HTTP/1.1\r\nHost: a\r\n\r\n', {
      until: (text) => text.endsWith('ok'),
    });
    assert.equal(statusOf(reply), 200);
    assert.match(backend.received.join(''), /GET \/latest HTTP\/1\.1\r\n/);
  });

  test('a body where none is usual stays a body: no second request comes out of it', async () => {
    for (const method of ['GET', 'OPTIONS', 'DELETE', 'HEAD']) {
      const own = get('/own');
      const before = backend.received.length;
      const framed = `Content-Length: ${smuggled.length}\r\n\r\n${smuggled}`;
      const inChunks = `Transfer-Encoding: chunked\r\n\r\n${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`;
      for (const body of [framed, inChunks]) {
        await sendRaw(rampart.port, `${method} /x HTTP/1.1\r\nHost: a\r\n${body}${own}`, { quietMs: 200 });
      }
      const seen = backend.received.slice(before).join('');
      assert.deepEqual(
        requestLinesOf(seen).filter((line) => line.includes('secret')),
        [],
        `${method}: ${seen}`,
      );
    }
  });

  test('trailers of a request are dropped', async () => {
    const before = backend.received.join('').length;
    const body = '1\r\nx\r\n0\r\nHost: evil\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n';
    const reply = await sendRaw(rampart.port, chunked(body), { until: (text) => text.endsWith('ok') });
    assert.equal(statusOf(reply), 200);
    assert.doesNotMatch(backend.received.join('').slice(before), /evil|1\.2\.3\.4/);
  });
});
