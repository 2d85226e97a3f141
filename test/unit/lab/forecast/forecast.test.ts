import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { seededRandom } from '../../../../src/core/random.ts';
import { type Evidence, evidenceOf, type ForecastSource } from '../../../../src/lab/forecast/evidence.ts';
import { carriedRate, forecast, type ForecastQuestion } from '../../../../src/lab/forecast/forecast.ts';
import { windowEvidence } from '../../../../src/lab/forecast/live-evidence.ts';
import { uslThroughput } from '../../../../src/lab/statistics/usl.ts';
import { parseMetrics } from '../../../../src/lab/system/metrics-text.ts';
import { storedRunOf } from '../../../support/lab-runs.ts';

const question = (given: Partial<ForecastQuestion> = {}): ForecastQuestion => ({
  rate: 1000,
  targetMs: 150,
  quantile: 'p95',
  slots: 4,
  queueTimeoutMs: 1000,
  random: seededRandom(1),
  ...given,
});

/** A host that follows Gunther's law exactly, but for noise of 2 %. */
const law = { alpha: 0.02, beta: 0.0002, gamma: 20 };
function lawful(seed: number): ForecastSource {
  const random = seededRandom(seed);
  const evidence = Array.from({ length: 12 }, (_, index): Evidence => {
    const concurrency = 4 * (index + 1);
    const throughput = uslThroughput(law, concurrency) * (1 + 0.04 * (random() - 0.5));
    const serviceMs = 50 * (1 + 0.04 * (random() - 0.5));
    return { concurrency, throughput, serviceMs, variability: 1, overheadMs: 1, serviceQuantileMs: 60, tail: 1.5 };
  });
  return { name: 'law', evidence, generators: 2, slots: 4, isCurve: true };
}

/** By bisection over the law itself: the highest rate with 1.5 N / X(N) within the target. */
function trueCapacity(targetMs: number): number {
  let best = 0;
  for (let n = 0.1; n < Math.sqrt((1 - law.alpha) / law.beta); n += 0.05) {
    if ((1500 * n) / uslThroughput(law, n) <= targetMs) best = uslThroughput(law, n);
  }
  return best;
}

describe('a forecast', () => {
  test('finds the capacity of a host by the known law, and its interval holds it', () => {
    const truth = trueCapacity(150);
    let held = 0;
    for (let seed = 1; seed <= 20; seed++) {
      const { hostCapacity, hosts } = forecast(lawful(seed), question());
      assert.ok(hostCapacity !== undefined && hosts !== undefined);
      assert.ok(Math.abs(hostCapacity.value / truth - 1) < 0.03, `${hostCapacity.value}, true ${truth}`);
      if (hostCapacity.low <= truth && truth <= hostCapacity.high) held++;
      assert.ok(hosts.low <= Math.ceil(1000 / truth) && Math.ceil(1000 / truth) <= hosts.high);
    }
    // 95 in 100 are promised; a bootstrap over twelve loads is somewhat too narrow.
    assert.ok(held >= 16, `${held} of 20 intervals hold the capacity`);
  });

  test('counts generators by Erlang C, and says what one too few and one too many cost', () => {
    const source: ForecastSource = {
      ...lawful(1),
      evidence: lawful(1).evidence.map((one) => ({ ...one, serviceMs: 50, serviceQuantileMs: 60 })),
    };
    // 1,000 requests/s of 50 ms occupy 50 slots. 13 generators have 52: p95 wait 25 ln(C / 0.05) = 66 ms, C = 0.7.
    const { generators, costs } = forecast(source, question());
    assert.deepEqual(generators, { value: 13, low: 13, high: 13 });
    const [few, enough, many] = costs;
    assert.equal(few?.generators, 12);
    assert.ok(Math.abs((few?.refusedShare ?? 0) - (1 - 48 / 50)) < 1e-9);
    assert.ok((enough?.p95Ms ?? 0) > 100 && (enough?.p95Ms ?? 0) <= 150 && enough?.idlePermits === 2);
    assert.ok((many?.p95Ms ?? 0) < (enough?.p95Ms ?? 0) && many?.idlePermits === 6);
  });

  test('says that no number is enough where one request takes longer than the target', () => {
    const { generators, costs } = forecast(lawful(1), question({ targetMs: 60 }));
    assert.deepEqual([generators.value, costs], [Number.POSITIVE_INFINITY, []]);
  });

  test('says nothing of hosts from one load', () => {
    assert.equal(forecast({ ...lawful(1), isCurve: false }, question()).hosts, undefined);
  });
});

describe('a forecast from a ramp of one generator, beside what was measured', () => {
  const source = evidenceOf(storedRunOf('ramp'), 'p95');
  if (typeof source === 'string') assert.fail(source);

  test('a generator of four slots carries what the search for the capacity found, within 10 %', () => {
    // The run `capacity`: 62.7 requests/s, p95 within 150 ms.
    const rate = carriedRate(1, source, question());
    assert.ok(Math.abs(rate / 62.7 - 1) < 0.1, `${rate}`);
  });

  test('six generators for the 415 requests/s that the proof asks of six', () => {
    assert.deepEqual(forecast(source, question({ rate: 415 })).generators, { value: 6, low: 6, high: 6 });
  });
});

test('evidenceOf says why a run is of no use', () => {
  assert.match(String(evidenceOf(storedRunOf('shop-ramp'), 'p95')), /its replies have no Server-Timing/);
  const invalid = { ...storedRunOf('ramp'), verdict: 'invalid' as const, reasons: ['the sender was late'] };
  assert.match(String(evidenceOf(invalid, 'p95')), /is invalid: the sender was late/);
});

test('a window of metrics tells the rate and the mean service time', () => {
  const metrics = (count: number, sum: number): ReturnType<typeof parseMetrics> =>
    parseMetrics(
      `rampart_exec_seconds_sum{endpoint="a",phase="upstream"} ${sum}\nrampart_exec_seconds_count{endpoint="a",phase="upstream"} ${count}\n`,
    );
  const [window] = windowEvidence(metrics(10, 1), metrics(110, 6), 2000, 'p99');
  assert.deepEqual([window?.throughput, window?.serviceMs, window?.concurrency], [50, 50, 2.5]);
  assert.ok(Math.abs((window?.serviceQuantileMs ?? 0) - 230.26) < 0.01);
  assert.deepEqual(windowEvidence(metrics(10, 1), metrics(10, 1), 2000, 'p99'), []);
});
