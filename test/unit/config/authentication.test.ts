import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, test } from 'node:test';
import { parseConfigFile } from '../../../src/config/file.ts';

const upstreams = { app: { backends: ['http://a:1'] } };
const problems = (authenticate: string, settings: object): string =>
  parseConfigFile(
    { upstreams, routes: [{ endpoint: 'x', path: '/x', upstream: 'app', authenticate, ...settings }] },
    'file',
  ).problems.join();

describe('keys of tokens in the file', () => {
  const withKey = (key: object): string =>
    problems('jwt', { jwt: { issuer: 'i', audience: 'a', jwks: { keys: [key] } } });

  test('public keys are accepted', () => {
    for (const { publicKey } of [
      generateKeyPairSync('ec', { namedCurve: 'P-256' }),
      generateKeyPairSync('ed25519'),
      generateKeyPairSync('rsa', { modulusLength: 2048 }),
    ])
      assert.equal(withKey({ ...publicKey.export({ format: 'jwk' }), kid: 'one', use: 'sig' }), '');
  });

  test('private and shared keys are refused, and not shown', () => {
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
    for (const key of [ec, rsa]) {
      const text = withKey(key);
      assert.match(text, /jwks\.keys\.0:? must be a public key: its member d is private/);
      assert.ok(!text.includes(String(key.d)));
    }
    const text = withKey({ kty: 'oct', k: 'c2VjcmV0LXNlY3JldA' });
    assert.match(text, /a shared secret \(oct\) must not stand in the file/);
    assert.doesNotMatch(text, /c2VjcmV0/);
  });

  test('keys that could check no signature are refused', () => {
    const short = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' });
    assert.match(withKey(short), /must have at least 2048 bits: got 1024/);
    for (const key of [
      { kty: 'EC', crv: 'P-256', x: 'A'.repeat(43), y: 'A'.repeat(43) },
      { kty: 'EC', crv: 'P-256' },
      { kty: 'RSA', n: 5, e: 'AQAB' },
      { kty: 'other' },
    ])
      assert.match(withKey(key), /must be a public key in the form of RFC 7517/, JSON.stringify(key));
  });
});

test('forward may not pass fields on that Rampart writes itself', () => {
  const withField = (name: string): string =>
    problems('forward', { forward: { upstream: 'app', path: '/v', requestHeaders: ['cookie', name] } });
  for (const name of ['Host', 'content-length', 'X-Forwarded-For', 'x-request-id', 'connection'])
    assert.match(withField(name), /requestHeaders\.1/, name);
  assert.equal(withField('x-tenant'), '');
});
