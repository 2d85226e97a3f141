import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { windowsOf, within } from '../../../src/policy/ledger/windows.ts';

test('a few partitions are one window without bounds', () => {
  assert.deepEqual(windowsOf([], 32), [{ from: undefined, before: undefined }]);
  assert.deepEqual(windowsOf(['b', 'c', 'd'], 3), [{ from: undefined, before: undefined }]);
});

test('many partitions are windows of so many, the oldest of the rest', () => {
  assert.deepEqual(windowsOf(['b', 'c', 'd', 'e', 'f'], 2), [
    { from: undefined, before: 'c' },
    { from: 'c', before: 'e' },
    { from: 'e', before: undefined },
  ]);
});

test('each id is in one window, whatever the partitions', () => {
  const ids = fc.uniqueArray(fc.nat(500), { maxLength: 60 });
  fc.assert(
    fc.property(ids, fc.integer({ min: 1, max: 9 }), fc.nat(600), (bounds, each, probe) => {
      const text = (number: number): string => String(number).padStart(4, '0');
      const firstIds = bounds.toSorted((a, b) => a - b).map(text);
      const holding = windowsOf(firstIds, each).filter(
        ({ from, before }) =>
          (from === undefined || text(probe) >= from) && (before === undefined || text(probe) < before),
      );
      assert.equal(holding.length, 1);
    }),
  );
});

test('a window within a range is what both hold', () => {
  assert.deepEqual(within({ from: 'b', before: 'f' }, { from: 'c' }), { from: 'c', before: 'f' });
  assert.deepEqual(within({ before: 'f' }, { before: 'd' }), { from: undefined, before: 'd' });
  assert.equal(within({ from: 'd', before: 'f' }, { before: 'd' }), undefined);
  assert.equal(within({ before: 'd' }, { from: 'd' }), undefined);
  assert.deepEqual(within({}, {}), { from: undefined, before: undefined });
});
