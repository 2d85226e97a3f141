import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { seededRandom } from '../../../../src/core/random.ts';
import { gcra } from '../../../../src/policy/rate/gcra.ts';
import { type RateLimit, TOKEN_LIFETIME_MS } from '../../../../src/protocol/tokens.ts';
import { TokenHost } from './token-host.ts';

/** How a flood of `perSecond` requests is spread over workers. */
type Spread = 'even' | 'one' | 'in turns' | 'bursts';
const spreads: readonly Spread[] = ['even', 'one', 'in turns', 'bursts'];

interface Flood {
  readonly spread: Spread;
  readonly perSecond: number;
  readonly durationMs: number;
  readonly seed: number;
}

/** Requests with exponential gaps, each at a worker that the spread says. */
function arrivals({ spread, perSecond, durationMs, seed }: Flood, workers: number): [worker: number, at: number][] {
  const random = seededRandom(seed);
  const list: [number, number][] = [];
  const burst = spread === 'bursts' ? 20 : 1;
  for (let at = 0; at < durationMs; at += (-Math.log(1 - random()) * 1000 * burst) / perSecond) {
    const chosen = Math.floor(random() * workers);
    const turn = Math.floor(at / 70) % workers;
    const worker = spread === 'one' ? 0 : spread === 'in turns' ? turn : chosen;
    for (let index = 0; index < burst; index++) list.push([worker, at]);
  }
  return list;
}

/** What a single bucket in a single process lets through of the same requests. */
function ideal(limit: RateLimit, requests: TokenHost['requests']): number {
  let previous: number | undefined;
  let count = 0;
  for (const [, at] of requests) {
    const verdict = gcra(previous, at, limit);
    previous = verdict.next;
    if (verdict.allowed) count++;
  }
  return count;
}

function hostOf(limit: RateLimit, workers: number, slowestMs: number, seed: number): TokenHost {
  const random = seededRandom(seed + 1);
  return new TokenHost(limit, workers, () => 0.1 + random() * slowestMs);
}

const inPerSecond = (count: number, limit: RateLimit): number => (count * limit.requestsPerSecond) / 1000;

/** From the start on, and in every window but for what may have been held at its ends. */
function assertWithinLimit(admitted: readonly number[], limit: RateLimit, sums = limit.burst): void {
  let tightest = Number.POSITIVE_INFINITY;
  for (const [index, at] of admitted.entries()) {
    const count = index + 1;
    assert.ok(count <= sums + inPerSecond(at, limit) + 1e-6, `${count} after ${at} ms`);
    // The start of the window for which this end is worst.
    tightest = Math.min(tightest, index - inPerSecond(at, limit));
    const excess = count - inPerSecond(at, limit) - tightest;
    assert.ok(excess <= sums + inPerSecond(2 * TOKEN_LIFETIME_MS, limit) + 1e-6, `${excess} in a window to ${at} ms`);
  }
}

const rates = fc.oneof(fc.constantFrom(1, 10, 100, 200, 1000, 10_000), fc.integer({ min: 1, max: 10_000 }));
/** A burst of 20 ms of the rate or more: a smaller one is gone before anybody could hand it round. */
const limits = fc
  .tuple(rates, fc.double({ min: 0.02, max: 2, noNaN: true }), fc.integer({ min: 1, max: 20 }))
  .map(([requestsPerSecond, seconds, least]) => ({
    requestsPerSecond,
    burst: Math.max(least, Math.ceil(requestsPerSecond * seconds)),
  }));

