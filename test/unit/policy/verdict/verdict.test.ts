import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { causes } from '../../../../src/policy/verdict/causes.ts';
import type { BackendSignals, HostSignals, UpstreamSignals } from '../../../../src/policy/verdict/signals.ts';
import {
  type HostVerdict,
  verdictAfter,
  noMemory,
  type VerdictMemory,
} from '../../../../src/policy/verdict/verdict.ts';

const backend = (name: string, others: Partial<BackendSignals> = {}): BackendSignals => ({
  name,
  isUp: true,
  problem: undefined,
  cap: 4,
  inFlight: 1,
  endedPerSecond: 50,
  failedPerSecond: 0,
  workMs: 20,
  ...others,
});
const upstream = (others: Partial<UpstreamSignals> = {}): UpstreamSignals => ({
  name: 'app',
  isBesideRampart: false,
  isDrained: false,
  lookupProblem: undefined,
  permits: 8,
  inFlight: 2,
  queued: 0,
  isStanding: false,
  endedPerSecond: 100,
  failedPerSecond: 0,
  failedInARow: 0,
  refused: {},
  workMs: 20,
  usualWorkMs: 20,
  isRetryBudgetSpent: false,
  ejected: 0,
  backends: [backend('a'), backend('b')],
  ...others,
});
const host = (others: Partial<HostSignals> = {}): HostSignals => ({
  workers: {
    wanted: 1,
    present: [{ name: 'gateway 0', silentMs: 10, processors: 0.3 }],
    isStarting: false,
    restarts: [],
  },
  upstreams: [upstream()],
  traffic: { requestsPerSecond: 100, errorsPerSecond: 0, leftPerSecond: 0, refused: {} },
  machine: { processors: 4, busyShare: 0.4, ownShare: 0.35 },
  database: { problem: undefined, poolShare: 0.1, waiting: 0 },
  ledger: { pending: 0, writtenPerSecond: 50 },
  config: { disagreeing: [], reloadProblem: undefined },
  certificates: [],
  objectives: [],
  degradations: [],
  ...others,
});

const overloaded = host({ upstreams: [upstream({ inFlight: 8, queued: 20, refused: { overloaded: 30 } })] });
const oneDown = [backend('a', { isUp: false, problem: 'ECONNREFUSED' }), backend('b')];

/** The verdicts of these seconds, one after the other. */
function verdictsOf(...seconds: readonly HostSignals[]): HostVerdict[] {
  let memory: VerdictMemory = noMemory;
  return seconds.map((signals, index) => {
    const judged = verdictAfter(memory, signals, index * 1000);
    memory = judged;
    return judged.current;
  });
}
const states = (...seconds: readonly HostSignals[]): string[] =>
  verdictsOf(...seconds).map(({ state, causeId }) => `${state} ${causeId}`);

test('load is named in the second bad second, and stays for three seconds after the last', () => {
  const well = 'well none';
  const bad = 'overloaded permits';
  assert.deepEqual(states(host(), overloaded, host(), host()), [well, well, well, well]);
  assert.deepEqual(states(overloaded, overloaded, host(), host(), host(), host()), [well, bad, bad, bad, well, well]);
});

test('a fact is named at once, and is over at once', () => {
  const down = host({ upstreams: [upstream({ backends: oneDown })] });
  assert.deepEqual(states(down, host()), ['degraded backend-down', 'well none']);
});

test('since counts from the second in which the present cause began', () => {
  const away = host({ database: { problem: 'ECONNREFUSED', poolShare: 0, waiting: 0 } });
  assert.deepEqual(
    verdictsOf(host(), away, away, overloaded, overloaded).map(({ sinceMs }) => sinceMs),
    [0, 1000, 1000, 3000, 4000],
  );
});

