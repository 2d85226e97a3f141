import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { OutlierDetector } from '../../../../src/policy/health/outliers.ts';

/** So many results of one backend at one time. */
function results(detector: OutlierDetector, index: number, outcomes: string, now: number): void {
  for (const outcome of outcomes) detector.record(index, outcome === '+', now);
}

const mix = (successes: number, failures: number): string => '-+'.repeat(failures) + '+'.repeat(successes - failures);

describe('OutlierDetector, failures in a row', () => {
  test('ejects at the fifth, for 30 s', () => {
    const detector = new OutlierDetector(4, 0);
    results(detector, 1, '----', 100);
    assert.equal(detector.isEjected(1, 100), false);
    assert.equal(detector.record(1, false, 100), true);
    assert.equal(detector.isEjected(1, 30_099), true);
    assert.equal(detector.isEjected(1, 30_100), false);
    assert.equal(detector.ejectedUntil(1), 30_100);
  });

  test('a success between them starts the count again', () => {
    const detector = new OutlierDetector(4, 0);
    results(detector, 1, '----+----', 100);
    assert.equal(detector.ejections, 0);
  });

  test('requests that time out together at a healthy backend are not a run of failures', () => {
    const detector = new OutlierDetector(4, 0);
    detector.record(1, true, 900);
    for (let failure = 0; failure < 20; failure++) detector.record(1, false, 1000, 500);
    assert.equal(detector.ejections, 0);
    for (let failure = 0; failure < 5; failure++) detector.record(1, false, 2000, 1000);
    assert.equal(detector.ejections, 1);
  });

  test('needs more in a row where the others fail as well', () => {
    const detector = new OutlierDetector(4, 0);
    for (const index of [0, 2, 3]) results(detector, index, '-+-+', 100);
    results(detector, 1, '-'.repeat(19), 100);
    assert.equal(detector.ejections, 0);
    results(detector, 1, '-', 100);
    assert.equal(detector.isEjected(1, 100), true);
  });

  test('ejects no backend for failures that are as common elsewhere', () => {
    const detector = new OutlierDetector(4, 0);
    for (let round = 0; round < 100; round++)
      for (let index = 0; index < 4; index++) detector.record(index, false, 100);
    assert.ok(detector.ejections <= 1, `${detector.ejections}`);
  });
});

describe('OutlierDetector, success rate', () => {
  test('ejects the backend that fails most, at the first result after the interval', () => {
    const detector = new OutlierDetector(4, 0);
    for (const index of [0, 1, 2]) results(detector, index, mix(100, 1), 9000);
    results(detector, 3, '--+'.repeat(40), 9000);
    assert.equal(detector.isEjected(3, 9999), false);
    detector.record(0, true, 10_000);
    assert.deepEqual(
      [0, 1, 2, 3].map((index) => detector.isEjected(index, 10_000)),
      [false, false, false, true],
    );
  });

  test('does not eject a backend with more successes than failures', () => {
    const detector = new OutlierDetector(4, 0);
    for (const index of [0, 1, 2]) results(detector, index, mix(100, 1), 9000);
    results(detector, 3, '-++'.repeat(40), 9000);
    detector.record(0, true, 10_000);
    assert.equal(detector.ejections, 0);
  });

  test('ejects no backend after few requests, or among two', () => {
    const few = new OutlierDetector(4, 0);
    for (const index of [0, 1, 2]) results(few, index, mix(100, 0), 9000);
    results(few, 3, '--+'.repeat(33), 9000);
    few.record(0, true, 10_000);
    const two = new OutlierDetector(2, 0);
    results(two, 0, mix(100, 0), 9000);
    results(two, 1, '--+'.repeat(40), 9000);
    two.record(0, true, 10_000);
    assert.deepEqual([few.ejections, two.ejections], [0, 0]);
  });

  test('each interval is judged alone', () => {
    const detector = new OutlierDetector(4, 0);
    for (const index of [0, 1, 2]) results(detector, index, mix(100, 0), 9000);
    results(detector, 3, '--+'.repeat(33), 9000);
    detector.record(3, false, 10_000);
    detector.record(3, true, 20_000);
    assert.equal(detector.ejections, 0);
  });
});

describe('OutlierDetector, duration and cap', () => {
  test('stays out longer each time, and an interval without an ejection takes one time off', () => {
    const detector = new OutlierDetector(4, 0);
    const eject = (now: number): number => {
      results(detector, 0, '-----', now);
      return detector.ejectedUntil(0) - now;
    };
    assert.deepEqual([eject(1000), eject(31_000), eject(91_000)], [30_000, 60_000, 90_000]);
    for (const now of [182_000, 192_000, 202_000]) detector.record(1, true, now);
    assert.equal(eject(203_000), 60_000);
  });

  test('counts ejections, which are over after their time', () => {
    const detector = new OutlierDetector(4, 0);
    results(detector, 0, '-----', 0);
    assert.deepEqual(
      [detector.ejections, detector.isEjected(0, 29_999), detector.isEjected(0, 30_000)],
      [1, true, false],
    );
  });

  for (const [backends, atMost] of [
    [1, 0],
    [2, 1],
    [3, 1],
    [4, 2],
    [9, 4],
  ] as const) {
    test(`of ${backends} at most ${atMost} are out at once`, () => {
      const detector = new OutlierDetector(backends, 0);
      for (let index = 0; index < backends; index++) results(detector, index, '++', 0);
      for (let index = 0; index < backends; index++) results(detector, index, '-'.repeat(500), 0);
      assert.equal(detector.ejections, atMost);
    });
  }

  test('one may be out, however small the fraction', () => {
    const detector = new OutlierDetector(4, 0, { maxEjectedFraction: 0.1 });
    for (let index = 0; index < 4; index++) results(detector, index, '++', 0);
    for (let index = 0; index < 4; index++) results(detector, index, '-'.repeat(500), 0);
    assert.equal(detector.ejections, 1);
  });

  test('never all of them, whatever happens', () => {
    const result = fc.record({ index: fc.nat(5), success: fc.boolean(), waitMs: fc.nat(3000) });
    fc.assert(
      fc.property(fc.array(result, { maxLength: 400 }), fc.integer({ min: 1, max: 6 }), (steps, backends) => {
        const detector = new OutlierDetector(backends, 0, {
          consecutiveFailures: 1,
          minimumRequests: 2,
          maxEjectedFraction: 1,
        });
        let now = 0;
        for (const { index, success, waitMs } of steps) {
          now += waitMs;
          detector.record(index % backends, success, now);
          const out = Array.from({ length: backends }, (_, place) => detector.isEjected(place, now)).filter(Boolean);
          assert.ok(out.length < backends);
        }
      }),
    );
  });

  test('panics below half', () => {
    const detector = new OutlierDetector(4, 0);
    assert.deepEqual([detector.inPanic(1, 4), detector.inPanic(2, 4), detector.inPanic(0, 0)], [true, false, false]);
  });
});
