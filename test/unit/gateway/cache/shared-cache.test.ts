import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { CacheClient } from '../../../../src/gateway/cache/cache-client.ts';
import { type Entry, makeEntry } from '../../../../src/gateway/cache/entry.ts';
import { HeaderLines } from '../../../../src/gateway/cache/header-lines.ts';
import { SharedCache } from '../../../../src/gateway/cache/shared-cache.ts';
import { StoredTrust } from '../../../../src/gateway/stored-trust.ts';
import { renderPrometheus } from '../../../../src/metrics/exposition.ts';
import type { CachedValue, CacheWrite, ValkeyCache } from '../../../../src/store/valkey/valkey-cache.ts';
import { ValkeyUnavailable } from '../../../../src/store/valkey/valkey-unavailable.ts';
import { quietInstruments } from '../../../support/instruments.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const key = { endpoint: 'app', host: 'a', target: '/', text: 'app\na\n/' };
const client = {
  key,
  sharedScope: 'route',
  maxEntryBytes: 1024 * 1024,
  x: { head: { names: [] } },
} as unknown as CacheClient;
const position = { stream: 's', number: 5 };

/** Two workers with one store in memory. */
function setUp() {
  const clock = new ManualClock();
  const values = new Map<string, CacheWrite>();
  const state = {
    reads: 0,
    writes: 0,
    failure: undefined as ValkeyUnavailable | undefined,
    hold: undefined as Promise<void> | undefined,
  };
  const store = {
    lookUpMs: 10,
    async read(at: string): Promise<CachedValue | undefined> {
      state.reads++;
      if (state.failure !== undefined) throw state.failure;
      await state.hold;
      const found = values.get(at);
      return found && { value: found.value, leftMs: found.lifeMs };
    },
    async write(writes: readonly CacheWrite[]): Promise<void> {
      state.writes++;
      await state.hold;
      if (state.failure !== undefined) throw state.failure;
      for (const write of writes) values.set(write.key, write);
    },
    async remove(at: string): Promise<void> {
      values.delete(at);
    },
    close() {},
  } as unknown as ValkeyCache;
  const { bugs, registry } = quietInstruments();
  const trust = new StoredTrust(true);
  trust.extend(5000);
  const open = (own = quietInstruments().registry): SharedCache =>
    new SharedCache({ clock, bugs, registry: own, store, trust });
  const entryOf = (body: Buffer | string, freshMs = 60_000): Entry => {
    const lifetime = { ageMs: 0, freshMs, staleWhileRevalidateMs: 0, staleIfErrorMs: 0, mustRevalidate: false };
    const head = { status: 200, headers: { etag: '"1"' } };
    const arrival = { key, head, lifetime, body, arrivedAt: clock.now(), arrivedAtWallMs: clock.wallNow() };
    return makeEntry(arrival, new HeaderLines());
  };
  const metrics = (): string => renderPrometheus(registry.snapshot());
  return { clock, values, state, trust, shared: open(registry), other: open(), entryOf, metrics };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

describe('SharedCache', () => {
  test('another worker finds what one has stored, with its age', async () => {
    const { clock, shared, other, entryOf } = setUp();
    for (const each of [shared, other]) each.marks.learn(position, 0);
    shared.offer(client, entryOf('body'), [], position);
    await settled();
    clock.advance(2500);
    const { entry } = await other.find(client);
    assert.deepEqual([entry?.body, entry?.validators.etag, entry?.freshUntil], ['body', '"1"', 60_000]);
  });

  test('a reply that varies by more fields than a value may have is not stored', async () => {
    const { values, shared, entryOf } = setUp();
    shared.marks.learn(position, 0);
    const fields = (count: number): string[] => Array.from({ length: count }, (_, index) => `x-${10 + index}`);
    shared.offer(client, entryOf('body'), fields(33), position);
    await settled();
    assert.equal(values.size, 0);
    shared.offer(client, entryOf('body'), fields(32), position);
    await settled();
    assert.equal(values.size, 2);
  });

  test('an order that comes during the look-up counts', async () => {
    const { state, shared, entryOf } = setUp();
    shared.marks.learn(position, 0);
    shared.offer(client, entryOf('body'), [], position);
    await settled();
    const { promise, resolve } = Promise.withResolvers<void>();
    state.hold = promise;
    const found = shared.find(client);
    shared.marks.take({ purge: { endpoint: 'app' }, news: { id: 'one' } }, 0);
    resolve();
    assert.equal((await found).entry, undefined);
  });

  test('without trust, and without news, nothing is used', async () => {
    const { clock, shared, entryOf } = setUp();
    assert.equal(shared.serves(client), false);
    shared.marks.learn(position, 0);
    assert.equal(shared.serves(client), true);
    assert.equal(shared.serves({ ...client, sharedScope: undefined } as CacheClient), false);
    shared.offer(client, entryOf('body'), [], position);
    await settled();
    clock.advance(5000);
    assert.deepEqual([shared.serves(client), (await shared.find(client)).entry], [false, undefined]);
  });

  test('after five failures nobody is asked for a second, and nothing is written', async () => {
    const { clock, state, shared, entryOf, metrics } = setUp();
    shared.marks.learn(position, 0);
    state.failure = new ValkeyUnavailable('timeout', 'late');
    for (let index = 0; index < 8; index++) assert.equal((await shared.find(client)).entry, undefined);
    shared.offer(client, entryOf('body'), [], position);
    await settled();
    assert.deepEqual([state.reads, state.writes], [5, 0]);
    assert.match(metrics(), /requests_total\{result="timeout"\} 5\n/);
    assert.match(metrics(), /requests_total\{result="skipped"\} 3\n/);
    assert.match(metrics(), /writes_total\{result="dropped"\} 1\n/);
    assert.match(metrics(), /breaker_open 1\n/);
    state.failure = undefined;
    clock.advance(1000);
    await shared.find(client);
    await shared.find(client);
    assert.equal(state.reads, 7);
  });

  test('a damaged value is counted and deleted, and the value of another key is no reply', async () => {
    const { values, shared, entryOf, metrics } = setUp();
    shared.marks.learn(position, 0);
    shared.offer(client, entryOf('body'), [], position);
    await settled();
    const [[at, write]] = [...values] as [[string, CacheWrite]];
    values.set(at, { ...write, value: write.value.subarray(1) });
    assert.equal((await shared.find(client)).entry, undefined);
    assert.deepEqual([values.size, /result="corrupt"\} 1\n/.test(metrics())], [0, true]);
  });

  test('what waits to be written is bounded, and what is large or short-lived is left out', async () => {
    const { state, values, shared, entryOf, metrics } = setUp();
    shared.marks.learn(position, 0);
    const { promise, resolve } = Promise.withResolvers<void>();
    state.hold = promise;
    const small = entryOf('x');
    for (let index = 0; index < 300; index++) shared.offer(client, small, [], position);
    resolve();
    await settled();
    assert.match(metrics(), /writes_total\{result="stored"\} 256\n/);
    assert.match(metrics(), /writes_total\{result="dropped"\} 44\n/);
    values.clear();
    shared.offer(client, entryOf(Buffer.alloc(256 * 1024 + 1)), [], position);
    shared.offer(client, entryOf('short', 999), [], position);
    shared.offer(client, entryOf('early'), [], undefined);
    await settled();
    assert.equal(values.size, 0);
    for (let index = 0; index < 20; index++) shared.offer(client, entryOf(Buffer.alloc(256 * 1024)), [], position);
    await settled();
    assert.match(metrics(), /writes_total\{result="dropped"\} 49\n/);
  });
});
