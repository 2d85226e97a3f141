import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LeaseAllocator } from '../../../../src/policy/permits/lease-allocator.ts';
import { LeaseState, PATIENCE_MS } from '../../../../src/policy/permits/lease-state.ts';
import { equalShares, staticShare, weightedShares } from '../../../../src/policy/permits/shares.ts';
import { LeaseHost } from './lease-host.ts';
import { backend, calmStep, type Step, worker } from './lease-steps.ts';

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 24, arbitrary: calmStep },
  {
    weight: 1,
    arbitrary: worker.map(
      (w): Step =>
        (host) =>
          host.cut(w),
    ),
  },
  {
    weight: 2,
    arbitrary: worker.map(
      (w): Step =>
        (host) =>
          host.connect(w),
    ),
  },
  {
    weight: 1,
    arbitrary: worker.map(
      (w): Step =>
        (host) =>
          host.kill(w),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(worker, backend).map(
      ([w, b]): Step =>
        (host) =>
          host.clear(host.orphans[w], b),
    ),
  },
  { weight: 1, arbitrary: fc.constant<Step>((host) => host.replaceControl()) },
  { weight: 1, arbitrary: fc.constant<Step>((host) => host.addWorker()) },
);

test('leases never let more requests into a backend than its cap, whatever is lost, cut or killed', () => {
  fc.assert(
    fc.property(fc.tuple(fc.nat(9), fc.nat(9)), fc.array(step, { maxLength: 200, size: 'max' }), (caps, steps) => {
      const host = new LeaseHost([...caps], 3);
      for (const act of steps) {
        act(host);
        for (const [backend, cap] of caps.entries()) {
          const bound = host.book.bound(backend);
          assert.ok(host.held(backend) <= cap, `${host.held(backend)} held of ${cap}, backend ${backend}`);
          assert.ok(host.held(backend) <= bound, `${host.held(backend)} held of ${bound} given, backend ${backend}`);
        }
      }
    }),
    { numRuns: 3000 },
  );
});

test('leases follow a cap that changes: it rises at once, and falls as permits come back', () => {
  const change = fc.tuple(backend, fc.nat(9)).map(
    ([b, cap]): Step =>
      (host) =>
        host.setCap(b, cap),
  );
  const steps = fc.array(fc.oneof({ weight: 9, arbitrary: calmStep }, { weight: 1, arbitrary: change }), {
    maxLength: 200,
  });
  fc.assert(
    fc.property(steps, (acts) => {
      const host = new LeaseHost([4, 3], 3);
      const before = [4, 3];
      for (const act of acts) {
        act(host);
        for (const [backend, cap] of host.caps.entries()) {
          const bound = host.book.bound(backend);
          assert.ok(bound <= Math.max(cap, before[backend] as number), `${bound} given of ${cap}, backend ${backend}`);
          assert.ok(host.held(backend) <= bound, `${host.held(backend)} held of ${bound} given, backend ${backend}`);
          before[backend] = bound;
        }
      }
      for (const [index, { inFlight }] of host.workers.entries()) {
        for (const [backend, count] of inFlight.entries()) {
          for (let left = count; left > 0; left--) host.finish(index, backend);
        }
      }
      for (let round = 0; round < 40; round++) {
        for (const [index, { inFlight }] of host.workers.entries()) {
          for (const backend of inFlight.keys()) host.finish(index, backend);
        }
        host.tick(30);
        host.settle();
      }
      for (const [backend, cap] of host.caps.entries()) assert.ok(host.held(backend) <= cap);
    }),
    { numRuns: 1000 },
  );
});

test('leases settle: waiting workers get the unused permits', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: 'max' }), (steps) => {
      const host = new LeaseHost([4, 3], 2);
      for (const act of steps) act(host);
      for (const index of host.workers.keys()) host.connect(index);
      for (const orphan of host.orphans) for (const backend of host.caps.keys()) host.clear(orphan, backend);
      for (let round = 0; round < 12; round++) {
        host.repeatCalls();
        host.settle();
        host.tick(30);
      }
      if (!host.workers.some(({ alive, queued }) => alive && queued > 0)) return;
      for (const [backend, cap] of host.caps.entries()) {
        const inFlight = host.workers.reduce((sum, { inFlight: counts }) => sum + (counts[backend] ?? 0), 0);
        assert.equal(inFlight, cap, `${inFlight} of ${cap} in flight at backend ${backend} while work waits`);
      }
    }),
    { numRuns: 1000 },
  );
});

test('LeaseAllocator moves an idle worker’s permits to one whose work waits within one exchange of messages', () => {
  const host = new LeaseHost([4, 4], 2);
  host.settle();
  assert.deepEqual(
    host.workers.map(({ holder }) => holder.permits),
    [
      [2, 2],
      [2, 2],
    ],
  );
  for (let request = 0; request < 8; request++) host.arrive(0, request % 2);
  assert.equal(host.workers[0]?.queued, 4);
  host.settle();
  assert.equal(host.workers[0]?.queued, 0);
  assert.deepEqual(
    host.workers.map(({ holder }) => holder.permits),
    [
      [4, 4],
      [0, 0],
    ],
  );
});

