import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RateLimitAuthority } from '../../../../src/policy/rate/rate-limit-authority.ts';
import type { TokenAsk } from '../../../../src/protocol/tokens.ts';

const limit = { requestsPerSecond: 10, burst: 5 };
const ask = (wanted: number, more: Partial<TokenAsk> = {}): TokenAsk => ({
  subject: 'key:1',
  limit,
  wanted,
  spent: 0,
  returned: 0,
  chain: 0,
  ...more,
});
const newBank = (capacity = 10, blankSince = Number.NEGATIVE_INFINITY) => new RateLimitAuthority(capacity, blankSince);

describe('RateLimitAuthority', () => {
  test('grants the available tokens, and says when there will be more', () => {
    const authority = newBank();
    assert.deepEqual(authority.answer(ask(3), 1000), {
      subject: 'key:1',
      tokens: 3,
      remaining: 2,
      retryAfterMs: 0,
      chain: 1,
    });
    assert.equal(authority.answer(ask(4), 1000).tokens, 2);
    const { tokens, retryAfterMs } = authority.answer(ask(1), 1030);
    assert.deepEqual([tokens, retryAfterMs], [0, 70]);
    assert.equal(authority.answer(ask(1), 1100).tokens, 1);
  });

  test('takes tokens back', () => {
    const authority = newBank();
    const { chain } = authority.answer(ask(5), 0);
    assert.equal(authority.answer(ask(5, { returned: 3, chain }), 0).tokens, 3);
  });

  test('does not take tokens back that it has replaced since', () => {
    const authority = newBank();
    const { chain } = authority.answer(ask(5), 0);
    assert.equal(authority.answer(ask(5), 1000).tokens, 5);
    assert.equal(authority.answer(ask(5, { returned: 5, chain }), 1000).tokens, 0);
  });

  test('charges requests that were allowed without asking, up to a debt of a second', () => {
    const authority = newBank();
    authority.answer(ask(1), 0);
    assert.equal(authority.answer(ask(5, { spent: 2 }), 0).tokens, 2);
    assert.equal(authority.answer(ask(0, { spent: 50 }), 0).retryAfterMs, 1100);
  });

  test('a bucket whose past is unknown starts with one token', () => {
    const authority = newBank(10, 5000);
    assert.equal(authority.answer(ask(5), 5000).tokens, 1);
    assert.equal(authority.answer(ask(5, { subject: 'key:2' }), 5200).tokens, 3);
    assert.equal(authority.answer(ask(9, { subject: 'key:3' }), 9000).tokens, 5);
  });

  test('bounds the number of buckets; the eviction of one that is not full grants no new burst', () => {
    const authority = newBank(2);
    authority.answer(ask(5), 0);
    authority.answer(ask(5, { subject: 'key:2' }), 0);
    authority.answer(ask(0), 0);
    authority.answer(ask(5, { subject: 'key:3' }), 0);
    assert.equal(authority.size, 2);
    assert.equal(authority.answer(ask(5, { subject: 'key:2' }), 0).tokens, 1);
    const rested = newBank(1);
    rested.answer(ask(5), 0);
    rested.answer(ask(5, { subject: 'key:2' }), 600);
    assert.equal(rested.answer(ask(5), 1200).tokens, 5);
  });

  test('a new limit keeps what is in the bucket, as far as it fits', () => {
    const authority = newBank();
    authority.answer(ask(2), 0);
    const more = { requestsPerSecond: 100, burst: 50 };
    assert.equal(authority.answer(ask(50, { limit: more }), 0).tokens, 3);
    assert.equal(authority.answer(ask(50, { limit: more }), 100).tokens, 10);
    authority.answer(ask(0, { limit: more }), 1000);
    assert.equal(authority.answer(ask(50), 1000).tokens, 5);
  });
});
