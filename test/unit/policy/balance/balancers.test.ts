import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { seededRandom } from '../../../../src/core/random.ts';
import { BackendLoad } from '../../../../src/policy/balance/backend-load.ts';
import { balancerNames, createBalancer, type PickRequest } from '../../../../src/policy/balance/balancer.ts';
import { drive, FakeBackend } from './drive.ts';

const fleet = (count: number, latencyMs = 50): FakeBackend[] =>
  Array.from({ length: count }, () => new FakeBackend(latencyMs));

const share = (counts: readonly number[], index: number): number =>
  (counts[index] ?? 0) / counts.reduce((sum, count) => sum + count, 0);

const state = fc.record({ inFlight: fc.nat(4), cap: fc.nat(4), available: fc.boolean() });

for (const name of balancerNames) {
  describe(name, () => {
    test('chooses one that is available and has a free permit whenever there is one, and never another', () => {
      fc.assert(
        fc.property(fc.array(state, { maxLength: 40 }), fc.nat(), (states, seed) => {
          const candidates = states.map((each) => ({ ...each, load: new BackendLoad(0) }));
          const picked = createBalancer(name).pick(candidates, { now: 5, random: seededRandom(seed), routeClass: 0 });
          const eligible = candidates.filter(({ inFlight, cap, available }) => available && inFlight < cap);
          assert.equal(picked === undefined, eligible.length === 0);
          assert.ok(picked === undefined || eligible.includes(picked));
        }),
      );
    });

    test('finds the only backend that can serve among a thousand', () => {
      const candidates = fleet(1000);
      for (const candidate of candidates) candidate.cap = 0;
      const free = candidates[777] as FakeBackend;
      free.cap = 1;
      const random = seededRandom(3);
      const balancer = createBalancer(name);
      for (let time = 0; time < 10; time++) {
        assert.equal(balancer.pick(candidates, { now: 0, random, routeClass: 0 }), free);
      }
    });

    test('avoids the excluded one while there is another, and chooses it when there is none', () => {
      fc.assert(
        fc.property(fc.array(state, { minLength: 1, maxLength: 40 }), fc.nat(), (states, seed) => {
          const candidates = states.map((each) => ({ ...each, load: new BackendLoad(0) }));
          const excluded = candidates[seed % candidates.length];
          const request: PickRequest<(typeof candidates)[number]> = {
            now: 5,
            random: seededRandom(seed),
            routeClass: 0,
            excluded,
          };
          const picked = createBalancer(name).pick(candidates, request);
          const eligible = candidates.filter(({ inFlight, cap, available }) => available && inFlight < cap);
          const others = eligible.filter((candidate) => candidate !== excluded);
          if (others.length > 0) assert.ok(picked !== undefined && others.includes(picked));
          else assert.equal(picked, eligible[0]);
        }),
      );
    });

    for (const [count, gapMs] of [
      [4, 5],
      [4, 200],
      [40, 2],
    ] as const) {
      test(`spreads evenly over ${count} equals, a request each ${gapMs} ms`, () => {
        const requests = count * 500;
        const counts = drive(name, fleet(count), { requests, gapMs });
        assert.ok(Math.min(...counts) > 500 * 0.8, `${Math.min(...counts)}`);
        assert.ok(Math.max(...counts) < 500 * 1.2, `${Math.max(...counts)}`);
      });
    }

    test('spreads evenly over the backends that can serve, at any position in the list', () => {
      const backends = fleet(6);
      for (const full of backends.slice(1, 5)) full.cap = 0;
      const counts = drive(name, backends, { requests: 1000, gapMs: 200 });
      assert.ok((counts[0] as number) > 400 && (counts[5] as number) > 400, `${counts}`);
    });

    test('chooses one even when all have just joined', () => {
      const backends = fleet(3);
      for (const { load } of backends) load.joined(0);
      assert.equal(
        drive(name, backends, { requests: 100, gapMs: 1 }).reduce((sum, count) => sum + count, 0),
        100,
      );
    });

    test('does not run to a backend that fails fast', () => {
      const backends = [new FakeBackend(1, 'failure'), ...fleet(3)];
      assert.ok(share(drive(name, backends, { requests: 2000, gapMs: 5 }), 0) < 0.05);
    });

    test('keeps away from a backend that answers nothing', () => {
      const backends = [new FakeBackend(Number.POSITIVE_INFINITY), ...fleet(3)];
      assert.ok(share(drive(name, backends, { requests: 4000, gapMs: 5 }), 0) < 0.06);
    });

    test('forgets a slow sample, though the backend had no traffic since', () => {
      const backends = fleet(4);
      for (const [index, backend] of backends.entries()) backend.served(0, index === 0 ? 2000 : 50, 2000);
      drive(name, backends.slice(1), { fromMs: 2000, requests: 6000, gapMs: 10 });
      const counts = drive(name, backends, { fromMs: 62_050, requests: 4000, gapMs: 10 });
      assert.ok(share(counts, 0) > 0.2, `${share(counts, 0)}`);
    });

    test('gives a backend that has joined a growing share', () => {
      const backends = fleet(4);
      drive(name, backends, { requests: 1000, gapMs: 2 });
      backends[0]?.load.joined(2050);
      const shares = [0, 1, 2, 3, 4, 5].map((step) =>
        share(drive(name, backends, { fromMs: 2050 + step * 2500, requests: 1000, gapMs: 2.45 }), 0),
      );
      assert.ok((shares[0] as number) < 0.13, `${shares}`);
      assert.ok((shares[0] as number) < (shares[2] as number), `${shares}`);
      assert.ok((shares[5] as number) > 0.22, `${shares}`);
    });

    test('does not hold costly requests of one class against a backend when another class is asked for', () => {
      const backends = fleet(4);
      for (const backend of backends) backend.served(0, 50, 1000);
      for (let now = 1000; now < 2000; now += 100) backends[0]?.served(1, 250, now);
      const counts = drive(name, backends, { fromMs: 2000, requests: 2000, gapMs: 5 });
      assert.ok(share(counts, 0) > 0.2, `${share(counts, 0)}`);
    });
  });
}

