import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type SoakOptions, soakOutcome, tooShort } from '../../../../src/lab/experiments/soak-outcome.ts';
import { type SoakWindow, soakSeries } from '../../../../src/lab/experiments/soak-windows.ts';
import type { Step } from '../../../../src/lab/experiments/step.ts';
import { verdictOf } from '../../../../src/lab/report/run-record.ts';
import type { ProcessUse } from '../../../../src/lab/system/process-watch.ts';
import { useOverTime } from '../../../../src/lab/system/use-over-time.ts';

const MIB = 1024 ** 2;

interface Process {
  readonly role: string;
  readonly instance?: number;
  readonly pid: number;
  readonly mebibytes: number;
  readonly descriptors?: number;
}

function use({ role, instance = 1, pid, mebibytes, descriptors = 20 }: Process): ProcessUse {
  const bytes = mebibytes * MIB;
  const none = { cpuShare: 0.1, contextSwitchesPerSecond: 1, runQueueShare: 0 };
  return {
    role,
    instance,
    pid,
    ...none,
    maxRssBytes: bytes,
    maxDescriptors: descriptors,
    ownBytes: bytes,
    descriptors,
  };
}

const latency = { count: 9, meanMs: 5, p50Ms: 5, p90Ms: 6, p95Ms: 7, p99Ms: 8, p999Ms: 9, maxMs: 10 };

interface Planted {
  readonly processes?: readonly Process[];
  readonly p95Ms?: number;
  readonly labMebibytes?: number;
}

/** A window of a minute. */
function window(index: number, { processes = [], p95Ms = 7, labMebibytes = 100 }: Planted): SoakWindow {
  return {
    fromMs: index * 60_000,
    toMs: (index + 1) * 60_000,
    latency,
    p95ByEndpoint: { createBarcode: p95Ms },
    validity: {
      valid: true,
      reasons: [],
      sendLagP99Ms: 0,
      senderCpuShare: 0.1,
      eventLoopDelayP99Ms: 1,
      littlesLaw: { counted: 1, expected: 1, gap: 0 },
    },
    use: { machineCpuShare: 0.2, foreignCpuShare: 0, processes: processes.map(use) },
    lab: use({ role: 'lab', pid: 1, mebibytes: labMebibytes }),
    delayByRole: {},
  };
}

const windows = (count: number, planted: (index: number) => Planted): SoakWindow[] =>
  Array.from({ length: count }, (_, index) => window(index, planted(index)));

const options: SoakOptions = {
  system: { name: 'own', settings: {} } as SoakOptions['system'],
  profile: 'command',
  users: 20,
  cycleDelayMs: 100,
  durationMs: 3_600_000,
  windowMs: 60_000,
  warmUp: { latencyMs: 1_200_000, processesMs: 1_200_000 },
  p99Ms: 500,
  targets: { p95Ms: 150, maxFailedShare: 0.01 },
  resources: { slots: 8 },
};

function whole(all: readonly SoakWindow[], outcomes: Step['figures']['outcomes'] = { '2xx': 1000 }, foreign = 0): Step {
  const figures = {
    requests: 1000,
    throughputPerSecond: 10,
    offeredPerSecond: 10,
    outcomes,
    errorShare: ((outcomes['5xx'] ?? 0) + (outcomes.timeout ?? 0)) / 1000,
    refusedShare: (outcomes.refused ?? 0) / 1000,
    latency,
    wait: latency,
    exec: latency,
  };
  const together = useOverTime(all.map((each) => each.use));
  return {
    figures,
    endpoints: [{ endpoint: 'createBarcode', ...figures, histogram: '' }],
    validity: (all[0] as SoakWindow).validity,
    use: { ...together, foreignCpuShare: foreign },
  } as unknown as Step;
}

function judged(all: readonly SoakWindow[], step = whole(all)) {
  const { gates, reasons, findings, drifts = [] } = soakOutcome(all, step, options);
  const failed = gates.filter(({ passed }) => !passed).map(({ name }) => name);
  return { verdict: verdictOf(gates, reasons), failed, reasons, findings, drifts };
}

const gateway = (pid: number, mebibytes: number, descriptors = 20): Process => ({
  role: 'gateway',
  pid,
  mebibytes,
  descriptors,
});

