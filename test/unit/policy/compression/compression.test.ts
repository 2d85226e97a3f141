import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { chooseEncoding, type Encoding } from '../../../../src/policy/compression/accept-encoding.ts';
import { compressedFields, withVary } from '../../../../src/policy/compression/compressed-fields.ts';
import { isCompressible, type ReplyFacts, typeMatcher } from '../../../../src/policy/compression/compressible.ts';

const offered: readonly Encoding[] = ['br', 'gzip'];

describe('chooseEncoding', () => {
  const cases: [string | undefined, Encoding | undefined][] = [
    [undefined, undefined],
    ['', undefined],
    ['gzip', 'gzip'],
    ['gzip, deflate, br', 'br'],
    ['gzip;q=1.0, br;q=0.5', 'gzip'],
    ['gzip;q=0, br;q=0', undefined],
    ['*', 'br'],
    ['br;q=0, *', 'gzip'],
    ['*;q=0', undefined],
    ['gzip;q=0.5, identity', undefined],
    ['gzip;q=0.5, identity;q=0.5', 'gzip'],
    ['identity;q=0, gzip', 'gzip'],
    ['GZIP ; Q=0.2', 'gzip'],
    ['x-gzip', 'gzip'],
    ['deflate, zstd', undefined],
    ['gzip;q=2', undefined],
    ['gzip;level=5', undefined],
    ['gzipped', undefined],
  ];
  for (const [accept, expected] of cases)
    test(`${accept} ${expected}`, () => assert.equal(chooseEncoding(accept, offered), expected));

  test('gives an offered coding, or none, for any text', () => {
    fc.assert(
      fc.property(fc.string(), (accept) => {
        const chosen = chooseEncoding(accept, offered);
        assert.ok(chosen === undefined || offered.includes(chosen));
      }),
    );
  });
});

describe('isCompressible', () => {
  const isType = typeMatcher(['text/*', 'application/json', 'application/*+json']);
  const html: ReplyFacts = {
    status: 200,
    contentType: 'text/html; charset=utf-8',
    contentEncoding: undefined,
    contentLength: undefined,
    contentRange: undefined,
    cacheControl: undefined,
  };
  const cases: [string, Partial<ReplyFacts>, boolean][] = [
    ['text of unknown length', {}, true],
    ['large text', { contentLength: '1024' }, true],
    ['small text', { contentLength: '1023' }, false],
    ['an error page', { status: 404 }, true],
    ['a problem', { contentType: 'Application/Problem+JSON' }, true],
    ['an image', { contentType: 'image/png' }, false],
    ['no type', { contentType: undefined }, false],
    ['a name that only begins like a type', { contentType: 'application/jsonx' }, false],
    ['what is encoded', { contentEncoding: 'gzip' }, false],
    ['what is not encoded, and says so', { contentEncoding: 'identity' }, true],
    ['a part', { status: 206, contentRange: 'bytes 0-1/2' }, false],
    ['nothing', { status: 204 }, false],
    ['not modified', { status: 304 }, false],
    ['no-transform', { cacheControl: 'public, No-Transform' }, false],
    ['another directive', { cacheControl: 'x-no-transform-y' }, true],
  ];
  for (const [name, more, expected] of cases)
    test(name, () => assert.equal(isCompressible({ ...html, ...more }, { minBytes: 1024 }, isType), expected));
});

test('compressedFields drops what is said of other bytes, and weakens the validator', () => {
  const before = [
    'Content-Type',
    'text/html',
    'content-length',
    '9',
    'ETag',
    '"a"',
    'accept-ranges',
    'bytes',
    'x',
    'y',
  ];
  const after = ['Content-Type', 'text/html', 'ETag', 'W/"a"', 'x', 'y', 'content-encoding', 'br'];
  assert.deepEqual(compressedFields([...before, 'content-md5', 'z', 'Content-Encoding', 'identity'], 'br'), [
    ...after,
    'vary',
    'Accept-Encoding',
  ]);
  assert.deepEqual(compressedFields(['etag', 'W/"a"'], 'gzip').slice(0, 2), ['etag', 'W/"a"']);
});

test('withVary adds Accept-Encoding once, and leaves a star alone', () => {
  assert.deepEqual(withVary(['Vary', 'Origin']), ['Vary', 'Origin, Accept-Encoding']);
  assert.deepEqual(withVary(['vary', 'origin, accept-encoding']), ['vary', 'origin, accept-encoding']);
  assert.deepEqual(withVary(['vary', '*']), ['vary', '*']);
  assert.deepEqual(withVary([]), ['vary', 'Accept-Encoding']);
});
