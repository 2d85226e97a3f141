import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
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
