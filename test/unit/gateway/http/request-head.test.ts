import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { readHead } from '../../../../src/gateway/http/request-head.ts';
import { http1Framing } from '../../../../src/gateway/http1/framing.ts';
import { Refusal } from '../../../../src/gateway/refusal.ts';

function head(target: string, headerLines: string[] = ['Host', 'a.example'], version = '1.1') {
  return readHead({
    method: 'GET',
    scheme: 'http',
    target,
    headerLines,
    framing: (fields) => http1Framing(version, fields),
  });
}

const outcome = (result: ReturnType<typeof head>): string => {
  if (result instanceof Refusal) return result.reason;
  return result.pathForm === 'plain' ? 'passes' : result.pathForm;
};

describe('readHead: the target', () => {
  const cases: Record<string, string> = {
    '/': 'passes',
    '/v1/render/qrcode?text=a%2Fb': 'passes',
    '/a%20b': 'passes',
    '/a.b/..c/.well-known/x': 'passes',
    '/a;b': 'ambiguous',
    '/%61dmin': 'ambiguous',
    '/a%2Db': 'ambiguous',
    '/a%7e': 'ambiguous',
    '/100%25': 'passes',
    '/caf%C3%A9': 'passes',
    '/a%c0%ae%c0%ae': 'malformed-request',
    '/a%ff': 'malformed-request',
    '*': 'malformed-request',
    '/a/../b': 'malformed-request',
    '/a/./b': 'malformed-request',
    '/..': 'malformed-request',
    '/a/%2e%2E/b': 'malformed-request',
    '/a/.%2e': 'malformed-request',
    '/a/..;x/b': 'malformed-request',
    '//evil.example/': 'ambiguous',
    '/a//b': 'ambiguous',
    '/a%2fb': 'ambiguous',
    '/a%5cb': 'malformed-request',
    '/a\\b': 'malformed-request',
    '/a%00b': 'malformed-request',
    '/a?x=%00': 'malformed-request',
    '/a#b': 'malformed-request',
    '/a?b#c': 'malformed-request',
    '/a%zz': 'malformed-request',
    '/a%': 'malformed-request',
    'ftp://a/b': 'malformed-request',
    'http://': 'malformed-request',
    'http://user@evil/x': 'malformed-request',
    [`/${'a'.repeat(8192)}`]: 'target-too-long',
  };
  for (const [target, expected] of Object.entries(cases)) {
    test(`${target.slice(0, 40)} ${expected}`, () => assert.equal(outcome(head(target)), expected));
  }

  test('an absolute form gives its path, and its authority as the host', () => {
    const result = head('http://b.example:81/p?q=1');
    assert.ok(!(result instanceof Refusal));
    assert.deepEqual([result.path, result.query, result.host], ['/p', '?q=1', 'b.example:81']);
  });
});

describe('readHead: Host', () => {
  const hosts: Record<string, string> = {
    'a.example': 'passes',
    'a.example:8080': 'passes',
    '127.0.0.1': 'passes',
    '[::1]:80': 'passes',
    a_b: 'passes',
    '': 'malformed-request',
    'a, b': 'malformed-request',
    'user@a': 'malformed-request',
    'a/b': 'malformed-request',
    'a b': 'malformed-request',
    'a:': 'passes',
    'a:b': 'malformed-request',
    'a:123456': 'malformed-request',
    'a?b': 'malformed-request',
  };
  for (const [host, expected] of Object.entries(hosts)) {
    test(`'${host}' ${expected}`, () => assert.equal(outcome(head('/', ['Host', host])), expected));
  }

  test('HTTP/1.1 needs exactly one, HTTP/1.0 none', () => {
    assert.equal(outcome(head('/', [])), 'malformed-request');
    assert.equal(outcome(head('/', ['Host', 'a', 'hOST', 'a'])), 'malformed-request');
    assert.equal(outcome(head('/', [], '1.0')), 'passes');
  });
});

describe('readHead: framing and version', () => {
  const framed = (...more: string[]): string => outcome(head('/', ['Host', 'a', ...more]));

  test('Transfer-Encoding is chunked and nothing else', () => {
    assert.equal(framed('Transfer-Encoding', 'Chunked'), 'passes');
    for (const coding of [',chunked', 'gzip, chunked', 'chunked, chunked', 'identity', 'x']) {
      assert.equal(framed('Transfer-Encoding', coding), 'malformed-request', coding);
    }
    assert.equal(framed('Transfer-Encoding', 'chunked', 'Content-Length', '3'), 'malformed-request');
    assert.equal(outcome(head('/', ['Transfer-Encoding', 'chunked'], '1.0')), 'malformed-request');
  });

  test('a header that decides may stand once', () => {
    for (const name of ['Authorization', 'X-Api-Key', 'Content-Type'])
      assert.equal(framed(name, 'a', name, 'a'), 'malformed-request');
  });

  test('only HTTP/1.0 and HTTP/1.1 are spoken', () => {
    for (const version of ['0.9', '2.0'])
      assert.equal(outcome(head('/', ['Host', 'a'], version)), 'version-not-supported');
  });

  test('more than 200 header lines are too many', () => {
    const lines = (count: number): string[] => ['Host', 'a', ...Array.from({ length: count }, () => ['x', 'y']).flat()];
    assert.equal(outcome(head('/', lines(199))), 'passes');
    assert.equal(outcome(head('/', lines(200))), 'headers-too-large');
  });

  test('never throws, and never takes a path for plain that a second reader could resolve to another one, nor passes dot segments', () => {
    const piece = fc.constantFrom('/', '.', '..', '%2e', '%2F', '%5c', '\\', 'a', '%', '%00', ';', '?', '#');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const target = `/${pieces.join('')}`;
        const result = head(target);
        if (result instanceof Refusal) return;
        assert.doesNotMatch(decodeURIComponent(result.path), /\/\.{1,2}(;|\/|$)|\\|\0/);
        if (result.pathForm === 'ambiguous') return;
        assert.equal(new URL(`http://h${result.path}`).pathname, result.path);
        assert.doesNotMatch(decodeURIComponent(result.path.replaceAll('%25', '')), /\/\.{1,2}(\/|$)|\\|\0|\/\//);
      }),
    );
  });
});
