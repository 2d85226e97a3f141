import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../../../../src/core/random.ts';
import { HostTraffic } from '../../../../../src/lab/simulator/fleet/host-traffic.ts';
import { PoissonLaw } from '../../../../../src/lab/simulator/fleet/poisson.ts';

const about = (value: number, expected: number, tolerance: number): void =>
  assert.ok(Math.abs(value / expected - 1) <= tolerance, `${value}, expected ${expected}`);

test('PoissonLaw has its mean and its variance, also where they are large', () => {
  const random = seededRandom(1);
  for (const mean of [0.3, 4, 90]) {
    const law = new PoissonLaw(mean);
    const draws = Array.from({ length: 40_000 }, () => law.draw(random));
    const average = draws.reduce((sum, draw) => sum + draw, 0) / draws.length;
    const variance = draws.reduce((sum, draw) => sum + (draw - average) ** 2, 0) / draws.length;
    about(average, mean, 0.03);
    about(variance, mean, 0.05);
  }
  assert.equal(new PoissonLaw(0).draw(random), 0);
});

function served(
  permits: number,
  rate: number,
  ms: number,
): { inFlight: number; refused: number; traffic: HostTraffic } {
  const traffic = new HostTraffic({ meanServiceMs: 20, queueTimeoutMs: 500, random: seededRandom(2) });
  traffic.useRate(rate);
  let inFlight = 0;
  for (let now = 1; now <= ms; now++) {
    traffic.tick(now, permits);
    assert.ok(traffic.inFlight <= permits);
    inFlight += traffic.inFlight;
  }
  return { inFlight: inFlight / ms, refused: traffic.refused / traffic.arrived, traffic };
}

test('as many requests are in flight as Little says', () => about(served(1000, 2, 60_000).inFlight, 40, 0.03));

test('with fewer permits than it needs a host uses all of them, and refuses the rest after the timeout', () => {
  const { inFlight, refused, traffic } = served(20, 2, 60_000);
  about(inFlight, 20, 0.01);
  about(refused, 0.5, 0.03);
  about(traffic.queued, 2 * 500, 0.1);
});

test('requests that have begun end, and those that wait are gone, when a host dies', () => {
  const { traffic } = served(20, 2, 1000);
  traffic.drop();
  assert.equal(traffic.queued, 0);
  for (let now = 1001; now < 1500; now++) traffic.end(now);
  assert.equal(traffic.inFlight, 0);
});
