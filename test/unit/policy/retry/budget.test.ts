import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RetryBudget } from '../../../../src/policy/retry/budget.ts';
import { retryAfterSeconds } from '../../../../src/policy/admission/retry-after.ts';
import { priorityOf } from '../../../../src/policy/admission/priority.ts';

function withdrawals(budget: RetryBudget, now: number): number {
  let count = 0;
  while (budget.withdraw(now)) count++;
  return count;
}

test('RetryBudget allows ten a second with no traffic', () => {
  const budget = new RetryBudget();
  assert.equal(withdrawals(budget, 0), 10);
  assert.equal(withdrawals(budget, 999), 0);
  assert.equal(withdrawals(budget, 1000), 10);
});

test('RetryBudget allows a fifth of the requests of the last ten seconds', () => {
  const budget = new RetryBudget();
  for (let request = 0; request < 1000; request++) budget.deposit(request * 5);
  assert.equal(budget.balance(4999), 200);
  assert.equal(withdrawals(budget, 4999), 200);
  assert.equal(withdrawals(budget, 5000), 0);
  // What the first second had put in is gone after ten, and so is what was taken out of it.
  for (let request = 0; request < 1000; request++) budget.deposit(20_000);
  assert.equal(withdrawals(budget, 20_000), 200);
});

for (const [workers, perSecond] of [
  [1, 200],
  [2, 200],
  [2, 1000],
  [8, 400],
] as const) {
  test(`RetryBudget keeps retries of a failing fleet at a fifth of ${perSecond} requests a second at ${workers} workers`, () => {
    const budgets = Array.from({ length: workers }, () => new RetryBudget(workers));
    let retries = 0;
    for (let request = 0; request < 60 * perSecond; request++) {
      const now = (request * 1000) / perSecond;
      const budget = budgets[request % workers] as RetryBudget;
      budget.deposit(now);
      if (budget.withdraw(now)) retries++;
    }
    const part = retries / (60 * perSecond);
    assert.ok(part <= 0.2 && part > 0.19, `${retries} retries`);
  });
}

test('RetryBudget divides the reserve of a host by its workers', () => {
  const inTenSeconds = (workers: number): number => {
    const budget = new RetryBudget(workers);
    let sum = 0;
    for (let now = 0; now < 10_000; now += 1000) sum += withdrawals(budget, now);
    return sum;
  };
  assert.deepEqual([1, 2, 4, 10, 20].map(inTenSeconds), [100, 50, 20, 10, 5]);
});

test('RetryBudget lets hedges have half of it, and so leaves something for the moment of failure', () => {
  const budget = new RetryBudget();
  const hedges = (now: number): number => {
    let count = 0;
    while (budget.withdraw(now, 'hedge')) count++;
    return count;
  };
  assert.equal(hedges(0), 5);
  assert.equal(withdrawals(budget, 0), 5);
  for (let request = 0; request < 1000; request++) budget.deposit(1000);
  assert.equal(hedges(1000), 95);
  assert.equal(withdrawals(budget, 1000), 95);
  // And where retries have taken all, there is nothing left for hedges.
  assert.equal(hedges(2000), 0);
});

test('RetryBudget.balance changes nothing, and knows that deposits have lapsed', () => {
  const budget = new RetryBudget();
  for (let request = 0; request < 200; request++) budget.deposit(0);
  assert.equal(budget.balance(0), 40);
  assert.equal(budget.balance(60_000), 10);
  assert.equal(budget.balance(0), 40);
});

test('retryAfterSeconds follows the drain rate, spread out at random', () => {
  assert.equal(
    retryAfterSeconds(30, 0.4, () => 0),
    1,
  );
  assert.equal(
    retryAfterSeconds(400, 0.1, () => 0),
    5,
  );
  assert.equal(
    retryAfterSeconds(400, 0.1, () => 0.999),
    9,
  );
  assert.equal(
    retryAfterSeconds(100_000, 0.1, () => 0),
    30,
  );
  assert.equal(
    retryAfterSeconds(5, 0, () => 0),
    2,
  );
});

test('priorityOf lowers a request to bulk by key, route or header, and never raises one', () => {
  assert.equal(priorityOf(undefined, undefined, undefined), 'interactive');
  assert.equal(priorityOf('bulk', undefined, 'u=0'), 'bulk');
  assert.equal(priorityOf(undefined, 'bulk', 'u=0'), 'bulk');
  for (const header of ['u=5', 'u=7, i', 'i, u=6', ' u = 5;x=1']) {
    assert.equal(priorityOf(undefined, undefined, header), 'bulk', header);
  }
  for (const header of ['u=4', 'i', 'u=8', 'xu=7', 'u=', 'u=55', '']) {
    assert.equal(priorityOf(undefined, undefined, header), 'interactive', header);
  }
});
