import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { seededRandom } from '../../../../src/core/random.ts';
import { compareBalancers } from '../../../../src/lab/simulator/comparison.ts';
import type { Result } from '../../../../src/lab/simulator/measurements.ts';
import { simulatedOutcomes } from '../../../../src/lab/simulator/request.ts';
import { capacityPerSecond, type Scenario, scenarios } from '../../../../src/lab/simulator/scenario.ts';
import { lawNames, laws } from '../../../../src/lab/simulator/service-law.ts';
import { simulateFleet } from '../../../../src/lab/simulator/simulate.ts';

import { balancerNames, defaultBalancer } from '../../../../src/policy/balance/balancer.ts';

const run = (scenario: Partial<Scenario>, load: number, requests: number, seed = 1): Result =>
  simulateFleet({ scenario: { ...scenarios.plain, ...scenario }, balancer: 'random-two', load, requests, seed });

const totalOf = (result: Result): number =>
  simulatedOutcomes.reduce((sum, outcome) => sum + result.outcomes[outcome], 0);

const within = (actual: number, expected: number, share: number): void =>
  assert.ok(Math.abs(actual - expected) <= share * expected, `${actual} is not ${expected} within ${share * 100} %`);

/** Mean wait in an M/M/c queue (Erlang C), in units of the mean service time. */
function erlangWait(servers: number, load: number): number {
  const offered = servers * load;
  let sum = 0;
  let term = 1;
  for (let count = 0; count < servers; count++) {
    sum += term;
    term *= offered / (count + 1);
  }
  const last = term / (1 - load);
  return last / (sum + last) / (servers * (1 - load));
}

describe('a single backend waits as queueing theory says', () => {
  for (const load of [0.5, 0.8]) {
    test(`M/M/1 at ${load}: load / (1 - load)`, () => {
      within(run({}, load, 400_000).meanWaitMs, (10 * load) / (1 - load), 0.03);
    });

    test(`M/D/1 at ${load}: half of that (Pollaczek-Khinchine)`, () => {
      within(run({ law: 'deterministic' }, load, 400_000).meanWaitMs, (5 * load) / (1 - load), 0.03);
    });

    test(`M/M/4 at ${load}: Erlang C`, () => {
      within(run({ slots: 4 }, load, 400_000).meanWaitMs, 10 * erlangWait(4, load), 0.03);
    });
  }

  test('M/G/1 with two kinds of requests: Pollaczek-Khinchine', () => {
    const classes = [
      { share: 0.9, cost: 1 },
      { share: 0.1, cost: 5 },
    ];
    const [mean, square] = [1.4, 0.9 + 2.5];
    const expected = (10 * 0.7 * (square / mean)) / (2 * 0.3);
    within(run({ law: 'deterministic', classes }, 0.7, 400_000).meanWaitMs, expected, 0.03);
  });
});

test('every law has the mean 1', () => {
  for (const name of lawNames) {
    const random = seededRandom(5);
    let sum = 0;
    for (let count = 0; count < 1_000_000; count++) sum += laws[name](random);
    within(sum / 1_000_000, 1, 0.01);
  }
});

test('the capacity is that of the backends that serve, less what antagonists take', () => {
  assert.equal(capacityPerSecond(scenarios.plain), 100);
  const three = { ...scenarios.plain, backends: 4, slots: 2, speeds: [1, 0.5], failing: 1 };
  assert.equal(capacityPerSecond(three), 2 * (0.5 + 1 + 0.5) * 100);
  const antagonist = { epochMs: 1000, probability: 0.5, least: 0.2 };
  assert.equal(capacityPerSecond({ ...scenarios.plain, antagonist }), 80);
});

test('antagonists take what the capacity says: at 120 % of it, five of six are served', () => {
  const antagonist = { epochMs: 100, probability: 0.5, least: 0.2 };
  const result = run({ antagonist, backendQueue: 20, law: 'deterministic' }, 1.2, 200_000);
  within(result.outcomes.success, 200_000 / 1.2, 0.04);
});

const fleet = fc.record({
  backends: fc.integer({ min: 3, max: 8 }),
  workers: fc.integer({ min: 1, max: 3 }),
  slots: fc.integer({ min: 1, max: 3 }),
  backendQueue: fc.nat(4),
  failing: fc.nat(1),
  hanging: fc.nat(1),
  deadlineMs: fc.integer({ min: 5, max: 200 }),
  cap: fc.constantFrom(undefined, 1, 4),
  gatewayQueue: fc.record({ capacity: fc.nat(10), timeoutMs: fc.integer({ min: 1, max: 50 }) }),
});