test('a backend that is down explains why the others are overloaded', () => {
  const both = host({
    upstreams: [upstream({ backends: oneDown, inFlight: 4, permits: 4, refused: { overloaded: 30 } })],
  });
  const { state, causeId, cause } = verdictsOf(both, both)[1] ?? assert.fail();
  assert.deepEqual([state, causeId], ['overloaded', 'backend-down']);
  assert.equal(
    cause,
    'backend a of upstream app is down (ECONNREFUSED); 1 of 2 serve; the others cannot carry the load',
  );
});

test('an upstream of little traffic is down when its last five requests have failed', () => {
  const trickle = (failedInARow: number): HostSignals =>
    host({ upstreams: [upstream({ endedPerSecond: 0.1, failedPerSecond: 0.1, failedInARow })] });
  assert.deepEqual(states(trickle(4), trickle(4), trickle(4)).slice(-1), ['well none']);
  const [, last] = verdictsOf(trickle(5), trickle(5));
  assert.deepEqual([last?.state, last?.cause], ['down', 'upstream app has failed all of its last 5 requests']);
});

test('without a worker: control says to wait while it has just started, and where to look after that', () => {
  const sentenceOf = (isStarting: boolean): string[] => {
    const empty = host({ workers: { wanted: 1, present: [], isStarting, restarts: [] } });
    const { state, cause, next } = verdictsOf(empty)[0] ?? assert.fail();
    return [state, cause, next];
  };
  assert.deepEqual(sentenceOf(true).slice(0, 2), [
    'down',
    'no gateway worker is connected yet: control has just started',
  ]);
  assert.match(sentenceOf(true)[2] ?? '', /^wait some seconds/);
  assert.equal(sentenceOf(false)[1], 'no gateway worker is connected to control');
});

test('the gravest finding is the verdict, and the others follow', () => {
  const all = host({
    upstreams: [upstream({ backends: oneDown })],
    config: { disagreeing: ['gateway 1'], reloadProblem: 'routes: must be a list' },
    workers: { wanted: 1, present: [], isStarting: false, restarts: [] },
  });
  const { state, causeId, others } = verdictsOf(all, all, all)[2] ?? assert.fail();
  assert.deepEqual([state, causeId], ['down', 'no-worker']);
  assert.deepEqual(
    others.map((other) => other.causeId),
    ['backend-down', 'configuration-differs', 'reload-failed'],
  );
});

test('refusals that no upstream can serve are told by what is full', () => {
  const refused = { overloaded: 30 };
  const causeOf = (others: Partial<HostSignals>): string => {
    const signals = host(others);
    return states(signals, signals)[1] ?? '';
  };
  const full = [upstream({ inFlight: 8, refused })];
  assert.equal(
    causeOf({ upstreams: full, machine: { processors: 4, busyShare: 0.95, ownShare: 0.9 } }),
    'overloaded processors',
  );
  assert.equal(
    causeOf({ upstreams: full, machine: { processors: 4, busyShare: 0.95, ownShare: 0.3 } }),
    'overloaded other-programs',
  );
  assert.equal(
    causeOf({
      upstreams: [upstream({ inFlight: 8, refused, isBesideRampart: true })],
      machine: { processors: 4, busyShare: 0.95, ownShare: 0.3 },
    }),
    'overloaded processors',
  );
  assert.equal(causeOf({ upstreams: [upstream({ inFlight: 8, refused, workMs: 60 })] }), 'overloaded work-grew');
  assert.equal(
    causeOf({ upstreams: [upstream({ inFlight: 8, refused, workMs: 60, usualWorkMs: undefined })] }),
    'overloaded permits',
  );
  assert.equal(causeOf({ upstreams: [upstream({ inFlight: 2, refused })] }), 'overloaded refusals');
});

test('one refusal among ten thousand requests is no overload', () => {
  const rare = host({ upstreams: [upstream({ endedPerSecond: 10_000, refused: { overloaded: 20 } })] });
  assert.deepEqual(states(rare, rare, rare), ['well none', 'well none', 'well none']);
});

