import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { BackendLoad, type EndedRequest } from '../../../../src/policy/balance/backend-load.ts';

const near = (actual: number, expected: number): void =>
  assert.ok(Math.abs(actual - expected) < 1e-6 * Math.max(1, expected), `${actual} is not ${expected}`);

/** One request after the other, each ended when it is given. */
function after(...requests: (Partial<EndedRequest> & { now: number; latencyMs: number })[]): BackendLoad {
  const load = new BackendLoad(0);
  for (const request of requests) {
    const startedAt = request.now - request.latencyMs;
    load.started(startedAt);
    load.ended({ routeClass: 0, outcome: 'success', startedAt, ...request });
  }
  return load;
}

describe('BackendLoad.expectedLatencyMs', () => {
  test('is low for an untried backend, and high while its first request is in flight', () => {
    const load = new BackendLoad(0);
    assert.equal(load.expectedLatencyMs(0, 0), 1);
    load.started(0);
    assert.equal(load.expectedLatencyMs(0, 0), 1000);
  });

  test('jumps to a slower sample at once', () => {
    near(after({ now: 100, latencyMs: 50 }, { now: 200, latencyMs: 90 }).expectedLatencyMs(0, 200), 90);
  });

  test('comes down to faster samples with a time constant of 10 s', () => {
    const load = after({ now: 1000, latencyMs: 100 }, { now: 11_000, latencyMs: 50 });
    near(load.expectedLatencyMs(0, 11_000), 100 * Math.exp(-1) + 50 * (1 - Math.exp(-1)));
  });

  test('fades without samples, down to 1 ms', () => {
    const load = after({ now: 1000, latencyMs: 100 });
    near(load.expectedLatencyMs(0, 21_000), 100 * Math.exp(-2));
    assert.equal(load.expectedLatencyMs(0, 1_000_000), 1);
  });

  test('keeps classes apart', () => {
    const load = after({ now: 1000, latencyMs: 50 }, { now: 1000, latencyMs: 250, routeClass: 3 });
    near(load.expectedLatencyMs(0, 1000), 50);
    near(load.expectedLatencyMs(3, 1000), 250);
    assert.equal(load.expectedLatencyMs(1, 1000), 1);
  });

  test('an early error is no fast sample, and costs half of 5 s where there was one other request', () => {
    const load = after({ now: 0, latencyMs: 50 }, { now: 0, latencyMs: 1, outcome: 'failure' });
    near(load.expectedLatencyMs(0, 0), 50 + 5000 / 3);
  });

  test('a rare failure costs its share', () => {
    const requests = Array.from({ length: 999 }, () => ({ now: 0, latencyMs: 50 }));
    const load = after(...requests, { now: 0, latencyMs: 1, outcome: 'failure' });
    near(load.expectedLatencyMs(0, 0), 50 + 5000 / 1001);
  });

  test('failures of all classes count against the backend for every class', () => {
    const load = after({ now: 0, latencyMs: 1, outcome: 'failure', routeClass: 2 });
    assert.ok(load.expectedLatencyMs(0, 0) > 2000);
  });

  test('a Retry-After beyond 5 s counts, up to 5 minutes', () => {
    const cost = (retryAfterMs: number): number =>
      after({ now: 0, latencyMs: 1, outcome: 'dropped', retryAfterMs }).expectedLatencyMs(0, 0);
    near(cost(1000), 1 + 5000 / 2);
    near(cost(60_000), 1 + 60_000 / 2);
    near(cost(900_000), 1 + 300_000 / 2);
  });

  test('the penalty fades', () => {
    const load = after({ now: 0, latencyMs: 1, outcome: 'failure' });
    near(load.expectedLatencyMs(0, 10_000), 1 + (5000 * Math.exp(-1)) / (Math.exp(-1) + 1));
  });

  test('a request that was given up on after long counts as slow', () => {
    near(after({ now: 1000, latencyMs: 800, outcome: 'dropped' }).expectedLatencyMs(0, 1000), 800 + 2500);
  });

  test('an ignored outcome changes nothing', () => {
    const load = after({ now: 100, latencyMs: 50 }, { now: 100, latencyMs: 5000, outcome: 'ignored' });
    near(load.expectedLatencyMs(0, 100), 50);
  });

  test('grows while a request hangs, however many others end', () => {
    const load = after({ now: 100, latencyMs: 50 });
    load.started(100);
    near(load.expectedLatencyMs(0, 140), 50 * Math.exp(-0.004));
    near(load.expectedLatencyMs(0, 5100), 5000);
    load.started(5000);
    load.ended({ routeClass: 0, latencyMs: 50, startedAt: 5000, outcome: 'success', now: 5050 });
    assert.ok(load.expectedLatencyMs(0, 9100) > 8900);
    load.ended({ routeClass: 0, latencyMs: 9000, startedAt: 100, outcome: 'ignored', now: 9100 });
    assert.ok(load.expectedLatencyMs(0, 9100) < 100);
  });

  test('a request that takes as long as others of its class does not count as overdue', () => {
    const load = after({ now: 1000, latencyMs: 50 }, { now: 1000, latencyMs: 250, routeClass: 1 });
    load.started(1000);
    near(load.expectedLatencyMs(0, 1200), 50 * Math.exp(-0.02));
  });

  test('reading does not change what is read later', () => {
    const read = (load: BackendLoad, now: number): number[] => [
      load.expectedLatencyMs(0, now),
      load.serviceTimeMs(0, now),
      load.othersInFlight(now),
      load.slowStartFactor(now),
      load.reliability(now),
    ];
    fc.assert(
      fc.property(fc.array(fc.nat(50_000), { maxLength: 10 }), (times) => {
        const [plain, much] = [0, 1].map(() => {
          const load = after({ now: 100, latencyMs: 50 }, { now: 200, latencyMs: 3, outcome: 'failure' });
          load.started(200);
          load.reported({ inFlight: 3 }, 1, 200);
          load.joined(200);
          return load;
        }) as [BackendLoad, BackendLoad];
        for (const time of times) read(much, 200 + time);
        assert.deepEqual(read(much, 700), read(plain, 700));
      }),
    );
  });
});

