import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CacheOrders } from '../../../src/control/cache-orders.ts';
import { OrderLog } from '../../../src/control/order-log.ts';
import type { CacheOrder, CachePosition } from '../../../src/protocol/cache-order.ts';
import type { NewsPosition } from '../../../src/protocol/news-position.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const changed = (...targets: string[]): CacheOrder => ({ invalidate: { host: 'a.example', targets, selection: '' } });
const everything: CacheOrder = { purge: {} };

/** Orders of one control, and what each worker was told: orders as they are, answers by their id. */
function open(epoch = 1) {
  const clock = new ManualClock();
  const told: Record<string, (CacheOrder | number)[]> = {};
  const orders = new CacheOrders<string>({
    clock,
    epoch,
    tell: (worker, message) => {
      const list = (told[worker] ??= []);
      if (message.type === 'forget') list.push(...message.orders);
      else if (message.type === 'invalidated') list.push(message.id);
    },
  });
  const join = (worker: string, position: CachePosition = { epoch, number: 0 }): void =>
    orders.said(worker, { type: 'cache-position', position });
  const ask = (worker: string, id: number, order: CacheOrder): void =>
    orders.said(worker, { type: 'invalidate', id, order });
  const done = (worker: string, number: number, entries = 0): void =>
    orders.said(worker, { type: 'forgotten', number, entries });
  return { clock, told, orders, join, ask, done };
}

describe('CacheOrders', () => {
  test('a purge waits for every worker: done, gone or late', async () => {
    const { clock, told, orders, join, done } = open();
    assert.deepEqual(await orders.purge({}), { workers: 0, purged: 0, entries: 0 });
    for (const worker of ['a', 'b']) join(worker, { epoch: 1, number: 1 });
    const all = orders.purge({});
    done('a', 2, 3);
    done('a', 2, 3);
    done('b', 9, 5);
    done('b', 2, 4);
    assert.deepEqual(await all, { workers: 2, purged: 2, entries: 7 });
    const gone = orders.purge({ endpoint: 'x' });
    done('a', 3, 1);
    orders.left('b');
    assert.deepEqual(await gone, { workers: 2, purged: 1, entries: 1 });
    const late = orders.purge({});
    clock.advance(2000);
    assert.deepEqual(await late, { workers: 1, purged: 0, entries: 0 });
    assert.deepEqual(told['b'], [everything, { purge: { endpoint: 'x' } }]);
  });

  test('an invalidation goes to the other workers, and is answered when all of them have carried it out', () => {
    const { told, join, ask, done } = open();
    for (const worker of ['a', 'b', 'c']) join(worker);
    ask('a', 7, changed('/x'));
    assert.deepEqual(told, { a: [], b: [changed('/x')], c: [changed('/x')] });
    done('b', 1);
    assert.deepEqual(told['a'], []);
    done('c', 1);
    assert.deepEqual(told['a'], [7]);
  });

  test('a worker that is alone is answered at once, and so is one whose neighbour has gone', () => {
    const { told, orders, join, ask } = open();
    join('a');
    ask('a', 1, changed('/x'));
    assert.deepEqual(told['a'], [1]);
    join('b', { epoch: 1, number: 1 });
    ask('a', 2, changed('/y'));
    assert.deepEqual(told['a'], [1]);
    orders.left('b');
    assert.deepEqual(told['a'], [1, 2]);
  });

  test('a worker that stands still delays one reply by 100 ms, and later ones not at all until it answers', () => {
    const { clock, told, join, ask, done } = open();
    for (const worker of ['a', 'b']) join(worker);
    ask('a', 1, changed('/x'));
    clock.advance(99);
    assert.deepEqual(told['a'], []);
    clock.advance(1);
    assert.deepEqual(told['a'], [1]);
    ask('a', 2, changed('/y'));
    assert.deepEqual(told['a'], [1, 2]);
    done('b', 2);
    ask('a', 3, changed('/z'));
    assert.deepEqual(told['a'], [1, 2]);
    assert.deepEqual(told['b'], [changed('/x'), changed('/y'), changed('/z')]);
  });

  test('a worker that returns gets the orders that it missed, including purges, and none twice', () => {
    const { told, orders, join, ask } = open();
    join('a');
    ask('a', 1, changed('/x'));
    ask('a', 2, changed('/y'));
    void orders.purge({ endpoint: 'p' });
    join('b', { epoch: 1, number: 1 });
    assert.deepEqual(told['b'], [changed('/y'), { purge: { endpoint: 'p' } }]);
    orders.left('b');
    join('b', { epoch: 1, number: 3 });
    assert.equal(told['b']?.length, 2);
  });

  test('a worker that comes for the first time, or was away for more than is remembered, forgets everything', () => {
    const { told, orders, join, ask } = open();
    orders.said('new', { type: 'cache-position' });
    assert.deepEqual(told['new'], [everything]);
    for (let id = 1; id <= 10_001; id++) ask('gone', id, changed('/x'));
    join('away');
    assert.deepEqual(told['away'], [everything]);
    join('back', { epoch: 1, number: 10_000 });
    assert.deepEqual(told['back'], [changed('/x')]);
  });

  test('after a change of control nothing is lost, and everything is forgotten only if workers stood apart', () => {
    const even = open(2);
    for (const worker of ['a', 'b']) even.join(worker, { epoch: 1, number: 5 });
    assert.deepEqual([even.told['a'], even.told['b']], [[], []]);
    even.ask('a', 1, changed('/x'));
    even.join('c', { epoch: 1, number: 5 });
    assert.deepEqual(even.told['c'], [changed('/x')]);
    for (const apart of [
      { epoch: 1, number: 4 },
      { epoch: 1, number: 6 },
      { epoch: 0, number: 5 },
    ]) {
      const odd = open(2);
      odd.join('a', { epoch: 1, number: 5 });
      odd.join('b', apart);
      assert.deepEqual(odd.told, { a: [everything], b: [everything] });
    }
  });
});

