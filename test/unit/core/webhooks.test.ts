import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isPublicAddress } from '../../../src/core/public-address.ts';
import { newWebhookSecret, webhookHeaders } from '../../../src/core/webhook-signature.ts';

describe('isPublicAddress', () => {
  for (const address of [
    '93.184.216.34',
    '1.1.1.1',
    '172.32.0.1',
    '100.128.0.1',
    '2606:4700:4700::1111',
    '2a00:1450::1',
  ])
    test(`${address} is public`, () => assert.equal(isPublicAddress(address), true));

  for (const address of [
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '127.0.0.1',
    '127.255.255.254',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.8',
    '192.168.1.1',
    '198.18.0.1',
    '203.0.113.7',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:a9fe:a9fe',
    '::127.0.0.1',
    '64:ff9b::7f00:1',
    '64:ff9b::a00:1',
    '2001::1',
    '2001:db8::1',
    '2002:7f00:1::',
    '2002:a00:1::1',
    '3fff::1',
    'fc00::1',
    'fd12::1',
    'fe80::1',
    'fe80::1%eth0',
    'fec0::1',
    'ff02::1',
    'localhost',
    '',
    '1.2.3',
  ])
    test(`${address} is not public`, () => assert.equal(isPublicAddress(address), false));
});

describe('webhookHeaders', () => {
  const message = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', timestampSeconds: 1614265330, body: '{"test": 2432232314}' };

  test('signs as the test vector of Standard Webhooks', () => {
    assert.deepEqual(webhookHeaders(message, ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw']), {
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });

  test('has one signature for each secret, so that a receiver may have either', () => {
    const [one, other] = [newWebhookSecret(), newWebhookSecret()];
    assert.match(one, /^whsec_[A-Za-z0-9+/]{32}$/);
    assert.notEqual(one, other);
    const signatures = [one, other].map((secret) => webhookHeaders(message, [secret])['webhook-signature']);
    assert.equal(webhookHeaders(message, [one, other])['webhook-signature'], signatures.join(' '));
  });

  test('another id, another time or another body has another signature', () => {
    const secret = newWebhookSecret();
    const of = (change: Partial<typeof message>) =>
      webhookHeaders({ ...message, ...change }, [secret])['webhook-signature'];
    assert.equal(new Set([of({}), of({ id: 'x' }), of({ timestampSeconds: 1 }), of({ body: '{}' })]).size, 4);
  });
});
