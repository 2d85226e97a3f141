import assert from 'node:assert/strict';
import { test } from 'node:test';
import { valkeyAddress } from '../../../src/core/valkey-url.ts';

const plain = {
  nodes: [{ host: 'h', port: 6379 }],
  sentinelName: undefined,
  isTls: false,
  username: undefined,
  password: undefined,
  sentinelPassword: undefined,
  database: 0,
};

test('valkeyAddress: servers, by every scheme', () => {
  assert.deepEqual(valkeyAddress('redis://h'), plain);
  assert.deepEqual(valkeyAddress('valkey://h/'), plain);
  assert.deepEqual(valkeyAddress('rediss://h:7000/3'), {
    ...plain,
    nodes: [{ host: 'h', port: 7000 }],
    isTls: true,
    database: 3,
  });
  assert.deepEqual(valkeyAddress('valkeys://h'), { ...plain, isTls: true });
  assert.deepEqual(valkeyAddress('redis://[::1]:1'), { ...plain, nodes: [{ host: '::1', port: 1 }] });
});

test('valkeyAddress: user and password are decoded, and may be there alone', () => {
  assert.deepEqual(valkeyAddress('redis://:p%40s%2Fs%3A@h'), { ...plain, password: 'p@s/s:' });
  assert.deepEqual(valkeyAddress('redis://a%20b:c:d@h'), { ...plain, username: 'a b', password: 'c:d' });
  assert.deepEqual(valkeyAddress('redis://a:b@c@h'), { ...plain, username: 'a', password: 'b@c' });
});

test('valkeyAddress: sentinels, with the name of the server', () => {
  const nodes = [
    { host: 'h1', port: 26_379 },
    { host: '::2', port: 5 },
  ];
  assert.deepEqual(valkeyAddress('redis-sentinel://:p@h1,[::2]:5/main'), {
    ...plain,
    nodes,
    sentinelName: 'main',
    password: 'p',
  });
  assert.deepEqual(valkeyAddress('valkeys-sentinel://h1,[::2]:5/main/7?sentinel-password=a%26b'), {
    ...plain,
    nodes,
    sentinelName: 'main',
    isTls: true,
    sentinelPassword: 'a&b',
    database: 7,
  });
});

test('valkeyAddress: says what is wrong, without the value', () => {
  for (const text of [
    '',
    'h:6379',
    'http://h',
    'redis://',
    'redis://h1,h2',
    'redis://h:0',
    'redis://h:65536',
    'redis://h:x',
    'redis://h/0?x=1',
    'redis://h?sentinel-password=a',
    'redis://a b',
  ])
    assert.match(String(valkeyAddress(text)), /^must be a URL such as redis:/, text);
  assert.equal(valkeyAddress('redis://h/x'), 'must have a number as its database');
  assert.equal(valkeyAddress('redis-sentinel://h/n/x'), 'must have a number as its database');
  for (const text of ['redis-sentinel://h', 'redis-sentinel://h/', 'redis-sentinel://h/a/1/b'])
    assert.equal(valkeyAddress(text), 'must name the server after the sentinels: /NAME', text);
  for (const text of ['redis://secret@h', 'redis://a:%zz@h', 'redis://a:@h'])
    assert.equal(
      valkeyAddress(text),
      'must have its user and password in percent-encoding, with a colon between them',
      text,
    );
});
