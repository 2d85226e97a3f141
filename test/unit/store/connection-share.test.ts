import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionShare } from '../../../src/store/connection-share.ts';
import { StoreError } from '../../../src/store/errors.ts';
import { sharesOf } from '../../../src/store/pool-size.ts';
import { ManualClock } from '../../support/manual-clock.ts';

test('works wait in order while the share is in use', async () => {
  const share = new ConnectionShare(2, 1000, new ManualClock());
  const ends: (() => void)[] = [];
  const done: number[] = [];
  const works = [0, 1, 2, 3].map((number) =>
    share.run(() => new Promise<void>((resolve) => ends.push(resolve))).then(() => done.push(number)),
  );
  assert.deepEqual([share.inUse, share.waiting, ends.length], [2, 2, 2]);
  for (let number = 0; number < 4; number++) {
    ends[number]?.();
    await works[number];
  }
  assert.deepEqual(done, [0, 1, 2, 3]);
  assert.deepEqual([share.inUse, share.waiting], [0, 0]);
});

test('a work that waits too long is busy, and takes no turn', async () => {
  const clock = new ManualClock();
  const share = new ConnectionShare(1, 500, clock);
  let end = (): void => {};
  const first = share.run(() => new Promise<void>((resolve) => (end = resolve)));
  const late = assert.rejects(
    share.run(async () => assert.fail('it must not run')),
    (error) => error instanceof StoreError && error.reason === 'busy',
  );
  clock.advance(500);
  await late;
  end();
  await first;
  assert.equal(await share.run(async () => 'next'), 'next');
});

test('a work that fails gives its place back', async () => {
  const share = new ConnectionShare(1, 500, new ManualClock());
  await assert.rejects(share.run(() => Promise.reject(new Error('failed'))));
  assert.equal(share.inUse, 0);
});

test('more than a thousand do not wait', async () => {
  const share = new ConnectionShare(1, 500, new ManualClock());
  for (let number = 0; number < 1001; number++) void share.run(() => new Promise(() => {}));
  await assert.rejects(
    share.run(async () => {}),
    StoreError,
  );
});

test('the shares of a pool add up to it, and each has one', () => {
  assert.deepEqual(sharesOf(10), { keys: 2, ledger: 2, bulk: 2, reads: 4 });
  assert.deepEqual(sharesOf(5), { keys: 1, ledger: 1, bulk: 1, reads: 2 });
  for (const poolMax of [1, 2, 3]) assert.deepEqual(sharesOf(poolMax), { keys: 1, ledger: 1, bulk: 1, reads: 1 });
  for (let poolMax = 4; poolMax <= 100; poolMax++) {
    const { keys, ledger, bulk, reads } = sharesOf(poolMax);
    assert.equal(keys + ledger + bulk + reads, poolMax);
  }
});
