import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LeaseHost } from './lease-host.ts';

test('LeaseAllocator.setLimit lowers what all backends together may have in flight, and gives it back', () => {
  const host = new LeaseHost([4, 4, 2], 2);
  host.settle();
  const held = (): number => [0, 1, 2].reduce((sum, backend) => sum + host.held(backend), 0);
  assert.equal(held(), 10);
  const limitTo = (limit: number): void => {
    host.setLimit(limit);
    for (let round = 0; round < 5; round++) {
      host.settle();
      host.tick(100);
    }
    host.settle();
  };
  limitTo(7);
  assert.equal(held(), 7);
  assert.deepEqual(host.book.caps, [4, 4, 2]);
  assert.equal(host.book.loadBeside('w0').permits, 10);
  limitTo(10);
  assert.equal(held(), 10);
});
