import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { afterCheck, type HealthState } from '../../../src/policy/health/rise-fall.ts';
import { gcra } from '../../../src/policy/rate/gcra.ts';
import { backoffMs } from '../../../src/policy/retry/backoff.ts';
import { seededRandom } from '../../../src/core/random.ts';
import { HedgeDelay } from '../../../src/policy/retry/hedge-delay.ts';
import { defaultRetryRules, mayRetry, mayRetryReply } from '../../../src/policy/retry/retryable.ts';

describe('afterCheck', () => {
  const run = (start: boolean, checks: readonly boolean[]): boolean[] => {
    let state: HealthState = { up: start, contrary: 0 };
    return checks.map((passed) => (state = afterCheck(state, passed, { rise: 2, fall: 3 })).up);
  };

  test('takes a backend down at the third failure in a row', () => {
    assert.deepEqual(run(true, [false, false, false]), [true, true, false]);
  });

  test('starts counting anew when a check agrees', () => {
    assert.deepEqual(run(true, [false, false, true, false, false, false]), [true, true, true, true, true, false]);
  });

  test('brings a backend up at the second success in a row', () => {
    assert.deepEqual(run(false, [true, false, true, true]), [false, false, false, true]);
  });
});

describe('mayRetry', () => {
  const attempt = {
    beforeConnection: false,
    idempotent: false,
    replayable: true,
    replyStarted: false,
    sent: 1,
    unsent: 0,
    backends: 3,
    rules: defaultRetryRules,
  };
  const unsent = { ...attempt, beforeConnection: true, sent: 0, unsent: 1 };

  test('retries a request that the backend cannot have seen, whatever the method', () => {
    assert.equal(mayRetry(unsent), true);
  });

  test('retries a sent request only if a repetition is harmless', () => {
    assert.equal(mayRetry(attempt), false);
    assert.equal(mayRetry({ ...attempt, idempotent: true }), true);
  });

  test('never once the reply has begun or the body is used up', () => {
    const safe = { ...unsent, idempotent: true };
    assert.equal(mayRetry({ ...safe, replyStarted: true }), false);
    assert.equal(mayRetry({ ...safe, replayable: false }), false);
  });

  test('B13: sends a request under which a backend died to one other at most', () => {
    assert.equal(mayRetry({ ...attempt, idempotent: true, sent: 1 }), true);
    assert.equal(mayRetry({ ...attempt, idempotent: true, sent: 2 }), false);
    // What was never sent does not count.
    assert.equal(mayRetry({ ...attempt, idempotent: true, sent: 1, unsent: 2 }), true);
    assert.equal(mayRetry({ ...unsent, sent: 1, unsent: 1 }), true);
  });

  test('tries every backend when none lets it in', () => {
    assert.equal(mayRetry({ ...unsent, unsent: 2 }), true);
    assert.equal(mayRetry({ ...unsent, unsent: 3 }), false);
    assert.equal(mayRetry({ ...unsent, unsent: 1, backends: 1 }), true);
    assert.equal(mayRetry({ ...unsent, unsent: 7, backends: 8 }), true);
  });

  test('goes by the rules of the route', () => {
    const safe = { ...attempt, idempotent: true };
    assert.equal(mayRetry({ ...safe, sent: 3, rules: { attempts: 4, on: undefined } }), true);
    assert.equal(mayRetry({ ...safe, sent: 1, rules: { attempts: 1, on: undefined } }), false);
    assert.equal(mayRetry({ ...safe, rules: { attempts: undefined, on: ['connect', 503] } }), false);
    assert.equal(mayRetry({ ...unsent, rules: { attempts: undefined, on: ['connect', 503] } }), true);
    assert.equal(mayRetry({ ...unsent, rules: { attempts: undefined, on: ['reset'] } }), false);
  });
});