describe('a soak of sixty windows', () => {
  test('that stays as it is passes', () => {
    const { verdict, drifts } = judged(windows(60, (at) => ({ processes: [gateway(7, 150 + (at % 3))] })));
    assert.equal(verdict, 'passed');
    assert.deepEqual(
      drifts.map(({ name, windows: count, verdict: each }) => [name, count, each]),
      [
        ['createBarcode, p95', 40, 'steady'],
        ['gateway 1, memory', 40, 'steady'],
        ['gateway 1, descriptors', 40, 'steady'],
        ['lab, memory', 40, 'steady'],
      ],
    );
  });

  test('growth in its first third is warm-up, and growth that goes on is a leak', () => {
    const warm = windows(60, (at) => ({ processes: [gateway(7, 100 + 5 * Math.min(at, 20))] }));
    assert.equal(judged(warm).verdict, 'passed');
    const leak = judged(windows(60, (at) => ({ processes: [gateway(7, 150 + at)] })));
    assert.deepEqual([leak.verdict, leak.failed], ['failed', ['leak of memory']]);
    const open = judged(windows(60, (at) => ({ processes: [gateway(7, 150, 20 + at)] })));
    assert.deepEqual([open.verdict, open.failed], ['failed', ['leak of descriptors']]);
  });

  test('p95 that climbs is drift, and on a busy machine the run says nothing', () => {
    const all = windows(60, (at) => ({ p95Ms: 20 + at }));
    assert.deepEqual([judged(all).verdict, judged(all).failed], ['failed', ['upward drift of latency']]);
    const busy = judged(all, whole(all, { '2xx': 1000 }, 0.5));
    assert.deepEqual([busy.verdict, busy.reasons], ['invalid', ['other programs used 50 % of the processors']]);
  });

  test('a leak is one on a busy machine too', () => {
    const all = windows(60, (at) => ({ processes: [gateway(7, 150 + at)] }));
    assert.equal(judged(all, whole(all, { '2xx': 1000 }, 0.5)).verdict, 'failed');
  });

  test('in which the lab itself grows is invalid', () => {
    const { verdict, reasons } = judged(windows(60, (at) => ({ labMebibytes: 100 + at })));
    assert.equal(verdict, 'invalid');
    assert.match(reasons[0] ?? '', /the lab itself grew: \+60\.00 MiB an hour/);
  });

  test('errors, refusals and timeouts each have their gate', () => {
    const all = windows(60, () => ({}));
    const failed = (outcomes: Step['figures']['outcomes']): string[] => judged(all, whole(all, outcomes)).failed;
    assert.deepEqual(failed({ '2xx': 990, '5xx': 10 }), ['errors']);
    assert.deepEqual(failed({ '2xx': 989, refused: 11 }), ['errors and refusals']);
    assert.deepEqual(failed({ '2xx': 999, timeout: 1 }), ['client timeouts']);
  });

  test('a process that another replaces warms up anew: no leak, but said', () => {
    const growing = (age: number): number => 100 + 5 * Math.min(age, 20);
    const all = windows(60, (at) => ({
      processes: [at < 25 ? gateway(7, growing(at)) : gateway(8, growing(at - 25))],
    }));
    const { verdict, findings, drifts } = judged(all);
    assert.equal(verdict, 'passed');
    assert.ok(findings.includes('gateway 1: another process since minute 25.0.'));
    assert.deepEqual(
      drifts.filter(({ unit }) => unit === 'MiB').map(({ name, windows: count }) => [name, count]),
      [
        ['gateway 1, memory', 5],
        ['gateway 1 (process 2), memory', 15],
        ['lab, memory', 40],
      ],
    );
  });

  test('a process that is replaced again and again may leak unseen: nothing is known', () => {
    const all = windows(60, (at) => ({ processes: [gateway(7 + Math.floor(at / 12), 100 + (at % 12) * 9)] }));
    const { verdict, reasons } = judged(all);
    assert.equal(verdict, 'invalid');
    assert.deepEqual(reasons, ['no process of gateway 1 stayed for 10 windows after its warm-up']);
  });

  test('processes of PostgreSQL come and go, and leak together or not at all', () => {
    const server = (pid: number, instance: number): Process => ({ role: 'postgres', instance, pid, mebibytes: 10 });
    const coming = windows(60, (at) => ({ processes: [server(100 + at, at), server(200, 0)] }));
    assert.equal(judged(coming).verdict, 'passed');
    const more = windows(60, (at) => ({
      processes: Array.from({ length: 3 + at }, (_, index) => server(index, index)),
    }));
    assert.deepEqual(judged(more).failed, ['leak of memory', 'leak of descriptors']);
  });
});

test('soakOutcome: where memory warms up for the whole run, nothing is said of leaks', () => {
  const all = windows(60, (at) => ({ processes: [gateway(7, 150 + at)] }));
  const warmUp = { latencyMs: 0, processesMs: 51 * 60_000 };
  const { gates, findings, reasons } = soakOutcome(all, whole(all), { ...options, warmUp });
  assert.ok(gates.every(({ name, passed }) => passed && !name.startsWith('leak')));
  assert.ok(findings.includes('Nothing is known of leaks: after the warm-up there are too few windows.'));
  assert.deepEqual(reasons, []);
});

test('soakSeries: a window without successes of an endpoint has no p95, and counts for nothing', () => {
  const all = windows(30, (at) => ({ p95Ms: at === 15 ? Number.NaN : 7 }));
  assert.equal(soakSeries(all, { latencyMs: 600_000, processesMs: 0 }).latency[0]?.values.length, 19);
});

test('tooShort: nine windows say nothing, and that is said before an hour has passed', () => {
  const outcome = tooShort(options, { count: 14, judged: 9 });
  assert.equal(verdictOf(outcome.gates, outcome.reasons), 'invalid');
  assert.match(outcome.reasons[0] ?? '', /of its 14 windows 9 come after the warm-up, and drift takes at least 10/);
});
