import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { translate } from '../../../../src/gateway/http2/request-lines.ts';
import { Refusal } from '../../../../src/gateway/refusal.ts';

type Pseudo = Partial<Record<':method' | ':path' | ':scheme' | ':authority', string>>;
const raw = (more: Pseudo = {}, ...fields: string[]): string[] => {
  const pseudo = { ':method': 'GET', ':path': '/a?b', ':scheme': 'https', ':authority': 'a.example:8443', ...more };
  return [...Object.entries(pseudo).flat(), ...fields];
};
const reasonOf = (result: ReturnType<typeof translate>): string =>
  result instanceof Refusal ? result.reason : 'passes';

test('translate gives what HTTP/1.1 would have: the authority as Host, cookies in one line, no te', () => {
  const fields = ['cookie', 'a=1', 'x-a', 'caf\u00c3\u00a9 \t x', 'cookie', 'b=2', 'te', 'trailers', 'x-empty', ''];
  assert.deepEqual(translate(raw({}, ...fields)), {
    method: 'GET',
    target: '/a?b',
    headerLines: ['host', 'a.example:8443', 'cookie', 'a=1; b=2', 'x-a', 'caf\u00c3\u00a9 \t x', 'x-empty', ''],
    expectsContinue: false,
  });
});

test('translate takes Host where there is no authority, and the same host twice', () => {
  const withoutAuthority = [':method', 'GET', ':path', '/', ':scheme', 'https', 'host', 'b.example'];
  for (const [lines, host] of [
    [withoutAuthority, 'b.example'],
    [raw({}, 'host', 'A.example:8443'), 'a.example:8443'],
  ] as const) {
    const result = translate(lines);
    assert.ok(!(result instanceof Refusal));
    assert.deepEqual(result.headerLines, ['host', host]);
  }
});

test('translate keeps what only the gateway may answer: Expect, CONNECT', () => {
  const expecting = translate(raw({ ':method': 'POST' }, 'expect', '100-Continue'));
  assert.ok(!(expecting instanceof Refusal) && expecting.expectsContinue);
  assert.equal(reasonOf(translate(raw({}, 'expect', 'more'))), 'expectation-failed');
  assert.equal(reasonOf(translate([':method', 'CONNECT', ':authority', 'a:80'])), 'method-not-allowed');
});

describe('translate refuses', () => {
  const cases: Record<string, string[]> = {
    'a line break in a value': raw({}, 'x', 'a\r\nb: c'),
    'a line feed in a value': raw({}, 'x', 'a\nb'),
    'NUL in a value': raw({}, 'x', 'a\0'),
    'a space around a value': raw({}, 'x', ' a'),
    'a tab behind a value': raw({}, 'x', 'a\t'),
    'a colon in a name': raw({}, 'x:y', 'a'),
    'capitals in a name': raw({}, 'X', 'a'),
    'an empty name': raw({}, '', 'a'),
    'a space in the method': raw({ ':method': 'GET /b HTTP/1.1' }),
    'a method in small letters': raw({ ':method': 'get' }),
    'a space in the path': raw({ ':path': '/a b' }),
    'a path that is a URL': raw({ ':path': 'https://b.example/' }),
    'a path beyond ASCII': raw({ ':path': '/\u00e9' }),
    'another scheme': raw({ ':scheme': 'http' }),
    'user information': raw({ ':authority': 'x@a.example' }),
    'an empty authority': raw({ ':authority': '' }),
    'two methods': raw({}, ':method', 'POST'),
    'a pseudo-header behind a field': [...raw({}, 'x', 'a'), ':path', '/b'],
    'an unknown pseudo-header': [':x', 'a', ...raw()],
    'no path': [':method', 'GET', ':scheme', 'https', ':authority', 'a'],
    'no host at all': [':method', 'GET', ':path', '/', ':scheme', 'https'],
    'another host': raw({}, 'host', 'b.example'),
    'two hosts': raw({}, 'host', 'a.example:8443', 'host', 'a.example:8443'),
    connection: raw({}, 'connection', 'close'),
    'transfer-encoding': raw({}, 'transfer-encoding', 'chunked'),
    upgrade: raw({}, 'upgrade', 'websocket'),
    'te other than trailers': raw({}, 'te', 'gzip'),
    'a length with a sign': raw({}, 'content-length', '-1'),
    'a list of lengths': raw({}, 'content-length', '1, 1'),
  };
  for (const [name, lines] of Object.entries(cases))
    test(name, () => assert.equal(reasonOf(translate(lines)), 'malformed-request'));
});

test('whatever translate lets through is one request of HTTP/1.1, line by line', () => {
  const text = fc.string({
    unit: fc.constantFrom('a', 'B', '/', ':', ' ', '\t', '\r', '\n', '\0', '1', '\u00e9', '%'),
  });
  const name = fc.oneof(
    text,
    fc.constantFrom(':method', ':path', ':authority', 'host', 'cookie', 'content-length', 'x-a'),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(name, text)), text, text, (fields, path, authority) => {
      const result = translate(raw({ ':path': `/${path}`, ':authority': authority }, ...fields.flat()));
      if (result instanceof Refusal) return;
      assert.match(`${result.method} ${result.target} HTTP/1.1`, /^[A-Z-]+ \/[!-~]* HTTP\/1\.1$/);
      assert.equal(result.headerLines.length % 2, 0);
      for (let index = 0; index < result.headerLines.length; index += 2) {
        assert.match(result.headerLines[index] as string, /^[!#$%&'*+.^_`|~0-9a-z-]+$/);
        assert.doesNotMatch(result.headerLines[index + 1] as string, /[\r\n]|\0/);
      }
      assert.equal(result.headerLines.filter((line, index) => index % 2 === 0 && line === 'host').length, 1);
    }),
    { numRuns: 2000 },
  );
});