describe('mayRetryReply', () => {
  const reply = {
    status: 503,
    overloaded: false,
    pure: false,
    idempotent: true,
    replayable: true,
    sent: 1,
    backends: 3,
    rules: defaultRetryRules,
  };

  test('tries another backend for 502, 503 and 504 where doing it twice is harmless', () => {
    assert.deepEqual(
      [500, 501, 502, 503, 504].map((status) => mayRetryReply({ ...reply, status })),
      [false, false, true, true, true],
    );
    assert.equal(mayRetryReply({ ...reply, idempotent: false }), false);
    assert.equal(mayRetryReply({ ...reply, replayable: false }), false);
  });

  test('tries another backend for a 500 to a request that only computes', () => {
    assert.equal(mayRetryReply({ ...reply, status: 500, pure: true, idempotent: true }), true);
  });

  test('never when the backend says that it has too much to do, nor without another one, nor a fourth time', () => {
    assert.equal(mayRetryReply({ ...reply, overloaded: true, pure: true }), false);
    assert.equal(mayRetryReply({ ...reply, backends: 1 }), false);
    assert.equal(mayRetryReply({ ...reply, sent: 2 }), true);
    assert.equal(mayRetryReply({ ...reply, sent: 3 }), false);
  });

  test('goes by the statuses that the route names, a refusal among them, whatever the method', () => {
    const rules = { attempts: 2, on: [429, 500] };
    assert.equal(mayRetryReply({ ...reply, status: 429, overloaded: true, idempotent: false, rules }), true);
    assert.equal(mayRetryReply({ ...reply, status: 500, rules }), true);
    assert.equal(mayRetryReply({ ...reply, status: 500, rules, idempotent: false }), false);
    assert.equal(mayRetryReply({ ...reply, status: 503, rules }), false);
    assert.equal(mayRetryReply({ ...reply, status: 500, rules, sent: 2 }), false);
  });
});

describe('HedgeDelay', () => {
  test('has no estimate for a class with fewer than twenty samples', () => {
    const delay = new HedgeDelay();
    for (let count = 0; count < 19; count++) delay.sample(50);
    assert.equal(delay.afterMs, undefined);
    delay.sample(50);
    assert.equal(delay.afterMs, 50);
  });

  test('comes to rest where one in twenty lies above', () => {
    const delay = new HedgeDelay();
    const random = seededRandom(1);
    let above = 0;
    for (let count = 0; count < 40_000; count++) {
      const latency = 20 + 100 * random();
      if (count >= 20_000 && latency > (delay.afterMs ?? 0)) above++;
      delay.sample(latency);
    }
    assert.ok(above > 800 && above < 1200, `${above} of 20000 above`);
  });
});

describe('backoffMs', () => {
  const limits = { firstMs: 100, maxMs: 1000 };

  test('doubles up to its limit, between half and all of it', () => {
    assert.deepEqual(
      [1, 2, 3, 4, 5, 50].map((failures) => backoffMs(failures, limits, () => 1)),
      [100, 200, 400, 800, 1000, 1000],
    );
    assert.equal(
      backoffMs(3, limits, () => 0),
      200,
    );
  });

  test('does not wait when nothing has failed', () => {
    assert.equal(
      backoffMs(0, limits, () => 1),
      0,
    );
  });
});

describe('gcra', () => {
  const limit = { requestsPerSecond: 10, burst: 3 };

  test('lets a burst through, then one each interval', () => {
    let previous: number | undefined;
    const allowed = [0, 0, 0, 0, 99, 100, 100, 200].map((now) => {
      const verdict = gcra(previous, now, limit);
      previous = verdict.next;
      return verdict.allowed;
    });
    assert.deepEqual(allowed, [true, true, true, false, false, true, false, true]);
  });

  test('says when the next one would be allowed', () => {
    assert.deepEqual(gcra(300, 0, limit), { allowed: false, next: 300, retryAfterMs: 100 });
  });

  test('never lets more through than burst + rate x time', () => {
    const steps = fc.array(fc.nat(300), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(
        steps,
        fc.integer({ min: 1, max: 100 }),
        fc.integer({ min: 1, max: 20 }),
        (waits, requestsPerSecond, burst) => {
          let previous: number | undefined;
          let now = 0;
          let allowed = 0;
          for (const wait of waits) {
            now += wait;
            const verdict = gcra(previous, now, { requestsPerSecond, burst });
            previous = verdict.next;
            if (verdict.allowed) allowed++;
          }
          assert.ok(allowed <= burst + (now * requestsPerSecond) / 1000 + 1e-6);
        },
      ),
    );
  });
});
