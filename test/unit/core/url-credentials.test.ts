import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withoutCredentials } from '../../../src/core/url-credentials.ts';

test('withoutCredentials: user and password become a header, and any other URL stays as it is', () => {
  assert.deepEqual(withoutCredentials('https://me:p%40ss@collector.example/v1?x=1'), {
    url: 'https://collector.example/v1?x=1',
    authorization: `Basic ${Buffer.from('me:p@ss').toString('base64')}`,
  });
  assert.equal(
    withoutCredentials('http://token@127.0.0.1/').authorization,
    `Basic ${Buffer.from('token:').toString('base64')}`,
  );
  assert.equal(withoutCredentials('http://a:%zz@h/').authorization, `Basic ${Buffer.from('a:%zz').toString('base64')}`);
  assert.deepEqual(withoutCredentials('http://127.0.0.1:4318'), {
    url: 'http://127.0.0.1:4318',
    authorization: undefined,
  });
});
