import assert from 'node:assert/strict';
import { test } from 'node:test';
import { replyFields } from '../../../../src/gateway/http2/reply-fields.ts';

const fieldsOf = (...headers: string[]): Record<string, unknown> => ({ ...replyFields(200, headers) });

test('replyFields leaves out the fields of a connection, and what HTTP/2 cannot carry', () => {
  const headers = ['connection', 'close', 'Keep-Alive', 'a', 'transfer-encoding', 'chunked', 'upgrade', 'h2c'];
  assert.deepEqual(fieldsOf(...headers, 'Content-Type', 'a', 'x y', 'b', 'x-break', 'a\r\nb', ':status', '500'), {
    ':status': 200,
    'content-type': 'a',
  });
});

test('replyFields keeps the lines of list fields, and the first of any other', () => {
  assert.deepEqual(
    fieldsOf('set-cookie', 'a', 'etag', '1', 'set-cookie', 'b', 'etag', '2', 'x-a', '1', 'x-a', '2', 'set-cookie', 'c'),
    {
      ':status': 200,
      'set-cookie': ['a', 'b', 'c'],
      etag: '1',
      'x-a': ['1', '2'],
    },
  );
});

test('replyFields takes names such as __proto__ for names', () => {
  assert.deepEqual(Object.keys(replyFields(200, ['__proto__', 'a', 'constructor', 'b'])), [
    ':status',
    '__proto__',
    'constructor',
  ]);
});