test('LeaseAllocator shares equally between two workers whose work waits, and sends nothing more once it does', () => {
  const host = new LeaseHost([8], 2);
  host.settle();
  for (let request = 0; request < 12; request++) host.arrive(0, 0);
  host.settle();
  assert.deepEqual(
    host.workers.map(({ holder }) => holder.permits),
    [[8], [0]],
  );
  for (let request = 0; request < 12; request++) host.arrive(1, 0);
  for (let round = 0; round < 20; round++) {
    for (const index of [0, 1]) {
      host.arrive(index, 0);
      host.finish(index, 0);
    }
    host.now += 10;
    host.repeatCalls();
    host.settle();
  }
  assert.deepEqual(
    host.workers.map(({ holder }) => holder.permits),
    [[4], [4]],
  );
});

test('LeaseAllocator gives turns to workers that are more than the permits', () => {
  const host = new LeaseHost([1], 3);
  host.settle();
  const served = [0, 0, 0];
  for (let round = 0; round < 60; round++) {
    for (const [index, w] of host.workers.entries()) if (w.queued === 0 && w.inFlight[0] === 0) host.arrive(index, 0);
    host.settle();
    host.now += 20;
    host.repeatCalls();
    host.settle();
    for (const [index, w] of host.workers.entries()) {
      if (w.inFlight[0] === 1) {
        served[index] = (served[index] as number) + 1;
        host.finish(index, 0);
      }
    }
    host.settle();
  }
  assert.ok(Math.min(...served) >= 10, `served ${served.join(', ')}`);
});

test('LeaseAllocator keeps a dead worker’s permits until the backend has dropped its connections', () => {
  const host = new LeaseHost([4], 2);
  host.settle();
  host.arrive(1, 0);
  host.kill(1);
  for (let request = 0; request < 4; request++) host.arrive(0, 0);
  host.settle();
  assert.equal(host.workers[0]?.inFlight[0], 2);
  host.clear(host.orphans[0], 0);
  host.settle();
  assert.equal(host.workers[0]?.inFlight[0], 4);
});

test('a LeaseAllocator restored from its saved state grants no permit that an absent worker may hold', () => {
  const saved = [
    { member: 'a', bound: [3] },
    { member: 'b', bound: [1] },
  ];
  const book = new LeaseAllocator([4], saved);
  assert.deepEqual(book.joined('b', [1], 0), []);
  book.died('a');
  const orders = book.cleared('a', 0, 0);
  assert.deepEqual(
    orders.map(({ member, order }) => [member, order.kind === 'grant' ? order.permits : []]),
    [['b', [4]]],
  );
});

test('LeaseAllocator evens out the leases once no worker calls for more', () => {
  const host = new LeaseHost([8], 2);
  host.settle();
  for (let request = 0; request < 8; request++) host.arrive(0, 0);
  host.settle();
  for (let request = 0; request < 8; request++) host.finish(0, 0);
  host.settle();
  assert.deepEqual(
    host.workers.map(({ holder }) => holder.permits),
    [[8], [0]],
  );
  host.tick(300);
  host.settle();
  assert.deepEqual(
    host.workers.map(({ holder }) => holder.permits),
    [[4], [4]],
  );
});

test('LeaseState without control keeps its permits, then goes to its share: down first, up later', () => {
  const grant = (permits: number[]): LeaseState => {
    const holder = new LeaseState([1]);
    holder.apply({ kind: 'grant', number: 1, permits, fallback: [2] }, { inFlight: [0], queued: 0 });
    return holder;
  };
  const [rich, poor] = [grant([4]), grant([0])];
  const after = (ms: number): (readonly number[])[] => {
    for (const holder of [rich, poor]) holder.withoutControl(ms);
    return [rich.permits, poor.permits];
  };
  assert.deepEqual(after(PATIENCE_MS - 1), [[4], [0]]);
  assert.deepEqual(after(PATIENCE_MS), [[2], [0]]);
  assert.deepEqual(after(2 * PATIENCE_MS), [[2], [2]]);
});

test('LeaseState that never heard of control serves with its static share after a second', () => {
  const holder = new LeaseState([staticShare(5, 2)]);
  holder.withoutControl(999);
  assert.deepEqual(holder.permits, [0]);
  holder.withoutControl(1000);
  assert.deepEqual(holder.permits, [2]);
});

test('LeaseAllocator grants no permit of a backend that is down to a worker that calls', () => {
  const book = new LeaseAllocator([2, 2]);
  book.joined('a', [0, 0], 0);
  book.reported('a', { seen: 1, held: [0, 0], queued: 0 }, 0);
  book.setUp(0, false);
  const orders = book.reported('a', { seen: 9, held: [0, 0], queued: 9 }, 0);
  assert.deepEqual(
    orders.map(({ order }) => (order.kind === 'grant' ? order.permits : [])),
    [[0, 2]],
  );
});

