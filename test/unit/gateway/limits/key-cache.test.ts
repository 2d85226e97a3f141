import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { StoredTrust } from '../../../../src/gateway/stored-trust.ts';
import { KeyCache } from '../../../../src/gateway/limits/key-cache.ts';
import type { KeyIdentity } from '../../../../src/gateway/exchange.ts';
import { Refusal } from '../../../../src/gateway/refusal.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const key = `rk_${'a'.repeat(32)}`;
const other = `rk_${'b'.repeat(32)}`;
const owner: KeyIdentity = { id: '1', name: 'one' };

function setUp(find: (calls: number) => Promise<typeof owner | undefined> = async () => owner) {
  const clock = new ManualClock();
  let calls = 0;
  const trust = new StoredTrust(false);
  const cache = new KeyCache(() => find(++calls), clock, trust);
  const reasonOf = async (authorization?: string, apiKey?: string): Promise<string> => {
    const found = await cache.identify(authorization, apiKey);
    return found instanceof Refusal ? found.reason : found.id;
  };
  return { clock, cache, trust, reasonOf, calls: () => calls };
}

describe('KeyCache', () => {
  test('asks once, then answers at once until the entry is 30 s old', async () => {
    const { cache, clock, reasonOf, calls } = setUp();
    assert.equal(await reasonOf(`Bearer ${key}`), '1');
    assert.equal(cache.identify(undefined, key), owner);
    clock.advance(29_999);
    assert.equal(await reasonOf(`bearer ${key}`), '1');
    assert.equal(calls(), 1);
    clock.advance(1);
    assert.equal(await reasonOf(`Bearer ${key}`), '1');
    assert.equal(calls(), 2);
  });

  test('a host that does not hear of revoked keys looks them up again after a second, and waits for the answer', async () => {
    const { clock, trust, reasonOf } = setUp(async (count) => {
      if (count > 2) throw new Error('PostgreSQL is away');
      return count === 1 ? owner : undefined;
    });
    trust.extend(5000);
    assert.equal(await reasonOf(`Bearer ${key}`), '1');
    clock.advance(4999);
    assert.equal(await reasonOf(`Bearer ${key}`), '1');
    clock.advance(1);
    assert.equal(await reasonOf(`Bearer ${key}`), 'unauthenticated');
  });

  test('such a host accepts keys that were valid while PostgreSQL is away, too', async () => {
    const { clock, trust, reasonOf, calls } = setUp(async (count) => {
      if (count > 1) throw new Error('PostgreSQL is away');
      return owner;
    });
    trust.extend(0);
    assert.equal(await reasonOf(`Bearer ${key}`), '1');
    clock.advance(999);
    assert.equal(await reasonOf(`Bearer ${key}`), '1');
    assert.equal(calls(), 1);
    clock.advance(1);
    assert.equal(await reasonOf(`Bearer ${key}`), '1');
    assert.equal(calls(), 2);
  });

  test('refuses without a look-up what cannot be a key', async () => {
    const { reasonOf, calls } = setUp();
    for (const text of [
      undefined,
      '',
      'Basic eA==',
      'Bearer',
      'Bearer rk_short',
      `Bearer ${key} x`,
      `Bearer rk_${'a'.repeat(500)}`,
    ]) {
      assert.equal(await reasonOf(text), 'unauthenticated', String(text));
    }
    assert.equal(await reasonOf(undefined, 'rk_"; DROP TABLE'), 'unauthenticated');
    assert.equal(calls(), 0);
  });

  test('asks again for an unknown key after 2 s, as it may have been made by then', async () => {
    const { clock, reasonOf, calls } = setUp(async (count) => (count === 1 ? undefined : owner));
    assert.equal(await reasonOf(`Bearer ${key}`), 'unauthenticated');
    clock.advance(1999);
    assert.equal(await reasonOf(`Bearer ${key}`), 'unauthenticated');
    assert.equal(calls(), 1);
    clock.advance(1);
    assert.equal(await reasonOf(`Bearer ${key}`), '1');
  });

  test('identical look-ups under way share one', async () => {
    const { reasonOf, calls } = setUp();
    assert.deepEqual(await Promise.all([reasonOf(`Bearer ${key}`), reasonOf(`Bearer ${key}`)]), ['1', '1']);
    assert.equal(calls(), 1);
  });

  test('no more than 16 look-ups are under way at once', async () => {
    const { reasonOf } = setUp(() => new Promise(() => {}));
    for (let index = 0; index < 16; index++) void reasonOf(`Bearer rk_${String(index).padStart(20, '0')}`);
    assert.equal(await reasonOf(`Bearer ${other}`), 'overloaded');
  });

  test('with the store away a key that was valid stays so, and an unknown one cannot be checked', async () => {
    const { clock, reasonOf } = setUp(async (count) => {
      if (count > 1) throw new Error('away');
      return owner;
    });
    assert.equal(await reasonOf(`Bearer ${key}`), '1');
    clock.advance(60_000);
    assert.equal(await reasonOf(`Bearer ${key}`), '1');
    assert.equal(await reasonOf(`Bearer ${other}`), 'store-unavailable');
    clock.advance(60 * 60_000);
    assert.equal(await reasonOf(`Bearer ${key}`), 'store-unavailable');
  });

  test('with a store that hangs, a key that was valid opens at once', async () => {
    const { cache, clock, reasonOf, calls } = setUp((count) =>
      count === 1 ? Promise.resolve(owner) : new Promise(() => {}),
    );
    assert.equal(await reasonOf(`Bearer ${key}`), '1');
    clock.advance(60_000);
    for (let round = 0; round < 3; round++) assert.equal(cache.identify(undefined, key), owner);
    assert.equal(calls(), 2);
  });

  test('a key that was revoked while it was stale opens no more once the look-up has said so', async () => {
    const { cache, clock, reasonOf } = setUp(async (count) => (count === 1 ? owner : undefined));
    assert.equal(await reasonOf(`Bearer ${key}`), '1');
    clock.advance(30_000);
    assert.equal(cache.identify(undefined, key), owner);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(await reasonOf(`Bearer ${key}`), 'unauthenticated');
  });

  test('does not keep the result of a look-up that began before keys changed', async () => {
    let answer = (_owner: typeof owner | undefined): void => {};
    const { cache, reasonOf } = setUp((count) =>
      count === 1 ? new Promise((resolve) => (answer = resolve)) : Promise.resolve(undefined),
    );
    const asked = reasonOf(`Bearer ${key}`);
    cache.clear();
    answer(owner);
    assert.equal(await asked, '1');
    assert.equal(await reasonOf(`Bearer ${key}`), 'unauthenticated');
  });

  test('forgets everything when keys have changed', async () => {
    const { cache, reasonOf } = setUp(async (count) => (count === 1 ? owner : undefined));
    assert.equal(await reasonOf(`Bearer ${key}`), '1');
    cache.clear();
    assert.equal(await reasonOf(`Bearer ${key}`), 'unauthenticated');
  });

  test('refuses an expired key from the moment of its end, cached or not, and while PostgreSQL is unavailable', async () => {
    const clock = new ManualClock();
    let isThere = true;
    const find = async (): Promise<KeyIdentity> => {
      if (!isThere) throw new Error('no database');
      return { ...owner, expiresAtMs: clock.wallNow() - clock.now() + 100_000 };
    };
    const cache = new KeyCache(find, clock, new StoredTrust(false));
    const reasonOf = async (): Promise<string> => {
      const found = await cache.identify(undefined, key);
      return found instanceof Refusal ? `${found.status} ${found.reason}` : found.id;
    };
    assert.equal(await reasonOf(), '1');
    isThere = false;
    clock.advance(99_999);
    assert.equal(await reasonOf(), '1');
    clock.advance(1);
    assert.equal(await reasonOf(), '401 key-expired');
    cache.clear();
    isThere = true;
    assert.equal(await reasonOf(), '401 key-expired');
    const refusal = await cache.identify(undefined, key);
    // It is a key that was known, so it is no guess.
    assert.equal(refusal instanceof Refusal && refusal.extras.isGuess, undefined);
  });
});
