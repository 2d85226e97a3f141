import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Priority } from '../../../../src/policy/admission/priority.ts';
import { RequestQueue } from '../../../../src/policy/admission/request-queue.ts';

const ample = Number.POSITIVE_INFINITY;

function filled(
  capacity: number,
  arrivals: readonly [item: string, key: string, priority?: Priority][],
): RequestQueue<string> {
  const queue = new RequestQueue<string>(capacity);
  for (const [item, key, priority = 'interactive'] of arrivals) queue.join({ item, key, priority }, 0, ample);
  return queue;
}

function drained(queue: RequestQueue<string>): string[] {
  const items: string[] = [];
  for (let place = queue.take(); place !== undefined; place = queue.take()) items.push(place.item);
  return items;
}

test('RequestQueue serves in order of arrival', () => {
  assert.deepEqual(
    drained(
      filled(10, [
        ['1', 'a'],
        ['2', 'a'],
        ['3', 'a'],
      ]),
    ),
    ['1', '2', '3'],
  );
});

test('RequestQueue serves the newest first while it is more than 80 % full', () => {
  const queue = filled(5, [
    ['1', 'a'],
    ['2', 'a'],
    ['3', 'a'],
    ['4', 'a'],
    ['5', 'a'],
  ]);
  assert.deepEqual(drained(queue), ['5', '1', '2', '3', '4']);
});

test('RequestQueue serves interactive before bulk requests, in any order of arrival', () => {
  const queue = filled(10, [
    ['b1', 'a', 'bulk'],
    ['i1', 'a'],
    ['b2', 'a', 'bulk'],
    ['i2', 'a'],
  ]);
  assert.equal(queue.aheadOf('interactive'), 2);
  assert.equal(queue.aheadOf('bulk'), 4);
  assert.deepEqual(drained(queue), ['i1', 'i2', 'b1', 'b2']);
});

test('RequestQueue lets keys take turns', () => {
  const queue = filled(10, [
    ['a1', 'a'],
    ['a2', 'a'],
    ['a3', 'a'],
    ['b1', 'b'],
    ['c1', 'c'],
    ['b2', 'b'],
  ]);
  assert.deepEqual(drained(queue), ['a1', 'b1', 'c1', 'a2', 'b2', 'a3']);
});

test('RequestQueue that is full makes room for a key with fewer waiting, at the cost of the newest of the longest line', () => {
  const queue = filled(4, [
    ['a1', 'a'],
    ['a2', 'a'],
    ['a3', 'a'],
    ['a4', 'a'],
  ]);
  assert.deepEqual(queue.join({ item: 'a5', key: 'a', priority: 'interactive' }, 0, ample).admitted, false);
  const first = queue.join({ item: 'b1', key: 'b', priority: 'interactive' }, 0, ample);
  assert.equal(first.admitted && first.evicted, 'a4');
  const second = queue.join({ item: 'b2', key: 'b', priority: 'interactive' }, 0, ample);
  assert.equal(second.admitted && second.evicted, 'a3');
  assert.equal(queue.join({ item: 'b3', key: 'b', priority: 'interactive' }, 0, ample).admitted, false);
});

test('RequestQueue that is full drops bulk for interactive, never the other way round', () => {
  const queue = filled(2, [
    ['b1', 'a', 'bulk'],
    ['b2', 'a', 'bulk'],
  ]);
  const first = queue.join({ item: 'i1', key: 'a', priority: 'interactive' }, 0, ample);
  assert.equal(first.admitted && first.evicted, 'b2');
  assert.equal(queue.join({ item: 'b3', key: 'z', priority: 'bulk' }, 0, ample).admitted, false);
  assert.deepEqual(drained(queue), ['i1', 'b1']);
});

