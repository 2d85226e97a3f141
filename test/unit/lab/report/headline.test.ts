import assert from 'node:assert/strict';
import { test } from 'node:test';
import { headlineLine, headlineOf } from '../../../../src/lab/report/headline.ts';
import type { RunRecord } from '../../../../src/lab/report/run-record.ts';
import {
  emptyRun,
  failedRun,
  hostileRun,
  invalidRun,
  passedRun,
  type StoredName,
  storedNames,
  storedRunOf,
} from '../../../support/lab-runs.ts';
import { tuned } from '../tuning/tunings.ts';

interface Expected {
  readonly run: RunRecord;
  readonly sentence: string;
  readonly next: string;
}

const of = (name: StoredName): RunRecord => storedRunOf(name);
const passed = (name: StoredName): RunRecord => passedRun(of(name));
const NOTHING_FULL = 'Nothing was seen to be full: compare wait with exec, and see what the server said of itself.';
const CONTENTION = 'Class A contention: shorten what is held, or add permits, backends or pool connections.';

const { tuning: _tuning, ...withoutTuning } = of('tune');
const capSearch: RunRecord = {
  ...withoutTuning,
  findings: [
    'Cap 8 is better than 4: 140.0 requests/s.',
    'To keep it, set cap: 8 of upstream app in the configuration file.',
  ],
};