test('in a fleet a new worker gets every order that is known, so that it can use what hosts share', () => {
  const told: CacheOrder[][] = [];
  const position = (number: number): NewsPosition => ({ stream: 's', number });
  const orders = new CacheOrders<string>({
    clock: new ManualClock(),
    epoch: 2,
    tell: (_worker, message) => void (message.type === 'forget' && told.push([...message.orders])),
    fleet: { resumed: { epoch: 1, number: 9 }, resumedNews: position(3), onDone: () => {} },
  });
  const from3: CacheOrder = { purge: {}, news: { position: position(3) } };
  orders.said('a', { type: 'cache-position' });
  void orders.purge({ endpoint: 'x' }, { id: 'one' });
  void orders.purge({ endpoint: 'x' }, { id: 'one', position: position(4) });
  orders.spread({ ...changed('/y'), news: { id: 'two', position: position(5) } });
  orders.said('b', { type: 'cache-position' });
  const known = [
    { purge: { endpoint: 'x' }, news: { id: 'one' } },
    { purge: { endpoint: 'x' }, news: { id: 'one', position: position(4) } },
    { ...changed('/y'), news: { id: 'two', position: position(5) } },
  ];
  assert.deepEqual(told, [[from3], ...known.map((order) => [order]), [from3, ...known]]);
  // What is no longer known counts as carried out by nobody: all that was fetched before the present news is outdated.
  for (let index = 0; index < 20; index++) orders.spread(changed(`/${index}${'x'.repeat(100_000)}`));
  orders.extendTrust(5000, 0, position(8));
  orders.said('c', { type: 'cache-position' });
  assert.deepEqual(told.at(-1), [{ purge: {}, news: { position: position(8) } }]);
});

test('OrderLog keeps the last orders, bounded by their length too', () => {
  const log = new OrderLog();
  assert.deepEqual(log.since(0), []);
  for (let index = 0; index < 20; index++) log.append(changed(`/${index}${'x'.repeat(100_000)}`));
  assert.equal(log.last, 20);
  assert.equal(log.since(0), undefined);
  assert.equal(log.since(10)?.length, 10);
  assert.equal(log.since(9), undefined);
  assert.deepEqual(log.since(20), []);
  assert.equal(log.since(21), undefined);
});
