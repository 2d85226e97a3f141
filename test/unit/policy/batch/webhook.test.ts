import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AddressSet } from '../../../../src/core/addresses.ts';
import { WEBHOOK_RETRIES, webhookVerdict } from '../../../../src/policy/batch/webhook-delivery.ts';
import { mayReach, webhookUrlProblem } from '../../../../src/policy/batch/webhook-url.ts';

const none = new AddressSet([]);
const own = new AddressSet(['127.0.0.0/8', '10.1.0.0/16', '::1']);

describe('webhookUrlProblem', () => {
  for (const url of ['https://example.com/done?x=1', 'https://example.com:8443/', 'https://93.184.216.34/'])
    test(`takes ${url}`, () => assert.equal(webhookUrlProblem(url, none), undefined));

  for (const [url, expected] of [
    ['done', /absolute URL/],
    ['http://example.com/', /https/],
    ['ftp://example.com/', /https/],
    ['file:///etc/passwd', /https/],
    ['https://me:secret@example.com/', /user and password/],
    ['https://example.com/#part', /fragment/],
    ['https://127.0.0.1/', /public address/],
    // As a URL writes 127.0.0.1 in other ways.
    ['https://0x7f.1/', /public address/],
    ['https://2130706433/', /public address/],
    ['https://[::1]/', /public address/],
    ['https://[::ffff:10.0.0.1]/', /public address/],
    ['https://169.254.169.254/latest/meta-data/', /public address/],
    [`https://example.com/${'x'.repeat(2000)}`, /2000 characters/],
  ] as const)
    test(`refuses ${url.slice(0, 60)}`, () => assert.match(webhookUrlProblem(url, none) ?? '', expected));

  test('takes addresses that the operator allows, http to them, and no others', () => {
    for (const url of ['http://127.0.0.1:9000/', 'https://10.1.2.3/', 'http://[::1]/'])
      assert.equal(webhookUrlProblem(url, own), undefined);
    assert.match(webhookUrlProblem('https://10.2.0.1/', own) ?? '', /public address/);
    assert.equal(mayReach('10.1.0.9', own), true);
    assert.equal(mayReach('10.2.0.9', own), false);
  });
});

describe('webhookVerdict', () => {
  test('2xx is delivered; whatever else is tried again, a redirect too', () => {
    for (const status of [200, 202, 204])
      assert.deepEqual(webhookVerdict({ kind: 'reply', status }, 0), { kind: 'delivered' });
    for (const status of [301, 307, 400, 404, 429, 500, 503])
      assert.deepEqual(webhookVerdict({ kind: 'reply', status }, 0), {
        kind: 'again',
        why: `the receiver answered ${status}`,
      });
    assert.equal(webhookVerdict({ kind: 'failed', why: 'x' }, WEBHOOK_RETRIES - 1).kind, 'again');
  });

  test('it is given up after the last repetition, and where the receiver answers 410', () => {
    assert.deepEqual(webhookVerdict({ kind: 'failed', why: 'no reply' }, WEBHOOK_RETRIES), {
      kind: 'given-up',
      why: 'no reply',
    });
    assert.equal(webhookVerdict({ kind: 'reply', status: 410 }, 0).kind, 'given-up');
    assert.equal(webhookVerdict({ kind: 'reply', status: 200 }, WEBHOOK_RETRIES).kind, 'delivered');
  });
});