const expected: Readonly<Record<string, Expected>> = {
  'a ramp that carries its gate': {
    run: passed('ramp'),
    sentence: 'Carries 50 requests/s with p95 89.8 ms, and no higher load of those tried.',
    next: 'Mind that there is little room above the gate. Class A contention: shorten what is held, or add permits, backends or pool connections.',
  },
  'a ramp that carries more': {
    run: {
      ...passed('ramp'),
      gates: [{ ...of('ramp').gates[0], name: '30 requests/s' } as RunRecord['gates'][number]],
    },
    sentence: 'Carries 30 requests/s with p95 73.1 ms, and up to 50 requests/s within its targets.',
    next: 'Nothing: the gate is kept with room above it.',
  },
  'a ramp that misses its gate': {
    run: failedRun(of('ramp'), 0, 'p95 2310.0 ms'),
    sentence: 'Does not carry 50 requests/s: p95 2310.0 ms (expected p95 at most 150 ms).',
    next: CONTENTION,
  },
  'a ramp that never came to its gate': {
    run: failedRun(of('ramp'), 0, 'it was never offered: the ramp was stopped before it'),
    sentence: 'Does not carry 50 requests/s: it was never offered: the ramp was stopped before it.',
    next: CONTENTION,
  },
  'a ramp of which one endpoint misses its target': {
    run: failedRun(of('shop-ramp'), 1, 'p95 526.3 ms'),
    sentence: 'Does not carry 120 requests/s: search: p95 526.3 ms (expected p95 at most 150 ms).',
    next: NOTHING_FULL,
  },
  'a ramp of which all miss theirs': {
    run: of('shop-ramp'),
    sentence:
      'Does not carry 120 requests/s: items: p95 428.0 ms (expected p95 at most 60 ms); search: p95 526.3 ms (expected p95 at most 150 ms); and 1 more.',
    next: NOTHING_FULL,
  },
  'a capacity without a gate': {
    run: of('capacity'),
    sentence: 'Carries 59.7 requests/s within its targets; 62.7 are too many.',
    next: NOTHING_FULL,
  },
  'a capacity above its gate': {
    run: {
      ...of('capacity'),
      gates: [{ name: 'capacity, requests/s', expected: 'at least 50', got: '59.7', passed: true }],
    },
    sentence: 'Carries 59.7 requests/s within its targets, where at least 50 are asked for.',
    next: NOTHING_FULL,
  },
  'a capacity below its gate': {
    run: {
      ...of('capacity'),
      verdict: 'failed',
      gates: [{ name: 'capacity, requests/s', expected: 'at least 100', got: '59.7', passed: false }],
    },
    sentence: 'Carries only 59.7 requests/s within its targets, where at least 100 are asked for.',
    next: NOTHING_FULL,
  },
  'a matrix that keeps its targets': {
    run: passed('matrix'),
    sentence: 'items, search and 2 more keep their targets up to 16 connections.',
    next: 'Nothing: run the same matrix after the next change, and set both reports side by side.',
  },
  'a matrix with one profile that fails': {
    run: failedRun(of('matrix'), 3, 'at 16: items: p95 82.9 ms'),
    sentence: 'items misses its targets: items: at 16: p95 82.9 ms.',
    next: NOTHING_FULL,
  },
  'a matrix with several that fail': {
    run: of('matrix'),
    sentence:
      'items, search and 2 more miss their targets: items: at 16: p95 82.9 ms; search: at 16: p95 243.2 ms; and 2 more.',
    next: NOTHING_FULL,
  },
  'a proof': {
    run: of('prove'),
    sentence: 'The release carries what it promises: six generators serve 424.7 requests/s, 5.90 times as much as one.',
    next: 'Nothing: it can be released.',
  },
  'a proof that fails': {
    run: failedRun(of('prove'), 1, '380.1'),
    sentence:
      'The release does not carry what it promises: scaled topology, requests/s: 380.1 (expected at least 415).',
    next: 'Run the proof again on a quiet machine; if it fails again, compare this build with the last release (rampart lab compare --a-build).',
  },
  'a soak without drift': {
    run: { ...passed('soak'), drifts: (of('soak').drifts ?? []).map((drift) => ({ ...drift, verdict: 'steady' })) },
    sentence: 'Nothing grew with 4 users for 2 minutes: 20 of 20 figures are steady, p95 58.5 ms.',
    next: 'Nothing: it can run for long.',
  },
  'a soak with a leak': {
    run: of('soak'),
    sentence: 'A leak with 4 users for 2 minutes: control 0, memory grew by 270 MiB an hour.',
    next: 'Run it again for an hour to be sure; then compare two heap snapshots of this process.',
  },
  'a soak that is too slow': {
    run: { ...failedRun(of('soak'), 3, '310.0 ms'), drifts: [] },
    sentence: 'Misses a target with 4 users for 2 minutes: p95 of createBarcode: 310.0 ms (expected at most 150 ms).',
    next: 'See over time when it began, and what else happened then.',
  },
  'a spike that is withstood': {
    run: passed('spike'),
    sentence:
      'Withstands a crowd of 12 users: p95 of those let in is 170 ms, 2.86 times the normal one, and falls again afterwards.',
    next: 'Nothing: those who are not let in are told when to come back.',
  },
  'a spike that keeps people waiting': {
    run: of('spike'),
    sentence:
      'Does not withstand a crowd of 12 users: p95 of those let in, while held: 2.86 × (expected below 2 × that of the normal load).',
    next: 'Those let in wait too long: shorten the queue (QUEUE_CAPACITY, QUEUE_TIMEOUT_MS), or add backends.',
  },
  'a spike with errors': {
    run: failedRun(of('spike'), 1, '12'),
    sentence: 'Does not withstand a crowd of 12 users: 5xx other than 503: 12 (expected none).',
    next: 'See over time when it began, and whether it ended with the crowd.',
  },
  'a comparison that is not certain': {
    run: of('compare'),
    sentence: 'Whether B is better than A is not certain: throughput +3.4 %, p95 -16.6 %.',
    next: 'Run it again with more --runs, or a longer --hold: this many cannot tell a change from chance.',
  },
  'a comparison that B wins': {
    run: compared('better, +12.1 %', 'same, -0.4 %'),
    sentence: 'B is better than A: throughput +12.1 %, p95 -0.4 %.',
    next: 'Take B.',
  },
  'a comparison that B loses': {
    run: compared('worse, -9.0 %', 'worse, +30.2 %'),
    sentence: 'B is worse than A: throughput -9.0 %, p95 +30.2 %.',
    next: 'Keep A, or find out what makes B worse: the details below have the settings of both.',
  },
  'a comparison with two answers': {
    run: compared('better, +9.0 %', 'worse, +30.2 %'),
    sentence: 'B is better than A in one figure and worse in the other: throughput +9.0 %, p95 +30.2 %.',
    next: 'Keep A, or find out what makes B worse: the details below have the settings of both.',
  },
  'a comparison without a difference': {
    run: compared('same, +0.2 %', 'same, -0.4 %'),
    sentence: 'B and A do not differ by what matters: throughput +0.2 %, p95 -0.4 %.',
    next: 'Take whichever is simpler: what differs does not matter.',
  },
  'a comparison in which B fails more': {
    run: failedRun(compared('better, +9.0 %', 'same, +0.1 %'), 2, '7.0 %'),
    sentence: 'B fails or refuses more than A: 7.0 % (expected at most +1.0 % more than 0.0 %).',
    next: 'Keep A, or find out what makes B worse: the details below have the settings of both.',
  },
  'a search that found nothing better': {
    run: of('tune'),
    sentence: 'The settings are best left as they are: none of 2 configurations is better by more than the noise.',
    next: 'Nothing: keep the settings.',
  },
  'a search that found something': {
    run: { ...of('tune'), tuning: tuned, findings: ['Written to .env.tuned.'] },
    sentence: 'GENERATOR_INSTANCES 2 → 4 is better: throughput +20.0 %, p99 -25.0 %.',
    next: 'Written to .env.tuned.',
  },
  'a search in which nothing is fast enough': {
    run: failedRun(of('tune'), 0, 'p99 900.0 ms, 0.00 % errors and refusals'),
    sentence:
      'No configuration of 2 keeps the targets: the best: p99 900.0 ms, 0.00 % errors and refusals (expected p99 at most 300 ms, errors and refusals at most 1 %).',
    next: 'Offer fewer --users, allow more with --p99, or try other values.',
  },
  'a search for a cap': {
    run: capSearch,
    sentence: 'Cap 8 is better than 4: 140.0 requests/s.',
    next: 'To keep it, set cap: 8 of upstream app in the configuration file.',
  },
  'an ingest that keeps up': {
    run: passed('ingest'),
    sentence: 'Accepts 133,132 items/s, with a p99 of 133.1 ms for the reads beside them.',
    next: 'Nothing: it keeps up.',
  },
  'an ingest that does not': {
    run: of('ingest'),
    sentence:
      'Does not take in what it promises: reads beside them, p99: 133.1 ms (expected ≤ 20 ms); spread of the runs: 19.8 % (expected ≤ 5 %).',
    next: 'The processors were full (1.97 of 2 processors in use: gateway 1.25, postgres 0.65, control 0.03): add processors, or hand over less at a time.',
  },
  'an ingest whose runs differ': {
    run: failedRun(of('ingest'), 3, '19.8 %'),
    sentence: 'Does not take in what it promises: spread of the runs: 19.8 % (expected ≤ 5 %).',
    next: 'Run it again on a machine without other work.',
  },
  'an experiment that is not known here': {
    run: { ...of('ramp'), experiment: 'later' },
    sentence: 'Its gate passed.',
    next: 'Nothing: it keeps what it promises.',
  },
  'the same, failed': {
    run: { ...failedRun(of('spike'), 1, '12'), experiment: 'later' },
    sentence: '1 of 6 gates failed: 5xx other than 503: 12 (expected none).',
    next: 'See the gates below.',
  },
  'a disturbed run': {
    run: invalidRun(of('ramp'), 'A: other programs used 27 % of the processors', 'B: the same'),
    sentence:
      'This run says nothing about the system: A: other programs used 27 % of the processors, and 1 more reason.',
    next: 'End the other programs of this machine, or wait for them; then run it again.',
  },
  'a run with a late sender': {
    run: invalidRun(of('matrix'), 'the sender was late: of its requests 1 % left 44.1 ms after their time or later'),
    sentence:
      'This run says nothing about the system: the sender was late: of its requests 1 % left 44.1 ms after their time or later.',
    next: 'Offer less load, or give the lab more processors; then run it again.',
  },
  'a run without its target': {
    run: invalidRun(of('soak'), 'the target is gone: for 5 s every connection has failed.'),
    sentence: 'This run says nothing about the system: the target is gone: for 5 s every connection has failed.',
    next: 'See in the log of the target why it ended; then run it again.',
  },
  'a run that is too short': {
    run: emptyRun(of('soak')),
    sentence: 'This run says nothing about the system: of its 4 windows 2 come after the warm-up.',
    next: 'Run it for longer (--duration), so that enough windows come after the warm-up.',
  },
  'a search that gave up': {
    run: invalidRun(emptyRun(of('capacity')), 'no capacity was found in 30 probes: the last lay between 1.0 and 2.0'),
    sentence:
      'This run says nothing about the system: no capacity was found in 30 probes: the last lay between 1.0 and 2.0.',
    next: 'Begin nearer to the capacity with --guess, or allow more --probes.',
  },
  'a run for a reason that is not known here': {
    run: invalidRun(of('spike'), 'the moon was full'),
    sentence: 'This run says nothing about the system: the moon was full.',
    next: 'Mend that, and run it again.',
  },
};