test('a certificate is a note at 21 days, degrades the host at 7', () => {
  const at = (daysLeft: number): string => states(host({ certificates: [{ name: 'shop.pem', daysLeft }] }))[0] ?? '';
  assert.deepEqual([at(30), at(20), at(6)], ['well none', 'well certificate-expires', 'degraded certificate-expires']);
});

test('every cause has a section in the runbook that says what it means, what to do and how to see that it worked', () => {
  const sections = readFileSync('docs/runbook.md', 'utf8').split(/^## /m).slice(1);
  const names = sections.map((section) => section.split('\n', 1)[0]);
  assert.deepEqual(
    Object.keys(causes).filter((cause) => !names.includes(cause)),
    [],
  );
  assert.deepEqual(
    names.filter((name) => !Object.hasOwn(causes, name ?? '')),
    [],
  );
  for (const section of sections)
    for (const part of ['**Means:**', '**Do:**', '**Worked if:**'])
      assert.ok(section.includes(part), `${section.split('\n', 1)[0]}: ${part}`);
});

test('a host without its lease in the fleet says what it has left, and why', () => {
  const fleet = { host: 'north-1', state: 'apart', problem: 'no answer in 250 ms', permits: 4 } as const;
  const causeOf = (given: Partial<NonNullable<HostSignals['fleet']>>): string => {
    const [, second] = verdictsOf(host({ fleet: { ...fleet, ...given } }), host({ fleet: { ...fleet, ...given } }));
    return `${second?.state} ${second?.cause}`;
  };
  assert.match(
    causeOf({}),
    /^degraded this host has 4 permits of the backends .* its lease has ended \(no answer in 250 ms\)$/,
  );
  assert.match(
    causeOf({ state: 'superseded', permits: 0 }),
    /has no permit .* another process runs under the name north-1$/,
  );
  assert.match(causeOf({ state: 'new', permits: 0, problem: undefined }), /it has had no lease yet$/);
  assert.match(causeOf({ state: 'learning', permits: 0 }), /is new or has lost its data$/);
  assert.match(causeOf({ state: 'learning' }), /^well/);
  assert.match(causeOf({ state: 'leased' }), /^well/);
});

test('a host that hears no news of its fleet is degraded when that has shown for three seconds, and says why', () => {
  const heard = host({ fleetNews: { isApart: false, problem: undefined } });
  const apart = (problem?: string): HostSignals => host({ fleetNews: { isApart: true, problem } });
  assert.deepEqual(states(heard, apart('x'), apart('x'), apart('x'), heard), [
    'well none',
    'well none',
    'well none',
    'degraded fleet-news-apart',
    'degraded fleet-news-apart',
  ]);
  const causeOf = (signals: HostSignals): string => verdictsOf(signals, signals, signals).at(-1)?.cause ?? '';
  assert.match(
    causeOf(apart('no answer in 250 ms')),
    /^this host hears no news .* \(no answer in 250 ms\): purges, revoked keys/,
  );
  assert.match(causeOf(apart()), /\(Valkey has not answered yet\)/);
});

test('a shared cache that does not answer degrades the host, and a lost lease explains more', () => {
  const sharedCache = { problem: 'ECONNREFUSED' };
  const fleet = { host: 'north-1', state: 'apart', problem: 'no answer', permits: 4 } as const;
  const all = host({ sharedCache, fleet, fleetNews: { isApart: true, problem: 'no answer' } });
  const last = verdictsOf(all, all, all).at(-1);
  assert.equal(last?.causeId, 'fleet-apart');
  assert.deepEqual(
    last?.others.map(({ causeId }) => causeId),
    ['fleet-news-apart', 'shared-cache-away'],
  );
  const away = host({ sharedCache });
  assert.deepEqual(states(away, away), ['well none', 'degraded shared-cache-away']);
  assert.deepEqual(states(host({ sharedCache: { problem: undefined } })), ['well none']);
});
