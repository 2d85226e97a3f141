import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type MarkedReply, PurgeMarks } from '../../../../src/policy/cache/purge-marks.ts';
import type { CacheOrder, PurgeTarget } from '../../../../src/protocol/cache-order.ts';
import type { NewsPosition } from '../../../../src/protocol/news-position.ts';

const at = (number: number, stream = 's'): NewsPosition => ({ stream, number });

const reply = (number: number, more: Partial<MarkedReply> = {}): MarkedReply => ({
  endpoint: 'shop',
  host: 'a.example',
  target: '/x?1',
  text: 'shop@blue\na.example\n/x?1\nhttps',
  groups: ['prices', 'news'],
  fetchedAt: at(number),
  ...more,
});

const purge = (target: PurgeTarget, number?: number, id?: string): CacheOrder => ({
  purge: target,
  news: { id, position: number === undefined ? undefined : at(number) },
});

const changed = (target: string, selection: string, groups: string[], number?: number, id?: string): CacheOrder => ({
  invalidate: { host: 'a.example', targets: ['/other', target], selection, groups },
  news: { id, position: number === undefined ? undefined : at(number) },
});

/** Marks of a worker that has carried out everything up to 5. */
function marksAt5(): PurgeMarks {
  const marks = new PurgeMarks();
  marks.learn(at(5), 0);
  return marks;
}

describe('PurgeMarks', () => {
  test('nothing is valid before news is known, and then only what was fetched with at least as much news', () => {
    const marks = new PurgeMarks();
    marks.take(purge({}), 0);
    assert.deepEqual([marks.position, marks.verdictOn(reply(5))], [undefined, 'outdated']);
    marks.learn(at(5), 0);
    assert.deepEqual(marks.position, at(5));
    assert.deepEqual(
      [4, 5, 6].map((number) => marks.verdictOn(reply(number))),
      ['outdated', 'valid', 'valid'],
    );
  });

  const matching: CacheOrder[] = [
    purge({}, 7),
    purge({ endpoint: 'shop' }, 7),
    purge({ host: 'a.example' }, 7),
    purge({ endpoint: 'shop', target: '/x?1' }, 7),
    purge({ endpoint: 'shop', target: '/x?1', host: 'a.example' }, 7),
    purge({ group: 'news' }, 7),
    purge({ group: 'prices', host: 'a.example' }, 7),
    purge({ group: 'prices', endpoint: 'shop' }, 7),
    changed('/x?1', '\nhttps', [], 7),
    changed('/y', '\nhttps', ['news'], 7),
  ];
  for (const order of matching)
    test(`a reply that was fetched before it is outdated: ${JSON.stringify(order)}`, () => {
      const marks = marksAt5();
      marks.take(order, 0);
      assert.deepEqual(
        [5, 6, 7].map((number) => marks.verdictOn(reply(number))),
        ['outdated', 'outdated', 'valid'],
      );
    });

  const others: CacheOrder[] = [
    purge({ endpoint: 'other' }, 7),
    purge({ host: 'b.example' }, 7),
    purge({ endpoint: 'shop', target: '/x' }, 7),
    purge({ group: 'other' }, 7),
    purge({ group: 'news', host: 'b.example' }, 7),
    changed('/x', '\nhttps', [], 7),
    changed('/x?1', '', [], 7),
    { invalidate: { host: '', targets: [], selection: '' } },
  ];
  for (const order of others)
    test(`a reply that it does not name stays valid: ${JSON.stringify(order)}`, () => {
      const marks = marksAt5();
      marks.take(order, 0);
      assert.equal(marks.verdictOn(reply(5)), 'valid');
    });

  test('a soft purge makes older replies stale since then, and a later hard one outdates them', () => {
    const marks = marksAt5();
    marks.take(purge({ group: 'news', soft: true }, 6), 100);
    assert.deepEqual([marks.verdictOn(reply(5)), marks.verdictOn(reply(6))], [{ staleSince: 100 }, 'valid']);
    marks.take(purge({ soft: true }, 8), 200);
    assert.deepEqual(marks.verdictOn(reply(6)), { staleSince: 200 });
    marks.take(purge({ group: 'news' }, 7), 300);
    assert.equal(marks.verdictOn(reply(6)), 'outdated');
  });

  test('an order without a position counts for every reply until the same order has one', () => {
    const marks = marksAt5();
    assert.equal(marks.take(purge({ host: 'a.example' }, undefined, 'one'), 0), 'new');
    marks.learn(at(8), 10_000);
    assert.equal(marks.verdictOn(reply(9)), 'outdated');
    assert.equal(marks.take(purge({ host: 'a.example' }, 7, 'other'), 0), 'new');
    assert.equal(marks.verdictOn(reply(9)), 'outdated');
    assert.equal(marks.take(purge({ host: 'a.example' }, 9, 'one'), 0), 'repeated');
    assert.deepEqual([marks.verdictOn(reply(8)), marks.verdictOn(reply(9))], ['outdated', 'valid']);
  });

  test('an order that never gets a position counts for what was fetched with the news of a read after it', () => {
    for (const [id, laterMs] of [
      [undefined, 0],
      ['dead', 30_000],
    ] as const) {
      const marks = marksAt5();
      marks.take(changed('/x?1', '\nhttps', [], undefined, id), 1000);
      marks.learn(at(6), 999 + laterMs);
      assert.equal(marks.verdictOn(reply(99)), 'outdated');
      marks.learn(at(7), 1000 + laterMs);
      assert.deepEqual([marks.verdictOn(reply(7)), marks.verdictOn(reply(8))], ['outdated', 'valid']);
    }
  });

  test('numbers of another stream mean nothing', () => {
    const marks = marksAt5();
    marks.take({ purge: {}, news: { position: at(2, 't') } }, 0);
    assert.deepEqual([marks.position, marks.verdictOn(reply(9))], [undefined, 'outdated']);
    marks.learn(at(2, 't'), 0);
    assert.equal(marks.verdictOn(reply(9)), 'outdated');
    assert.equal(marks.verdictOn(reply(0, { fetchedAt: at(2, 't') })), 'valid');
    marks.learn(at(4, 'u'), 0);
    assert.equal(marks.verdictOn(reply(0, { fetchedAt: at(3, 'u') })), 'outdated');
  });

  test('memory is bounded: when the oldest mark goes, everything as old as that is outdated', () => {
    const marks = marksAt5();
    for (let number = 6; number <= 10_005; number++) marks.take(purge({ group: `g${number}` }, number), 0);
    assert.equal(marks.verdictOn(reply(5)), 'valid');
    marks.take(purge({ group: 'one more' }, 10_006), 0);
    assert.deepEqual([marks.verdictOn(reply(5)), marks.verdictOn(reply(6))], ['outdated', 'valid']);
  });

  test('when an order without a position is dropped, nothing is valid until the news of a read after it is known', () => {
    const marks = marksAt5();
    for (let index = 0; index <= 1000; index++) marks.take(purge({ group: `g${index}` }, undefined, `${index}`), 50);
    assert.equal(marks.verdictOn(reply(99)), 'outdated');
    marks.learn(at(9), 49);
    assert.equal(marks.verdictOn(reply(99)), 'outdated');
    marks.learn(at(9), 50);
    assert.deepEqual([marks.verdictOn(reply(9)), marks.verdictOn(reply(10))], ['outdated', 'valid']);
  });
});
