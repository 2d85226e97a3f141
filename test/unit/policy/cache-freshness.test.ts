import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isNotModified } from '../../../src/policy/cache/conditional.ts';
import { anything, requestCacheControlOf } from '../../../src/policy/cache/request-cache-control.ts';
import { ageMs, freshAtMost, freshUntil, servesOnError, freshnessOf } from '../../../src/policy/cache/freshness.ts';

/** Arrived at 1000, one second old, fresh for ten; 3 s of stale-while-revalidate, 5 s of stale-if-error. */
const lifetime = {
  ageMs: 1000,
  freshMs: 10_000,
  staleWhileRevalidateMs: 3000,
  staleIfErrorMs: 5000,
  mustRevalidate: false,
};
const reply = { lifetime, arrivedAt: 1000 };
const strict = { lifetime: { ...lifetime, mustRevalidate: true }, arrivedAt: 1000 };
const asking = (cacheControl: string) => requestCacheControlOf({ cacheControl });

describe('freshnessOf', () => {
  test('by age: fresh, stale at once, stale', () => {
    assert.deepEqual([ageMs(reply, 3000), freshUntil(reply)], [3000, 10_000]);
    assert.deepEqual(
      [9999, 10_000, 12_999, 13_000].map((now) => freshnessOf(reply, anything, now)),
      ['fresh', 'stale-at-once', 'stale-at-once', 'stale'],
    );
    assert.equal(freshnessOf(strict, anything, 10_000), 'stale');
  });

  test('by what the request requestCacheControl', () => {
    const worth = (cacheControl: string, now: number) => freshnessOf(reply, asking(cacheControl), now);
    assert.equal(worth('no-cache', 1000), 'demanded');
    assert.equal(worth('no-cache', 20_000), 'stale');
    assert.equal(worth('max-age=2', 1999), 'fresh');
    assert.equal(worth('max-age=2', 2001), 'demanded');
    assert.equal(worth('min-fresh=5', 5000), 'fresh');
    assert.equal(worth('min-fresh=5', 5001), 'demanded');
    assert.equal(worth('max-stale=4', 13_999), 'fresh');
    assert.equal(worth('max-stale=4', 14_000), 'stale');
    assert.equal(worth('max-stale', 1e9), 'fresh');
    assert.equal(worth('max-age=12, max-stale', 20_000), 'stale');
    assert.equal(freshnessOf(strict, asking('max-stale'), 10_000), 'stale');
  });
});

test('servesOnError within its window, and not against the request', () => {
  assert.deepEqual(
    [14_999, 15_000].map((now) => servesOnError(reply, anything, now)),
    [true, false],
  );
  assert.equal(servesOnError(reply, asking('no-cache'), 10_000), false);
  assert.equal(servesOnError(strict, anything, 10_000), false);
});

describe('requestCacheControlOf', () => {
  test('all requests without cache fields share one result', () => {
    assert.equal(requestCacheControlOf({}), anything);
    assert.equal(requestCacheControlOf({ ifNoneMatch: '"a"' }), anything);
  });

  test('requests that bypass the cache, and why', () => {
    assert.equal(asking('No-Store').past, 'request');
    assert.equal(requestCacheControlOf({ range: 'bytes=0-' }).past, 'bypass');
    assert.equal(requestCacheControlOf({ precondition: '"a"' }).past, 'bypass');
    assert.equal(requestCacheControlOf({ override: '/x' }).past, 'bypass');
  });

  test('Pragma counts only without Cache-Control', () => {
    assert.equal(requestCacheControlOf({ pragma: 'no-cache' }).validate, true);
    assert.equal(requestCacheControlOf({ pragma: 'no-cache', cacheControl: 'max-age=1' }).validate, false);
  });
});

test('isNotModified: entity tags first and by weak comparison, dates only without them', () => {
  const validators = { etag: 'W/"a,b"', lastModifiedMs: 5000 };
  const asks = (ifNoneMatch: string | undefined, ifModifiedSinceMs?: number) =>
    isNotModified(validators, { ifNoneMatch, ifModifiedSinceMs });
  assert.deepEqual([asks('"a,b"'), asks('"x", W/"a,b"'), asks('*'), asks('"a"')], [true, true, true, false]);
  assert.deepEqual(
    [asks('"x"', 9000), asks(undefined, 5000), asks(undefined, 4999), asks(undefined)],
    [false, true, false, false],
  );
  assert.equal(
    isNotModified({ etag: undefined, lastModifiedMs: undefined }, { ifNoneMatch: '"a"', ifModifiedSinceMs: 1 }),
    false,
  );
});

test('freshAtMost makes a reply stale at that time, with its windows after it, and never fresher', () => {
  const cut = freshAtMost(reply, 2000);
  assert.deepEqual([freshUntil(cut), ageMs(cut, 3000)], [2000, 3000]);
  assert.deepEqual(
    [1999, 2000, 4999, 5000].map((now) => freshnessOf(cut, anything, now)),
    ['fresh', 'stale-at-once', 'stale-at-once', 'stale'],
  );
  assert.equal(freshUntil(freshAtMost(reply, 20_000)), freshUntil(reply));
  assert.equal(freshUntil(freshAtMost({ ...reply, arrivedAt: 5000 }, 2000)), 5000, 'stale from its arrival on');
});