describe('BackendLoad.serviceTimeMs', () => {
  test('takes out the queue that the report shows', () => {
    const load = new BackendLoad(0);
    load.started(0);
    load.reported({ inFlight: 12, slots: 4 }, 1, 150);
    load.ended({ routeClass: 0, latencyMs: 150, startedAt: 0, outcome: 'success', now: 150 });
    near(load.serviceTimeMs(0, 150), 50);
    near(load.expectedLatencyMs(0, 150), 150);
  });

  test('takes nothing out while there are free slots', () => {
    const load = new BackendLoad(0);
    load.started(0);
    load.reported({ inFlight: 1, slots: 4 }, 1, 50);
    load.ended({ routeClass: 0, latencyMs: 50, startedAt: 0, outcome: 'success', now: 50 });
    near(load.serviceTimeMs(0, 50), 50);
  });

  test('is a mean: one slow sample among fast ones moves it a little', () => {
    const load = after({ now: 10_000, latencyMs: 50 }, { now: 10_100, latencyMs: 500 });
    near(load.serviceTimeMs(0, 10_100), 50 * Math.exp(-0.01) + 500 * (1 - Math.exp(-0.01)));
  });
});

describe('BackendLoad.othersInFlight', () => {
  test('is what the backend reports less what is mine', () => {
    const load = new BackendLoad(0);
    assert.equal(load.othersInFlight(0), 0);
    load.reported({ inFlight: 7 }, 3, 100);
    near(load.othersInFlight(100), 4);
    load.reported({ inFlight: 1 }, 3, 100);
    near(load.othersInFlight(100), 0);
  });

  test('goes back to the mean of the reports, then fades', () => {
    const load = new BackendLoad(0);
    load.reported({ inFlight: 4 }, 0, 0);
    load.reported({ inFlight: 10 }, 0, 2000);
    const mean = 4 * Math.exp(-1) + 10 * (1 - Math.exp(-1));
    near(load.othersInFlight(2000), 10);
    near(load.othersInFlight(2200), (10 * Math.exp(-1) + mean * (1 - Math.exp(-1))) * Math.exp(-0.02));
    near(load.othersInFlight(12_000), (10 * Math.exp(-50) + mean * (1 - Math.exp(-50))) * Math.exp(-1));
  });
});

describe('BackendLoad.slowStartFactor', () => {
  test('is 1 for an initial backend, and rises from 0.1 to 1 within 10 s for one that joins', () => {
    const load = new BackendLoad(0);
    assert.equal(load.slowStartFactor(0), 1);
    load.joined(1000);
    assert.deepEqual(
      [500, 1000, 3000, 6000, 11_000, 20_000].map((now) => load.slowStartFactor(now)),
      [0.1, 0.1, 0.2, 0.5, 1, 1],
    );
  });

  test('joining forgets earlier failures', () => {
    const load = after({ now: 0, latencyMs: 1, outcome: 'failure' });
    load.joined(0);
    assert.equal(load.reliability(0), 1);
  });
});
