import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LeaseAllocator } from '../../../../src/policy/permits/lease-allocator.ts';
import { LeaseState } from '../../../../src/policy/permits/lease-state.ts';
import { LeaseHost } from './lease-host.ts';
import { calmStep, type Step } from './lease-steps.ts';

test('leases follow backends that join and leave: none gets too many, and none is left without', () => {
  const comings = fc.oneof(
    fc.tuple(fc.nat(3), fc.integer({ min: 1, max: 6 })).map(
      ([b, cap]): Step =>
        (host) =>
          host.joinBackend(b, cap),
    ),
    fc.nat(3).map(
      (b): Step =>
        (host) =>
          host.leaveBackend(b),
    ),
  );
  const steps = fc.array(fc.oneof({ weight: 6, arbitrary: calmStep }, { weight: 1, arbitrary: comings }), {
    maxLength: 200,
    size: 'max',
  });
  fc.assert(
    fc.property(steps, (acts) => {
      const host = new LeaseHost([4, 3], 3);
      const before: number[] = [4, 3];
      for (const act of acts) {
        act(host);
        for (const [backend, cap] of host.caps.entries()) {
          const bound = host.book.bound(backend);
          assert.ok(bound <= Math.max(cap, before[backend] ?? 0), `${bound} given of ${cap}, backend ${backend}`);
          assert.ok(host.held(backend) <= bound, `${host.held(backend)} held of ${bound} given, backend ${backend}`);
          before[backend] = bound;
        }
      }
      for (let round = 0; round < 20; round++) {
        host.finishAll();
        host.tick(300);
        host.settle();
      }
      const held = host.caps.map((_, backend) => host.held(backend));
      assert.deepEqual(held, host.caps);
    }),
    { numRuns: 2000 },
  );
});

test('permits that other hosts want come back from every worker, but for those in use and those of other backends', () => {
  const book = new LeaseAllocator([4, 4]);
  for (const member of ['a', 'b']) book.joined(member, [2, 2], 0);
  const orders = book.recallUnused([1, 0], 2000);
  const left = orders.map(({ member, order }) => {
    const worker = new LeaseState([2, 2]);
    worker.apply({ kind: 'grant', number: 1, permits: [2, 2], fallback: [2, 2] }, { inFlight: [0, 0], queued: 0 });
    const use = { inFlight: member === 'a' ? [1, 0] : [0, 2], queued: 0 };
    worker.apply(order, use);
    return [member, worker.permits];
  });
  assert.deepEqual(left, [
    ['a', [1, 2]],
    ['b', [0, 2]],
  ]);
  assert.deepEqual(book.recallUnused([1, 0], 2001), [], 'it has just asked them');
});
