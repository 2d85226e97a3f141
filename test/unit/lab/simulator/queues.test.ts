import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EventQueue } from '../../../../src/lab/simulator/event-queue.ts';
import { Line } from '../../../../src/lab/simulator/line.ts';

const step = fc.oneof(fc.constant('take' as const), fc.nat(20));

test('EventQueue returns the earliest first, and of equals the one that was added first', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const queue = new EventQueue<number>();
      const model: { at: number; number: number }[] = [];
      steps.forEach((action, number) => {
        if (action === 'take') {
          assert.equal(queue.pop(), model.shift()?.number);
        } else {
          queue.push(action, number);
          model.push({ at: action, number });
          model.sort((left, right) => left.at - right.at || left.number - right.number);
        }
        assert.equal(queue.nextAt, model[0]?.at ?? Number.POSITIVE_INFINITY);
      });
    }),
  );
});

test('EventQueue keeps the order of equals when many wait', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(3), { maxLength: 100 }), (times) => {
      const queue = new EventQueue<number>();
      for (const [number, at] of times.entries()) queue.push(at, number);
      const expected = times.map((at, number) => ({ at, number })).sort((left, right) => left.at - right.at);
      assert.deepEqual(
        times.map(() => queue.pop()),
        expected.map(({ number }) => number),
      );
    }),
  );
});

test('Line returns items in the order of their insertion', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 1000, minLength: 300 }), (steps) => {
      const line = new Line<number>();
      const model: number[] = [];
      steps.forEach((action, number) => {
        if (action === 'take') {
          assert.equal(line.shift(), model.shift());
        } else {
          line.push(number);
          model.push(number);
        }
        assert.equal(line.first, model[0]);
      });
    }),
  );
});
