import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeFromCompressedBase64 } from 'hdr-histogram-js';
import type { LoadResult } from '../../../../src/lab/load/engine.ts';
import type { OutcomeName } from '../../../../src/lab/load/outcome.ts';
import { Requests } from '../../../../src/lab/load/requests.ts';
import { countOver, figuresByEndpoint, figuresOf } from '../../../../src/lab/measure/figures.ts';
import { validityOf } from '../../../../src/lab/measure/validity.ts';

interface Planted {
  readonly lagMs?: number;
  readonly cpuShare?: number;
  readonly outcome?: (index: number) => OutcomeName;
  /** Requests that the counter sees, for each that there is. */
  readonly seen?: number;
}

/** 100 requests a second for 10 s, 50 ms each: five under way. */
function run({ lagMs = 0, cpuShare = 0.1, outcome = () => '2xx', seen = 1 }: Planted = {}): LoadResult {
  const requests = new Requests();
  for (let index = 0; index < 1000; index++) {
    const row = requests.begin(index % 2, index * 10, index * 10 + lagMs);
    requests.timing(row, 5, 40);
    requests.settle(row, outcome(index), 200, index * 10 + lagMs + 50);
  }
  const sampledAtMs = Float64Array.from({ length: 1000 }, (_, index) => index * 10);
  const inFlight = sampledAtMs.map(() => 5 * seen);
  return { requests, durationMs: 10_000, senders: [{ sampledAtMs, inFlight, cpuShare, eventLoopDelayP99Ms: 1 }] };
}

const window = { fromMs: 2000, toMs: 10_000 };

test('validityOf accepts a run that agrees with itself', () => {
  const { valid, littlesLaw, sendLagP99Ms } = validityOf(run(), window, 100);
  assert.equal(valid, true);
  assert.equal(littlesLaw.counted, 5);
  assert.ok(littlesLaw.gap < 0.001);
  assert.equal(sendLagP99Ms, 0);
});

const faults: readonly (readonly [string, Planted, RegExp])[] = [
  ['a sender that is late', { lagMs: 6 }, /was late: .* 6\.0 ms .* 5\.0 ms is the most/],
  ['a sender that uses a whole processor', { cpuShare: 0.9 }, /bottleneck: it used 90 %/],
  [
    'arrivals that were not sent',
    { outcome: (index) => (index === 500 ? 'unsent' : '2xx') },
    /1 requests were not sent/,
  ],
  [
    "a count that does not fit the times, by Little's law",
    { seen: 1.03 },
    /5\.15 requests under way were counted, 5\.00/,
  ],
];
for (const [name, planted, reason] of faults) {
  test(`validityOf refuses ${name}`, () => {
    const { valid, reasons } = validityOf(run(planted), window, 100);
    assert.equal(valid, false);
    assert.equal(reasons.length, 1);
    assert.match(reasons[0] ?? '', reason);
  });
}

test('validityOf lets a lag pass that the target makes small', () => {
  assert.equal(validityOf(run({ lagMs: 6 }), window, 200).valid, true);
});

test('figuresOf counts what was due within the window, each by its outcome', () => {
  const outcome = (index: number): OutcomeName =>
    index % 100 === 0 ? '5xx' : index % 100 === 1 ? 'refused' : index % 100 === 2 ? 'timeout' : '2xx';
  const figures = figuresOf(run({ outcome }), window);
  assert.equal(figures.requests, 800);
  assert.deepEqual(figures.outcomes, { '5xx': 8, refused: 8, timeout: 8, '2xx': 776 });
  assert.equal(figures.offeredPerSecond, 100);
  assert.ok(Math.abs(figures.throughputPerSecond - 97) < 0.5);
  assert.equal(figures.errorShare, 0.02);
  assert.equal(figures.refusedShare, 0.01);
  assert.equal(figures.latency.count, 776);
  assert.ok(Math.abs(figures.latency.p95Ms - 50) < 0.05);
  assert.deepEqual([figures.wait.p50Ms, figures.exec.p50Ms].map(Math.round), [5, 40]);
});

test('figuresOf judges latency from the intended start', () => {
  assert.ok(Math.abs(figuresOf(run({ lagMs: 30 }), window).latency.p50Ms - 80) < 0.1);
  assert.equal(countOver(run({ lagMs: 30 }), window, 79), 800);
  assert.equal(countOver(run({ lagMs: 30 }), window, 80), 0);
});

test('figuresByEndpoint parts the requests, and encodes histograms that others can read', () => {
  const [first, second] = figuresByEndpoint(run(), window, ['a', 'b']);
  assert.deepEqual([first?.endpoint, first?.requests, second?.requests], ['a', 400, 400]);
  const histogram = decodeFromCompressedBase64(first?.histogram ?? '');
  assert.equal(histogram.totalCount, 400);
  assert.ok(Math.abs(histogram.mean - 50_000) < 50);
});

test('Requests refuses a second outcome, and merges parts in the order of their times', () => {
  const { requests } = run();
  assert.throws(() => requests.settle(3, 'timeout', 0, 1), /request 3 ended twice/);
  const merged = Requests.merged([Requests.of(requests.columns()), run({ lagMs: 1 }).requests]);
  assert.equal(merged.count, 2000);
  assert.equal(merged.settled, 2000);
  assert.deepEqual(
    [0, 1, 2, 3].map((row) => merged.intendedMs(row)),
    [0, 0, 10, 10],
  );
});
