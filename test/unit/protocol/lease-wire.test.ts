import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromWireOrder, fromWireReport, inOrder, toWireOrder, toWireReport } from '../../../src/protocol/lease-wire.ts';

test('counts find their backends in another order, in a longer and in a shorter list', () => {
  const order = toWireOrder({ kind: 'grant', number: 3, permits: [1, 2, 3], fallback: [4, 5, 6] }, ['a', 'b', 'c']);
  const read = (ids: string[]) => {
    const got = fromWireOrder(order, ids);
    return got.kind === 'grant' ? [got.number, got.permits, got.fallback] : [];
  };
  assert.deepEqual(read(['c', 'a', 'b']), [3, [3, 1, 2], [6, 4, 5]]);
  assert.deepEqual(read(['new', 'b', 'a', 'c']), [3, [0, 2, 1, 3], [0, 5, 4, 6]]);
  assert.deepEqual(read(['b']), [3, [2], [5]]);
});

test('recalls and reports travel in the same way', () => {
  const recall = toWireOrder({ kind: 'recall', number: 1, mode: 'spare', limits: [7, 8] }, ['a', 'b']);
  assert.deepEqual(fromWireOrder(recall, ['b', 'a']), { kind: 'recall', number: 1, mode: 'spare', limits: [8, 7] });
  const report = toWireReport({ seen: 2, held: [1, 0], queued: 5 }, ['a', 'b']);
  assert.deepEqual(fromWireReport(report, ['b', 'a', 'c']), { seen: 2, held: [0, 1, 0], queued: 5 });
});

test('a backend with the name of a property of every object has none', () => {
  assert.deepEqual(inOrder({ a: 1 }, ['constructor', '__proto__', 'a']), [0, 0, 1]);
});