describe('tokens over several workers', () => {
  test('the host never admits more than the limit, however messages are delayed', () => {
    const load = fc.double({ min: 0.3, max: 5, noNaN: true });
    fc.assert(
      fc.property(
        limits,
        fc.integer({ min: 1, max: 8 }),
        fc.constantFrom(...spreads),
        fc.record({ times: load, slowestMs: fc.constantFrom(0.3, 1, 4) }),
        fc.nat(1e6),
        (limit, workers, spread, { times, slowestMs }, seed) => {
          const host = hostOf(limit, workers, slowestMs, seed);
          const perSecond = Math.max(5, limit.requestsPerSecond * times);
          const durationMs = Math.min(5000, 2_000_000 / perSecond);
          host.requests = arrivals({ spread, perSecond, durationMs, seed }, workers);
          host.run(durationMs + 500);
          assert.equal(host.byShare, 0);
          assertWithinLimit(host.admitted, limit);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('at least 95 % of what one bucket in one process would admit is admitted', () => {
    fc.assert(
      fc.property(
        limits,
        fc.integer({ min: 1, max: 8 }),
        fc.constantFrom(...spreads),
        fc.double({ min: 1.3, max: 5, noNaN: true }),
        fc.nat(1e6),
        (limit, workers, spread, times, seed) => {
          const host = hostOf(limit, workers, 0.3, seed);
          const perSecond = limit.requestsPerSecond * times;
          const durationMs = Math.max(2000, Math.min(20_000, 3_000_000 / perSecond));
          const requests = arrivals({ spread, perSecond, durationMs, seed }, workers);
          host.requests = requests;
          host.run(durationMs + 500);
          const best = ideal(limit, requests);
          // Demand that comes and goes leaves tokens behind where it was.
          const share = spread === 'bursts' ? 0.92 : 0.95;
          assert.ok(host.admitted.length >= Math.floor(share * best - 1), `${host.admitted.length} of ${best}`);
        },
      ),
      // The same cases each time: what demand leaves behind is a matter of chance, not of a bound that always holds. Of 12,000
      // random cases, one of seven workers with bursts of 20 requests and a bucket of 30 tokens got 91.7 %.
      { numRuns: 300, seed: 1 },
    );
  });

  for (const requestsPerSecond of [1, 10, 100, 1000, 10_000]) {
    test(`${requestsPerSecond}/s: a demand of 3 times as much gets 95 to 100 % of the limit, however it is spread`, () => {
      const limit = { requestsPerSecond, burst: Math.max(2, requestsPerSecond / 10) };
      for (const spread of spreads) {
        const durationMs = Math.max(2000, 40_000 / requestsPerSecond);
        const perSecond = 3 * requestsPerSecond;
        const host = hostOf(limit, 4, 0.3, 7);
        host.requests = arrivals({ spread, perSecond, durationMs, seed: 3 }, 4);
        host.run(durationMs);
        // What comes in bursts larger than the bucket finds it full in between.
        const possible = spread === 'bursts' ? ideal(limit, host.requests) : Number.POSITIVE_INFINITY;
        const most = Math.min(possible, limit.burst + inPerSecond(durationMs, limit));
        const count = host.admitted.length;
        assert.ok(count <= most && count >= 0.95 * most - 1, `${spread}: ${count} of ${most}`);
        assertWithinLimit(host.admitted, limit);
      }
    });
  }

  test('a demand below the limit is let through, mostly without waiting for control', () => {
    for (const spread of ['even', 'one', 'in turns'] as const) {
      const limit = { requestsPerSecond: 1000, burst: 500 };
      const host = hostOf(limit, 4, 0.3, 5);
      host.requests = arrivals({ spread, perSecond: 800, durationMs: 5000, seed: 9 }, 4);
      host.run(5500);
      assert.equal(host.refused, 0, spread);
      assert.ok(
        host.waited <= host.admitted.length * 0.1,
        `${spread}: ${host.waited} of ${host.admitted.length} waited`,
      );
      assert.ok(host.longestWaitMs < 2);
    }
  });

  test('a flood of refusals costs few messages', () => {
    const slow = hostOf({ requestsPerSecond: 1, burst: 1 }, 4, 0.3, 5);
    slow.requests = arrivals({ spread: 'even', perSecond: 1000, durationMs: 10_000, seed: 9 }, 4);
    slow.run(10_000);
    assert.ok(slow.refused > 9000 && slow.messages < 100, `${slow.messages} messages`);
    const fast = hostOf({ requestsPerSecond: 1000, burst: 200 }, 4, 0.3, 5);
    fast.requests = arrivals({ spread: 'even', perSecond: 5000, durationMs: 5000, seed: 9 }, 4);
    fast.run(5000);
    assert.ok(fast.messages < 5000, `${fast.messages} messages for ${fast.requests.length} requests`);
  });

  test('tokens that a worker does not use serve another one', () => {
    // Five at once at one worker call for more to follow; nothing does.
    const host = hostOf({ requestsPerSecond: 100, burst: 10 }, 2, 0.3, 5);
    const once = Array.from({ length: 5 }, () => [0, 0] as const);
    const later = Array.from({ length: 20 }, () => [1, 200] as const);
    host.requests = [...once, ...later];
    host.run(190);
    assert.equal(host.admitted.length, 5);
    host.run(400);
    assert.ok(host.admitted.length >= 15, `${host.admitted.length} admitted`);
  });

  test('requests that were allowed by share while control was slow are charged afterwards', () => {
    const limit = { requestsPerSecond: 500, burst: 50 };
    let delayMs = 0.2;
    const host = new TokenHost(limit, 4, () => delayMs);
    host.requests = arrivals({ spread: 'even', perSecond: 2000, durationMs: 4000, seed: 9 }, 4);
    for (const at of [500, 1500, 2500]) {
      host.at(at, () => (delayMs = 150));
      host.at(at + 200, () => (delayMs = 0.2));
    }
    host.run(4500);
    assert.ok(host.byShare > 50);
    const count = host.admitted.length;
    assert.ok(count <= 1.05 * (50 + 2000) && count >= 0.95 * (50 + 2000), `${count} of 2050`);
  });

  test('without control the shares hold, and neither its end nor a new one brings a fresh burst to everybody', () => {
    const property = fc.property(
      limits,
      fc.integer({ min: 1, max: 8 }),
      fc.constantFrom(...spreads),
      fc.nat(1e6),
      (limit, workers, spread, seed) => {
        const host = hostOf(limit, workers, 0.3, seed);
        const perSecond = 3 * limit.requestsPerSecond;
        const third = Math.max(600, Math.min(5000, 10_000_000 / limit.requestsPerSecond / 1000));
        host.requests = arrivals({ spread, perSecond, durationMs: 3 * third, seed }, workers);
        host.run(third);
        const before = host.admitted.length;
        host.loseControl();
        host.run(2 * third);
        const without = host.admitted.length - before;
        const shares = Math.max(workers, limit.burst) + inPerSecond(third, limit);
        assert.ok(without <= shares + 1e-6, `${without} by shares of ${shares}`);
        host.newControl();
        host.run(3 * third);
        const after = host.admitted.length - before - without;
        assert.ok(after <= 1 + inPerSecond(third, limit) + 1e-6, `${after} after`);
        assert.ok(before <= limit.burst + inPerSecond(third, limit) + 1e-6);
      },
    );
    fc.assert(property, { numRuns: 200 });
    // A demand that is spread evenly has used up every worker's share of the burst by then.
    const limit = { requestsPerSecond: 400, burst: 400 };
    const host = hostOf(limit, 4, 0.3, 5);
    host.requests = arrivals({ spread: 'even', perSecond: 1600, durationMs: 6000, seed: 9 }, 4);
    host.run(3000);
    host.loseControl();
    const before = host.admitted.length;
    host.run(4000);
    const without = host.admitted.length - before;
    host.newControl();
    host.run(5000);
    const after = host.admitted.length - before - without;
    assert.ok(after >= 0.95 * 400 && after <= 401, `${after} in the second after`);
    assert.ok(without >= 0.9 * 400 && without <= 1.25 * 400, `${without} in the second without control`);
  });

  test('a limit that changes holds at once, and brings no fresh burst', () => {
    const host = hostOf({ requestsPerSecond: 200, burst: 20 }, 4, 0.3, 5);
    host.requests = arrivals({ spread: 'even', perSecond: 4000, durationMs: 4000, seed: 9 }, 4);
    host.run(1000);
    const first = host.admitted.length;
    host.limit = { requestsPerSecond: 1000, burst: 1000 };
    host.run(3000);
    const second = host.admitted.length - first;
    host.limit = { requestsPerSecond: 50, burst: 5 };
    host.run(4000);
    const third = host.admitted.length - first - second;
    assert.ok(first <= 220 && first >= 209, `${first}`);
    assert.ok(second <= 2020 && second >= 1900, `${second}`);
    // What was held when it changed may still be used.
    assert.ok(third <= 55 + 200 && third >= 47, `${third}`);
  });
});