test('every request has one outcome, whatever the fleet, the balancer and the load', () => {
  const loads = fc.constantFrom(0.3, 0.9, 3);
  fc.assert(
    fc.property(fleet, fc.constantFrom(...balancerNames), loads, fc.nat(1000), (changes, balancer, load, seed) => {
      const scenario = { ...scenarios.plain, ...changes };
      const result = simulateFleet({ scenario, balancer, load, requests: 500, seed });
      assert.equal(totalOf(result), 500);
    }),
    { numRuns: 60 },
  );
});

test('equal seeds give equal figures, another seed gives others', () => {
  const figures = (seed: number) =>
    compareBalancers({ scenario: scenarios.faults, balancers: balancerNames, loads: [0.9], requests: 5000, seed });
  assert.deepEqual(figures(3), figures(3));
  assert.notDeepEqual(figures(3), figures(4));
});

test('the seed decides when requests arrive, too', () => {
  const waits = [1, 2].map((seed) => run({ law: 'deterministic' }, 0.8, 1000, seed).meanWaitMs);
  assert.notEqual(waits[0], waits[1]);
});

test('errors that come early are no fast answers, and those of the warm-up are not measured', () => {
  const changes = { backends: 2, failing: 1, law: 'deterministic' } as const;
  const whole = run({ ...changes, warmUp: 0 }, 0.3, 400);
  assert.equal(whole.errorShare, whole.outcomes.failed / 400);
  const idle = run({ ...changes, warmUp: 0 }, 0.02, 400);
  assert.ok(idle.outcomes.failed > 0 && idle.meanWaitMs > -1e-9, JSON.stringify(idle));
  const later = run({ ...changes, warmUp: 0.5 }, 0.3, 400);
  assert.deepEqual([later.outcomes, later.errorShare], [whole.outcomes, 1 / 200]);
});

test('every balancer is given the same requests', () => {
  const rows = compareBalancers({
    scenario: scenarios.plain,
    balancers: balancerNames,
    loads: [0.9],
    requests: 5000,
    seed: 3,
  });
  assert.equal(new Set(rows.map(({ result }) => result.meanMs)).size, 1);
});

test('a request that no backend answers ends at its deadline', () => {
  const result = run({ backends: 2, hanging: 1, deadlineMs: 500 }, 0.1, 200);
  assert.ok(result.outcomes.timeout > 0);
  assert.equal(result.p999Ms, 500);
});

test('a cap keeps the queue in the gateway: backends without a queue of their own refuse no request', () => {
  const capped = { workers: 3, backends: 4, slots: 4, backendQueue: 0, cap: 4 };
  const result = run({ ...capped, gatewayQueue: { capacity: 1e6, timeoutMs: 1e9 } }, 0.95, 20_000);
  assert.deepEqual(result.outcomes, { success: 20_000, failed: 0, refused: 0, timeout: 0 });
  assert.ok(run({ ...capped, cap: undefined }, 0.95, 20_000).outcomes.refused > 0);
});

test('a request that waits too long in the gateway is refused', () => {
  const changes = { cap: 1, gatewayQueue: { capacity: 1e6, timeoutMs: 30 } };
  const result = run(changes, 2, 5000);
  assert.ok(result.outcomes.refused > 2000, JSON.stringify(result.outcomes));
  assert.ok(result.p99Ms > 30 && result.p50Ms < 60, JSON.stringify(result));
});

test('with unequal speeds at 90 % of capacity, round robin is worse than two choices, and those than the default', () => {
  const rows = compareBalancers({
    scenario: scenarios.prequal,
    balancers: ['round-robin', 'random-two', 'peak-ewma', 'least-in-flight', defaultBalancer],
    loads: [0.9],
    requests: 40_000,
    seed: 1,
  });
  const [roundRobin, randomTwo, ...others] = rows.map(({ result }) => result.p99Ms) as [number, number, ...number[]];
  const best = others.at(-1) as number;
  assert.ok(roundRobin > 1.5 * randomTwo, `${roundRobin}, ${randomTwo}`);
  for (const rival of [randomTwo, ...others.slice(0, -1)]) assert.ok(rival > 1.5 * best, `${rival}, ${best}`);
});

test('ejection does not feed on overload: a fleet at its capacity loses few requests, at 110 % about the excess', () => {
  const scenario = { ...scenarios.prequal, gateways: 1, workers: 2, deadlineMs: 1000 };
  const errors = (load: number): number =>
    simulateFleet({ scenario, balancer: 'expected-latency', load, requests: 60_000, seed: 1 }).errorShare;
  assert.ok(errors(0.9) < 0.001);
  assert.ok(errors(1) < 0.06, `${errors(1)}`);
  assert.ok(errors(1.1) < 0.35, `${errors(1.1)}`);
});
