import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClientCall } from '../../fleet/clients.ts';
import { brokenPromises } from '../../fleet/judge.ts';
import { reportOf, reportTable } from '../../fleet/report.ts';
import type { FaultWindow, FleetHistory } from '../../fleet/run.ts';

const many = <T>(count: number, each: T): T[] => Array.from({ length: count }, () => each);
const call = (host: string, startMs: number, endMs: number, outcome: number | string = 200): ClientCall => ({
  host,
  startMs,
  endMs,
  outcome,
});
const fault = (name: string, startMs: number, endMs: number, more: Partial<FaultWindow> = {}): FaultWindow => ({
  name,
  host: 'host1',
  errors: 'none',
  cutsLedger: false,
  movesDemand: false,
  settlesMs: 0,
  startMs,
  healedMs: endMs - 500,
  endMs,
  ...more,
});

/** Ten seconds with a cap of two: always two in flight, two callers at either host, a fault from second 4 to 6. */
const sound: FleetHistory = {
  cap: 2,
  hosts: [
    { name: 'host1', address: '10.0.0.1' },
    { name: 'host2', address: '10.0.0.2' },
  ],
  load: { startMs: 1000, endMs: 11_000 },
  faults: [fault('cut', 5000, 7000)],
  served: many(2, { startMs: 500, endMs: 11_500, from: '10.0.0.1' }),
  calls: ['host1', 'host2'].flatMap((host) => many(2, call(host, 500, 11_500))),
  limit: { perSecond: 1, burst: 1 },
  limitedCalls: [],
};
const promises = { mostInFlight: 2, leastUse: 0.95, floor: 1, hasLedger: true, reachable: 2 };
const judged = (history: FleetHistory): string[] => brokenPromises(history, reportOf(history), promises);

test('reportOf has a row for the time without a fault and one for each fault', () => {
  const rows = reportOf(sound).map(({ name, seconds, maxInFlight, usedShare }) => [
    name,
    seconds,
    maxInFlight,
    usedShare,
  ]);
  assert.deepEqual(rows, [
    ['no fault', 8, 2, 1],
    ['cut', 2, 2, 1],
  ]);
  assert.equal(
    reportTable(reportOf(sound)).split('\n')[3],
    '| cut | host1 | 2.0 | 2 | 2 | 0.0 | 100.0 % | 0.00 | 0 | 0 |',
  );
});

test('brokenPromises says nothing of a sound history', () => {
  assert.deepEqual(judged(sound), []);
});

test('brokenPromises names the fault in which a third request was in flight', () => {
  const served = [...sound.served, { startMs: 6000, endMs: 6010, from: '10.0.0.2' }];
  assert.deepEqual(judged({ ...sound, served }), [
    'cut (host1): 3 requests in flight where 2 may be, 10 permits × ms over the cap',
  ]);
});

test('brokenPromises finds a second of full demand in which half of the cap lay idle, and excuses it in a fault', () => {
  const halfUsed = (startMs: number, endMs: number): FleetHistory['served'] => [
    { startMs: 500, endMs: 11_500, from: '10.0.0.1' },
    { startMs: 500, endMs: startMs, from: '10.0.0.1' },
    { startMs: endMs, endMs: 11_500, from: '10.0.0.1' },
  ];
  assert.deepEqual(judged({ ...sound, served: halfUsed(9000, 10_000) }), [
    'no fault: 91.7 % of 2 permits in use where there was demand for all, 50.0 % in the worst second',
  ]);
  assert.deepEqual(judged({ ...sound, served: halfUsed(5000, 8000) }), []);
});

test('brokenPromises asks after a shift of demand for what one host can get, from a second after it', () => {
  const faults = [fault('shift', 5000, 9000, { movesDemand: true })];
  const idleUntil = (endMs: number): FleetHistory['served'] => [
    { startMs: 500, endMs: 11_500, from: '10.0.0.1' },
    { startMs: 500, endMs: 5000, from: '10.0.0.1' },
    { startMs: endMs, endMs: 11_500, from: '10.0.0.1' },
  ];
  assert.deepEqual(judged({ ...sound, faults, served: idleUntil(6000) }), []);
  const late = { ...sound, faults, served: idleUntil(7000) };
  assert.deepEqual(judged(late), [
    'shift: 75.0 % of 2 permits in use where there was demand for all, 50.0 % in the worst second',
  ]);
  assert.deepEqual(brokenPromises(late, reportOf(late), { ...promises, reachable: 1 }), []);
});