test('RequestQueue takes room as a bound on those that would be served first', () => {
  const queue = filled(10, [
    ['b1', 'a', 'bulk'],
    ['b2', 'a', 'bulk'],
    ['i1', 'a'],
  ]);
  assert.equal(queue.join({ item: 'i2', key: 'a', priority: 'interactive' }, 0, 1).admitted, false);
  assert.equal(queue.join({ item: 'i2', key: 'a', priority: 'interactive' }, 0, 2).admitted, true);
  assert.equal(queue.depthOf('bulk'), 2);
});

test('RequestQueue.expire removes requests that have waited too long, of both classes', () => {
  const queue = new RequestQueue<string>(10);
  queue.join({ item: 'b', key: 'a', priority: 'bulk' }, 0, ample);
  queue.join({ item: 'i', key: 'a', priority: 'interactive' }, 10, ample);
  queue.join({ item: 'late', key: 'a', priority: 'interactive' }, 20, ample);
  assert.equal(queue.oldestJoinedAt(), 0);
  assert.deepEqual(queue.expire(10), ['b', 'i']);
  assert.equal(queue.oldestJoinedAt(), 20);
  assert.equal(queue.depth, 1);
});

test('RequestQueue still knows the longest wait after hundreds of requests have come and gone', () => {
  const queue = filled(500, [['first', 'a']]);
  for (let now = 1; now < 300; now++) {
    const joined = queue.join({ item: 'passing', key: 'a', priority: 'interactive' }, now, ample);
    assert.ok(joined.admitted && queue.leave(joined.place));
  }
  assert.equal(queue.oldestJoinedAt(), 0);
  assert.deepEqual(queue.expire(0), ['first']);
});

test('RequestQueue.leave gives a place up once', () => {
  const queue = new RequestQueue<string>(10);
  const joined = queue.join({ item: '1', key: 'a', priority: 'interactive' }, 0, ample);
  assert.ok(joined.admitted);
  assert.equal(queue.leave(joined.place), true);
  assert.equal(queue.leave(joined.place), false);
  assert.equal(queue.take(), undefined);
});

test('RequestQueue loses no request and serves none twice, in any sequence of operations', () => {
  const arrival = fc.record({
    key: fc.constantFrom('a', 'b', 'c'),
    priority: fc.constantFrom<Priority>('interactive', 'bulk'),
  });
  const step = fc.oneof(
    { weight: 4, arbitrary: arrival.map((arrival) => ({ kind: 'join', arrival }) as const) },
    { weight: 2, arbitrary: fc.constant({ kind: 'take' } as const) },
    { weight: 1, arbitrary: fc.nat(50).map((place) => ({ kind: 'leave', place }) as const) },
    { weight: 1, arbitrary: fc.nat(300).map((before) => ({ kind: 'expire', before }) as const) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300, size: 'max' }), fc.integer({ min: 1, max: 12 }), (steps, capacity) => {
      const queue = new RequestQueue<number>(capacity);
      const waiting = new Set<number>();
      const places: { item: number; leave: () => boolean }[] = [];
      const gone = (item: number): void => assert.ok(waiting.delete(item), `${item} left twice`);
      for (const [now, action] of steps.entries()) {
        if (action.kind === 'join') {
          const joined = queue.join({ item: now, ...action.arrival }, now, ample);
          if (joined.admitted) {
            waiting.add(now);
            places.push({ item: now, leave: () => queue.leave(joined.place) });
            if (joined.evicted !== undefined) gone(joined.evicted);
          } else assert.ok(waiting.size >= capacity);
        } else if (action.kind === 'take') {
          const place = queue.take();
          if (place !== undefined) gone(place.item);
          else assert.equal(waiting.size, 0);
        } else if (action.kind === 'leave') {
          const place = places[action.place];
          if (place?.leave() === true) gone(place.item);
        } else {
          for (const item of queue.expire(action.before)) gone(item);
          assert.ok([...waiting].every((item) => item > action.before));
        }
        assert.equal(queue.depth, waiting.size);
        assert.ok(queue.depth <= capacity);
        assert.equal(queue.oldestJoinedAt(), waiting.size === 0 ? undefined : Math.min(...waiting));
      }
    }),
    { numRuns: 500 },
  );
});
