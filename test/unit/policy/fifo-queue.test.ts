import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { FifoQueue } from '../../../src/policy/admission/fifo-queue.ts';

describe('FifoQueue', () => {
  test('takes in the order of arrival', () => {
    const queue = new FifoQueue<string>(3, 100);
    queue.join('a', 0);
    queue.join('b', 1);
    assert.deepEqual([queue.take(2), queue.take(2), queue.take(2)], ['a', 'b', undefined]);
  });

  test('refuses beyond its capacity, and has room again when one leaves', () => {
    const queue = new FifoQueue<string>(1, 100);
    const ticket = queue.join('a', 0);
    assert.equal(queue.join('b', 0), undefined);
    assert.equal(ticket?.leave(), true);
    assert.equal(ticket?.leave(), false);
    assert.notEqual(queue.join('c', 0), undefined);
    assert.equal(queue.depth, 1);
  });

  test('a capacity of 0 refuses everyone', () => {
    assert.equal(new FifoQueue<string>(0, 100).join('a', 0), undefined);
  });

  test('expires at the deadline, not before', () => {
    const queue = new FifoQueue<string>(3, 100);
    queue.join('a', 0);
    queue.join('b', 50);
    assert.deepEqual(queue.expire(99.9), []);
    assert.deepEqual(queue.expire(100), ['a']);
    assert.equal(queue.nextDeadline(), 150);
  });

  test('never hands out one whose deadline has passed', () => {
    const queue = new FifoQueue<string>(3, 100);
    queue.join('a', 0);
    assert.equal(queue.take(100), undefined);
    assert.deepEqual(queue.expire(100), ['a']);
  });

  test('agrees with a plain list over any sequence of joins, takes, leaves and expiries', () => {
    const step = fc.oneof(
      fc.constant('join' as const),
      fc.constant('take' as const),
      fc.constant('expire' as const),
      fc.nat(50).map((index) => ({ leave: index })),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), fc.nat(20), (steps, capacity) => {
        const queue = new FifoQueue<number>(capacity, 10);
        let model: { item: number; deadline: number }[] = [];
        const tickets = new Map<number, { leave(): boolean }>();
        steps.forEach((action, now) => {
          if (action === 'join') {
            const ticket = queue.join(now, now);
            assert.equal(ticket !== undefined, model.length < capacity);
            if (ticket !== undefined) {
              tickets.set(now, ticket);
              model.push({ item: now, deadline: now + 10 });
            }
          } else if (action === 'take') {
            const first = model[0];
            const expected = first !== undefined && first.deadline > now ? model.shift()?.item : undefined;
            assert.equal(queue.take(now), expected);
          } else if (action === 'expire') {
            assert.deepEqual(
              queue.expire(now),
              model.filter(({ deadline }) => deadline <= now).map(({ item }) => item),
            );
            model = model.filter(({ deadline }) => deadline > now);
          } else {
            const isThere = model.some(({ item }) => item === action.leave);
            assert.equal(tickets.get(action.leave)?.leave() ?? false, isThere);
            model = model.filter(({ item }) => item !== action.leave);
          }
          assert.equal(queue.depth, model.length);
        });
      }),
    );
  });
});