test('brokenPromises gives permits the time that a lease needs, if there are leases', () => {
  const faults = [fault('power', 2000, 4000, { settlesMs: 4500 })];
  const served = [
    { startMs: 500, endMs: 11_500, from: '10.0.0.1' },
    { startMs: 500, endMs: 2000, from: '10.0.0.1' },
    { startMs: 8500, endMs: 11_500, from: '10.0.0.1' },
  ];
  assert.deepEqual(judged({ ...sound, faults, served }), []);
  const history = { ...sound, faults, served };
  assert.equal(brokenPromises(history, reportOf(history), { ...promises, hasLedger: false }).length, 1);
});

test('brokenPromises finds failed calls of a fault that must not be seen, and of hosts that were not struck', () => {
  const calls = [...sound.calls, call('host1', 5100, 5200, 503), call('host2', 5100, 5200, 'ECONNRESET')];
  const said = (errors: FaultWindow['errors']): string[] =>
    judged({ ...sound, calls, faults: [fault('cut', 5000, 7000, { errors })] });
  assert.deepEqual(said('none'), ['cut (host1): 2 failed calls, of {"503":1,"ECONNRESET":1}']);
  assert.deepEqual(said('struck'), ['cut (host1): 1 failed calls, of {"503":1,"ECONNRESET":1}']);
  assert.deepEqual(said('all'), []);
});

test('a failed call belongs to the fault that was there for most of its time, or else to the last one that it saw', () => {
  const faults = [fault('first', 3000, 4000, { errors: 'all' }), fault('second', 5000, 6000, { errors: 'all' })];
  const errorsOf = (startMs: number, endMs: number): number[] =>
    reportOf({ ...sound, faults, calls: [call('host1', startMs, endMs, 'x')] }).map((row) => row.errorsAtStruck);
  assert.deepEqual(errorsOf(3100, 5100), [0, 1, 0]);
  assert.deepEqual(errorsOf(3900, 5100), [0, 0, 1]);
  assert.deepEqual(errorsOf(3600, 3700), [0, 1, 0]);
  assert.equal(reportOf({ ...sound, faults, calls: [call('host1', 4100, 4200, 'x')] })[0]?.errorsElsewhere, 1);
});

test('brokenPromises finds a refusal without Valkey at a host whose demand was within its floor', () => {
  const faults = [fault('away', 5000, 7000, { errors: 'all', cutsLedger: true })];
  const calls = [call('host1', 500, 4000), call('host1', 5100, 5200, 503)];
  assert.deepEqual(judged({ ...sound, faults, calls }), [
    '1 calls failed without Valkey at hosts whose demand was within their floor',
  ]);
});

test('brokenPromises finds a limit that let more through than one bucket holds, where hosts have a ledger', () => {
  const limitedCalls = many(4, { host: 'host1', startMs: 2000, endMs: 2000, outcome: 'admitted' as const });
  const history = { ...sound, limitedCalls };
  assert.deepEqual(judged(history), [
    'Calls admitted by the limit: 400.0 % of what one bucket gives; since the start 3.0 beyond its bound; ' +
      'in the worst window 2.6 beyond its bound.',
  ]);
  assert.deepEqual(brokenPromises(history, reportOf(history), { ...promises, hasLedger: false }), []);
});

test('brokenPromises allows a burst and the part of a host for the time without Valkey', () => {
  const admitted = (count: number): FleetHistory['limitedCalls'] =>
    many(count, { host: 'host1', startMs: 2000, endMs: 2000, outcome: 'admitted' as const });
  const faults = [fault('away', 5000, 7000, { cutsLedger: true })];
  assert.deepEqual(judged({ ...sound, faults, limitedCalls: admitted(3) }), []);
  assert.equal(judged({ ...sound, faults, limitedCalls: admitted(4) }).length, 1);
});

test('brokenPromises finds a limit that gave too little', () => {
  const limitedCalls = many(4, { host: 'host1', startMs: 2000, endMs: 2000, outcome: 'refused' as const });
  assert.match(judged({ ...sound, limitedCalls })[0] ?? '', /: 0.0 % of what one bucket gives;/);
});