test('LeaseState that is asked to level keeps its limit or what it uses and a little more', () => {
  const holder = new LeaseState([1, 1, 1]);
  const use = { inFlight: [0, 4, 8], queued: 0 };
  holder.apply({ kind: 'grant', number: 1, permits: [8, 8, 8], fallback: [1, 1, 1] }, use);
  holder.apply({ kind: 'recall', number: 2, mode: 'level', limits: [3, 3, 3] }, use);
  assert.deepEqual(holder.report(use), { seen: 2, held: [3, 6, 8], queued: 0, bulk: 0, inFlight: 12, used: [0, 4, 8] });
});

test('weightedShares adds up to every cap, and gives each member its part to less than one permit', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(20), { minLength: 1, maxLength: 8 }),
      fc.array(fc.nat(50), { minLength: 1, maxLength: 9 }),
      fc.nat(),
      (caps, weights, turn) => {
        const shares = weightedShares(caps, weights, turn);
        for (const [backend, cap] of caps.entries()) {
          assert.equal(
            shares.reduce((sum, row) => sum + (row[backend] as number), 0),
            cap,
          );
        }
        const all = caps.reduce((sum, cap) => sum + cap, 0);
        const weight = weights.reduce((sum, value) => sum + value, 0);
        if (weight === 0) return;
        for (const [member, row] of shares.entries()) {
          const exact = (all * (weights[member] as number)) / weight;
          const got = row.reduce((sum, permits) => sum + permits, 0);
          assert.ok(Math.abs(got - exact) < 1 + 1e-6 && row.every((permits) => permits >= 0), `${got} of ${exact}`);
        }
      },
    ),
  );
});

test('LeaseAllocator gives more to the worker where more waits, so that all wait about equally long', () => {
  const host = new LeaseHost([4, 4], 2);
  host.settle();
  for (let request = 0; request < 12; request++) host.arrive(0, request % 2);
  for (let request = 0; request < 4; request++) host.arrive(1, request % 2);
  for (let round = 0; round < 40; round++) {
    for (const [index, worker] of host.workers.entries()) {
      for (const backend of [0, 1]) {
        if ((worker.inFlight[backend] ?? 0) === 0) continue;
        host.finish(index, backend);
        host.arrive(index, backend);
      }
    }
    host.now += 20;
    host.repeatCalls();
    host.settle();
  }
  const held = host.workers.map(({ holder }) => holder.permits.reduce((sum, permits) => sum + permits, 0));
  assert.ok((held[0] as number) >= 5 && (held[1] as number) <= 3, held.join(' and '));
});

test('staticShare leaves every worker one permit', () => assert.equal(staticShare(3, 4), 1));

test('equalShares adds up to every cap, and no member is ahead by more than one permit in all', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(20), { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 1, max: 9 }),
      fc.nat(),
      (caps, members, turn) => {
        const shares = equalShares(caps, members, turn);
        for (const [backend, cap] of caps.entries()) {
          assert.equal(
            shares.reduce((sum, row) => sum + (row[backend] as number), 0),
            cap,
          );
        }
        const totals = shares.map((row) => row.reduce((sum, permits) => sum + permits, 0));
        assert.ok(Math.max(...totals) - Math.min(...totals) <= 1);
      },
    ),
  );
});

test('a worker whose waiting requests could use no permit asks for none, and gives its unused ones away', () => {
  const held = { seen: 9, held: [1], queued: 1, bulk: 1, blocked: 1 };
  const book = new LeaseAllocator([2]);
  book.joined('a', [1], 0);
  book.joined('b', [1], 0);
  assert.deepEqual(book.reported('a', held, 0), []);
  const asked = book.reported('b', { seen: 9, held: [1], queued: 1, inFlight: 1 }, 10);
  assert.deepEqual(
    asked.map(({ member, order }) => [member, order.kind]),
    [['a', 'recall']],
  );
  const state = new LeaseState([1]);
  state.apply({ kind: 'grant', number: 1, permits: [1], fallback: [1] }, { inFlight: [0], queued: 0 });
  const recall = { kind: 'recall', number: 2, mode: 'spare', limits: [0] } as const;
  state.apply(recall, { inFlight: [0], queued: 1, bulk: 1, blocked: 1 });
  assert.deepEqual(state.permits, [0]);
});

test('a request of a session gets an unused permit of its backend, and takes none of another one', () => {
  const host = new LeaseHost([2, 2], 2);
  host.settle();
  host.tick(300);
  host.settle();
  const permitsOf = (index: number): readonly number[] => host.workers[index]?.holder.permits ?? [];
  assert.deepEqual(
    [permitsOf(0), permitsOf(1)],
    [
      [1, 1],
      [1, 1],
    ],
  );
  host.arriveAt(0, 0);
  host.arriveAt(0, 0);
  host.settle();
  assert.deepEqual(
    [permitsOf(0), permitsOf(1)],
    [
      [2, 1],
      [0, 1],
    ],
  );
  // What is in use is not taken.
  host.arriveAt(1, 1);
  host.arriveAt(0, 1);
  host.arriveAt(0, 1);
  host.settle();
  assert.deepEqual([permitsOf(0)[1], permitsOf(1)[1]], [1, 1]);
});
