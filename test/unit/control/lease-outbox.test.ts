import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LeaseOutbox } from '../../../src/control/lease-outbox.ts';
import type { AddressedOrder } from '../../../src/policy/permits/addressed-order.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const grant = (number: number, member = 'a'): AddressedOrder => ({
  member,
  order: { kind: 'grant', number, permits: [number], fallback: [1] },
});
const recall = (number: number, member = 'a'): AddressedOrder => ({
  member,
  order: { kind: 'recall', number, mode: 'spare', limits: [1] },
});

/** What was done, in order: `w` for a write, else the member and the number of an order that was sent. */
function open() {
  const clock = new ManualClock();
  const done: string[] = [];
  const outbox = new LeaseOutbox({
    clock,
    save: () => done.push('w'),
    send: (_upstream, { member, order }) => done.push(`${member}${order.number}`),
  });
  return { clock, done, outbox };
}

describe('LeaseOutbox', () => {
  test('the first grant goes out at once, written before; those of the next 2 ms share a write', () => {
    const { clock, done, outbox } = open();
    outbox.push('app', [grant(1)]);
    assert.deepEqual(done, ['w', 'a1']);
    for (let number = 2; number <= 4; number++) {
      clock.advance(0.5);
      outbox.push('app', [grant(number)]);
    }
    assert.deepEqual(done, ['w', 'a1']);
    clock.advance(0.5);
    assert.deepEqual(done, ['w', 'a1', 'w', 'a2', 'a3', 'a4']);
  });

  test('500 writes a second at most, and no order without the write that contains it', () => {
    const { clock, done, outbox } = open();
    for (let number = 1; number <= 5000; number++) {
      outbox.push('app', [grant(number)]);
      clock.advance(0.2);
    }
    clock.advance(2);
    assert.equal(done.filter((entry) => entry !== 'w').length, 5000);
    assert.ok(done.filter((entry) => entry === 'w').length <= 501);
    assert.deepEqual(
      done.filter((entry) => entry !== 'w'),
      Array.from({ length: 5000 }, (_, index) => `a${index + 1}`),
    );
  });

  test('a recall needs no write, and does not overtake a grant that waits', () => {
    const { clock, done, outbox } = open();
    outbox.push('app', [recall(1)]);
    outbox.push('app', [grant(2)]);
    outbox.push('app', [grant(3)]);
    outbox.push('app', [recall(4), recall(1, 'b')]);
    assert.deepEqual(done, ['a1', 'w', 'a2']);
    clock.advance(2);
    assert.deepEqual(done, ['a1', 'w', 'a2', 'w', 'a3', 'a4', 'b1']);
  });

  test('a message that waited for a closed connection is not sent on the next one', () => {
    const { clock, done, outbox } = open();
    outbox.push('app', [grant(1)]);
    outbox.push('app', [grant(2), grant(1, 'b')]);
    outbox.drop('a');
    outbox.push('app', [grant(1)]);
    clock.advance(2);
    assert.deepEqual(done, ['w', 'a1', 'w', 'b1', 'a1']);
  });

  test('after its end nothing is written or sent any more', () => {
    const { clock, done, outbox } = open();
    outbox.push('app', [grant(1)]);
    outbox.push('app', [grant(2)]);
    outbox.stop();
    clock.advance(10);
    assert.deepEqual(done, ['w', 'a1']);
  });
});
