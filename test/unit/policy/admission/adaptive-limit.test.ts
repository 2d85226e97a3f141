import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom, type Random } from '../../../../src/core/random.ts';
import { AdaptiveLimit } from '../../../../src/policy/admission/adaptive-limit.ts';
import { runLimited } from '../../../support/limited-upstream.ts';

const exponential = (mean: number) => (random: Random) => -Math.log(1 - random()) * mean;
const logUniform = (from: number, to: number) => (random: Random) => from * (to / from) ** random();
const either = (one: (random: Random) => number, other: (random: Random) => number) => (random: Random) =>
  random() < 0.5 ? one(random) : other(random);

/** Durations that do not depend on what is in flight, with their means. */
const independent: readonly (readonly [name: string, meanMs: number, draw: (random: Random) => number])[] = [
  ['constant 500 ms', 500, () => 500],
  ['exponential, mean 1 s', 1000, exponential(1000)],
  ['uniform 1 to 3 s', 2000, (random) => 1000 + 2000 * random()],
  [
    '5 ms or 500 ms',
    252,
    either(
      () => 5,
      () => 500,
    ),
  ],
  ['stream heads of 50 ms beside replies of 1 to 8 s', 1700, either(() => 50, logUniform(1000, 8000))],
  ['log-uniform 0.1 to 10 s', 2150, logUniform(100, 10_000)],
  ['log-uniform 2 to 40 s', 12_700, logUniform(2000, 40_000)],
];

for (const [name, meanMs, serviceMs] of independent) {
  test(`AdaptiveLimit keeps the permits usable for 20 minutes of ${name}`, () => {
    for (const permits of [14, 16, 64]) {
      for (const load of [0.3, 1, 1.5]) {
        const perSecond = (load * permits * 1000) / meanMs;
        for (const more of [{ perSecond }, { clients: Math.ceil(permits * load) }]) {
          const seed = permits * 10 + load;
          const { usable, lowest } = runLimited({ permits, serviceMs, seed, ...more });
          const what = `${permits} permits, ${JSON.stringify(more)}: ${usable} on average, ${lowest} at least`;
          assert.ok(usable >= 0.98 && lowest >= 0.9, what);
        }
      }
    }
  });
}

/** Backends that get slower with what they have in flight: permits, and the part of the best throughput that must be reached. */
const dependent: readonly (readonly [
  name: string,
  permits: number,
  least: number,
  time: (random: Random, inFlight: number) => number,
])[] = [
  ['one processor', 16, 0.99, (_random, inFlight) => 5 * inFlight],
  ['one processor, exponential work', 16, 0.98, (random, inFlight) => exponential(5 * inFlight)(random)],
  ['a lock of 5 ms within 20 ms', 16, 0.95, (_random, inFlight) => Math.max(20, 5 * inFlight)],
  // All permits serve a quarter of the best.
  ['thrashing beyond 4', 16, 0.6, (_random, inFlight) => 20 * Math.max(1, (inFlight / 4) ** 2)],
];

for (const [name, permits, least, serviceMs] of dependent) {
  test(`AdaptiveLimit serves at least ${least} of the best fixed limit behind ${name}`, () => {
    const load = { permits, serviceMs, clients: 2 * permits };
    const best = Math.max(
      ...Array.from(
        { length: permits },
        (_, index) => runLimited({ ...load, fixed: index + 1, seed: 1, minutes: 2 }).perSecond,
      ),
    );
    for (const seed of [1, 2]) {
      const { perSecond } = runLimited({ ...load, seed });
      assert.ok(perSecond >= least * best, `${perSecond}/s of ${best}/s`);
    }
  });
}

/** Looks every quarter of a second while `until` has not passed, at a backend whose throughput is `perSecond(limit)`. */
function look(limit: AdaptiveLimit, from: number, until: number, perSecond: (limit: number) => number): void {
  for (let now = from; now < until; now += 250) {
    const inFlight = limit.of(20);
    const ended = perSecond(inFlight) / 4;
    limit.look({ ended, busyMs: inFlight * 250, isSaturated: ended > 0, permits: 20 }, now);
  }
}

test('AdaptiveLimit falls where fewer do as much, keeps its floor, and comes back when the load goes', () => {
  const limit = new AdaptiveLimit({ least: 3, random: seededRandom(1) });
  look(limit, 0, 600_000, () => 400);
  assert.ok(limit.of(20) <= 5 && limit.of(20) >= 3, `${limit.of(20)}`);
  assert.equal(limit.of(2), 2);
  look(limit, 600_000, 780_000, () => 0);
  assert.equal(limit.of(20), 20);
});

test('AdaptiveLimit rises again when backends that shared a processor no longer do', () => {
  const limit = new AdaptiveLimit({ least: 1, random: seededRandom(2) });
  look(limit, 0, 600_000, () => 400);
  assert.ok(limit.of(20) < 8);
  look(limit, 600_000, 900_000, (inFlight) => 20 * inFlight);
  assert.ok(limit.of(20) >= 18, `${limit.of(20)}`);
});
