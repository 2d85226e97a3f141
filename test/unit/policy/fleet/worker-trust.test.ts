import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { WorkerTrust } from '../../../../src/policy/fleet/worker-trust.ts';

function trusted(until: number): WorkerTrust<string> {
  const trust = new WorkerTrust<string>();
  for (const worker of ['a', 'b']) trust.extended(worker, until);
  return trust;
}

describe('WorkerTrust', () => {
  test('an order has an effect when every worker has carried it out', () => {
    const trust = trusted(5000);
    for (const worker of ['a', 'b']) for (const number of [1, 2]) trust.ordered(worker, number);
    assert.equal(trust.appliedAt(10, 2), 0);
    trust.done('a', 2);
    trust.done('b', 1);
    assert.equal(trust.appliedAt(10, 2), 1);
    trust.done('b', 2);
    assert.equal(trust.appliedAt(10, 2), 2);
  });

  test('or when the trust from before it has ended, not sooner; later trust follows the order', () => {
    const trust = trusted(5000);
    trust.ordered('a', 1);
    trust.extended('a', 5500);
    assert.equal(trust.appliedAt(4999, 1), 0);
    assert.equal(trust.appliedAt(5000, 1), 1);
    trust.ordered('a', 2);
    assert.equal(trust.appliedAt(5000, 2), 1);
    assert.equal(trust.appliedAt(5500, 2), 2);
  });

  test('a worker that has left counts until its trust has ended, also for orders that it never got', () => {
    const trust = trusted(5000);
    trust.ordered('a', 1);
    trust.done('a', 1);
    trust.left('a');
    assert.equal(trust.appliedAt(4999, 3), 1);
    assert.equal(trust.appliedAt(5000, 3), 3);
    trust.prune(5000);
    assert.equal(trust.appliedAt(0, 3), 3);
  });

  test('a worker is behind if it has not carried out what it was told before it was trusted last', () => {
    const trust = trusted(5000);
    trust.ordered('a', 1);
    assert.equal(trust.isBehind('a'), false);
    trust.extended('a', 5500);
    assert.equal(trust.isBehind('a'), true);
    trust.done('a', 1);
    assert.equal(trust.isBehind('a'), false);
  });

  test('a worker that hangs for long is remembered by a bounded list, and never too early', () => {
    const trust = new WorkerTrust<string>();
    for (let number = 1; number <= 1000; number++) {
      trust.extended('a', number);
      trust.ordered('a', number);
    }
    assert.equal(trust.appliedAt(50, 1000), 50);
    assert.ok(trust.appliedAt(999, 1000) < 1000);
    assert.equal(trust.appliedAt(1000, 1000), 1000);
  });
});
