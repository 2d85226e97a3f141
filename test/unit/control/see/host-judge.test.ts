import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Config } from '../../../../src/config/model.ts';
import type { HostFacts } from '../../../../src/control/see/facts.ts';
import { HostJudge } from '../../../../src/control/see/host-judge.ts';
import { readTotals } from '../../../../src/control/see/totals.ts';
import { Registry } from '../../../../src/metrics/instruments.ts';

const CONTROL_STARTED = 1_000_000;

/** A control that starts beside a worker which has counted failures before. */
class Host {
  readonly registry = new Registry();
  readonly failures = this.registry
    .counter('rampart_backend_requests_total', 'help', 'upstream', 'backend', 'outcome')
    .of('app', 'a', 'failure');
  readonly #judge = new HostJudge();
  readonly #workerStarted: number;
  #second = 0;

  constructor(workerStarted: number) {
    this.#workerStarted = workerStarted;
  }

  /** The verdict of the next second. */
  look(hasReported: boolean): string {
    const now = CONTROL_STARTED + 1000 * ++this.#second;
    const totals = readTotals(hasReported ? [this.registry.snapshot()] : []);
    const facts: HostFacts = {
      nowMs: now,
      version: '1',
      startedAtMs: CONTROL_STARTED,
      config: { upstreams: [{ name: 'app', backends: ['http://10.0.0.1'] }], routes: [], env: {} } as unknown as Config,
      configHash: 'h',
      configVersion: { number: 1, hash: 'h' },
      configSinceMs: 0,
      reloadProblem: undefined,
      wantedWorkers: 1,
      members: [
        {
          id: 'w',
          role: 'gateway',
          instance: 0,
          pid: 1,
          startedAtMs: this.#workerStarted,
          totals,
          silentMs: 0,
          configHash: 'h',
          configVersion: 1,
          setAside: new Set(),
          refusedKeys: new Map(),
        },
      ],
      health: [
        {
          upstream: 'app',
          backend: 'a',
          origin: 'http://10.0.0.1',
          up: true,
          checked: true,
          problem: undefined,
          report: undefined,
        },
      ],
      leases: () => ({ cap: 4, leased: 0 }),
      held: () => undefined,
      discovery: [],
      database: undefined,
      machine: { processors: 2, busyShare: 0.1 },
      objectives: [],
      degradations: [],
      restarts: [],
    };
    const { verdict } = this.#judge.look(facts, totals, now, () => ({ targetP95Ms: null, budgetLeft: null }));
    return `${verdict.state} ${verdict.causeId}`;
  }
}

test('what a worker counted before control was started again belongs to no second', () => {
  const host = new Host(CONTROL_STARTED - 60_000);
  host.failures.add(1000);
  const said = [false, true, true, true, true].map((hasReported) => host.look(hasReported));
  assert.deepEqual(new Set(said), new Set(['well none']));
});

test('what it counts afterwards is judged as ever', () => {
  const host = new Host(CONTROL_STARTED - 60_000);
  host.look(false);
  host.look(true);
  const said = [1, 2, 3].map(() => {
    host.failures.add(20);
    return host.look(true);
  });
  assert.equal(said.at(-1), 'down upstream-failing');
});

test('the first report of a worker that is younger than control counts at once', () => {
  const host = new Host(CONTROL_STARTED + 500);
  host.look(false);
  host.failures.add(20);
  assert.equal([host.look(true), host.look(true)].at(-1), 'down upstream-failing');
});