/** Who of two backends is chosen, over a hundred choices: 100 means always the first. */
function preference(name: (typeof balancerNames)[number], backends: readonly FakeBackend[], now: number): number {
  const balancer = createBalancer(name);
  const random = seededRandom(11);
  let first = 0;
  for (let time = 0; time < 100; time++) {
    if (balancer.pick(backends, { now, random, routeClass: 0 }) === backends[0]) first++;
  }
  return first;
}

const pair = (): [FakeBackend, FakeBackend] => [new FakeBackend(), new FakeBackend()];

for (const name of ['expected-latency', 'prequal', 'peak-ewma'] as const) {
  test(`${name} prefers the faster of two that are otherwise equal`, () => {
    const [slow, fast] = pair();
    slow.served(0, 60, 100);
    fast.served(0, 50, 100);
    assert.equal(preference(name, [slow, fast], 110), 0);
  });
}

for (const name of ['expected-latency', 'prequal'] as const) {
  test(`${name} sees the requests of other workers`, () => {
    const [busy, idle] = pair();
    for (const backend of [busy, idle]) backend.served(0, 50, 100);
    busy.load.reported({ inFlight: 9, slots: 4 }, 1, 100);
    idle.load.reported({ inFlight: 1, slots: 4 }, 1, 100);
    assert.equal(preference(name, [busy, idle], 110), 0);
    assert.ok(preference('peak-ewma', [busy, idle], 110) > 30);
  });
}

test('expected-latency leaves the queue of a fast backend for a free slot of a slow one, when it is short enough', () => {
  const [fast, slow] = pair();
  for (const { load } of [fast, slow]) load.reported({ inFlight: 1, slots: 4 }, 1, 100);
  fast.served(0, 50, 100);
  slow.served(0, 100, 100);
  fast.inFlight = 3;
  assert.equal(preference('expected-latency', [fast, slow], 110), 100);
  fast.inFlight = 6;
  assert.equal(preference('expected-latency', [fast, slow], 110), 0);
  assert.equal(preference('prequal', [fast, slow], 110), 0);
});

test('prequal takes no hot backend, however fast it is', () => {
  const backends = [new FakeBackend(), new FakeBackend(), new FakeBackend(), new FakeBackend()];
  for (const [index, backend] of backends.entries()) {
    backend.load.reported({ inFlight: 1, slots: 100 }, 1, 100);
    backend.served(0, index === 0 ? 5 : 50, 100);
    backend.inFlight = index === 0 ? 3 : 1;
  }
  assert.equal(preference('prequal', backends, 110), 0);
  for (const backend of backends) backend.inFlight = 3;
  assert.equal(preference('prequal', backends, 110), 100);
});
