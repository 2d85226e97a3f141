import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LocalTokenBucket } from '../../../../src/policy/rate/local-token-bucket.ts';

const limit = { requestsPerSecond: 100, burst: 20 };

/** A bucket that has been given so many tokens of each chain, in order. */
function bucketWith(...given: readonly (readonly [tokens: number, chain: number])[]): LocalTokenBucket {
  const bucket = new LocalTokenBucket('key:1', limit, 1);
  for (const [tokens, chain] of given) {
    bucket.ask(tokens, 0);
    bucket.answered({ subject: 'key:1', tokens, remaining: 0, retryAfterMs: 0, chain }, 0);
  }
  return bucket;
}

describe('LocalTokenBucket', () => {
  test('takeMany takes the oldest tokens first, under the oldest of their chains', () => {
    const bucket = bucketWith([3, 7], [5, 9]);
    assert.deepEqual(bucket.takeMany(4, 10), { tokens: 4, chain: 7 });
    assert.deepEqual(bucket.takeMany(2, 10), { tokens: 2, chain: 9 });
    assert.deepEqual(bucket.takeMany(9, 10), { tokens: 2, chain: 9 });
    assert.equal(bucket.takeMany(1, 10).tokens, 0);
  });

  test('giveBack forgets tokens of older chains, because the bucket above has been full since', () => {
    const bucket = bucketWith();
    bucket.giveBack(2, 7);
    bucket.giveBack(3, 9);
    bucket.giveBack(4, 7);
    bucket.giveBack(1, 9);
    const { returned, chain } = bucket.ask(0, 0) ?? {};
    assert.deepEqual([returned, chain], [4, 9]);
  });

  test('after control is gone, a chain of any number is the present one', () => {
    const bucket = bucketWith();
    bucket.giveBack(2, 700);
    bucket.forget();
    bucket.giveBack(3, 1);
    assert.equal(bucket.ask(0, 0)?.returned, 3);
  });

  test('unspend undoes what the share has allowed, and no more than that', () => {
    const bucket = bucketWith();
    for (let count = 0; count < 20; count++) assert.ok(bucket.takeByShare(0).allowed);
    assert.equal(bucket.takeByShare(0).allowed, false);
    bucket.unspend(50);
    assert.equal(bucket.hasReport, false);
    for (let count = 0; count < 20; count++) assert.ok(bucket.takeByShare(0).allowed);
    assert.equal(bucket.takeByShare(0).allowed, false);
  });

  test('divide changes the share, and what was used of it stays used', () => {
    const bucket = bucketWith();
    for (let count = 0; count < 20; count++) bucket.takeByShare(0);
    bucket.divide(4);
    assert.equal(bucket.takeByShare(30).allowed, false);
    assert.ok(bucket.takeByShare(50).allowed);
  });
});