test('headlineOf says every outcome of every experiment in a sentence, and what to do next', () => {
  for (const [name, { run, sentence, next }] of Object.entries(expected)) {
    const headline = headlineOf(run);
    assert.deepEqual([headline.sentence, headline.next], [sentence, next], name);
    assert.ok(headline.figures.length <= 3, name);
  }
  const told = new Set(Object.values(expected).map(({ run }) => `${run.experiment} ${run.verdict}`));
  for (const name of storedNames) {
    const { experiment } = of(name);
    for (const verdict of ['passed', 'failed'])
      assert.ok(told.has(`${experiment} ${verdict}`), `${experiment} ${verdict}`);
  }
});

test('headlineOf has the figures that matter, each with its promise', () => {
  assert.deepEqual(headlineOf(of('ramp')).figures, [
    { label: 'p95 at 50 requests/s', value: '89.8 ms', promise: 'at most 150 ms', isKept: true },
    { label: 'carried within the targets', value: '50 requests/s' },
    { label: 'errors and refusals there', value: '0.0 %' },
  ]);
  assert.deepEqual(headlineOf(of('ingest')).figures[2], {
    label: 'items accepted',
    value: '133,132 items/s',
    promise: '≥ 50,000 items/s',
    isKept: true,
  });
  assert.deepEqual(headlineOf(of('soak')).figures[0], {
    label: 'control 0, memory',
    value: '+270 MiB an hour',
    promise: 'steady',
    isKept: false,
  });
});

test('headlineLine is one line with shape, verdict, run and commit, whatever names stand in it', () => {
  assert.equal(
    headlineLine(of('ramp')),
    '✔ ramp passed: Carries 50 requests/s with p95 89.8 ms, and no higher load of those tried. (20261127163041815-ramp, commit 279e7ad9870b)',
  );
  const line = headlineLine(hostileRun(of('ramp')));
  assert.doesNotMatch(line, /\p{Cc}|[\u202a-\u202e]/u);
});

function compared(throughput: string, p95: string): RunRecord {
  const run = passed('compare');
  const isWorse = (text: string): boolean => text.startsWith('worse');
  const gates = run.gates.map((gate, index) => {
    const got = [throughput, p95][index] ?? gate.got;
    return { ...gate, got, passed: !isWorse(got) };
  });
  return { ...run, gates, verdict: isWorse(throughput) || isWorse(p95) ? 'failed' : 'passed' };
}
