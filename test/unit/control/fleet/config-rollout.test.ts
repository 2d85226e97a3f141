import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FleetRollout, type FleetRolloutOptions } from '../../../../src/control/fleet/config-rollout.ts';
import { StoreError } from '../../../../src/store/errors.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

/** A rollout on the only host of a fleet. `hosts`: what PostgreSQL says that hosts have answered. */
function setUp(hosts: () => unknown, live = () => ({ names: ['a'], isApart: false })) {
  const clock = new ManualClock();
  const done: string[] = [];
  const options = {
    host: 'a',
    clock,
    source: { read: async () => ({ file: {}, problems: [] }) },
    keeper: { reload: async () => ({ outcome: 'checked', changes: [], problems: [], remarks: [] }) },
    store: {
      versions: async () => ({ active: undefined, proposed: undefined }),
      propose: async () => 1,
      hosts: async () => hosts(),
      activate: async () => done.push('activate') > 0,
      drop: async () => {
        done.push('drop');
        throw new StoreError('unavailable', 'away', undefined, undefined);
      },
    },
    live: () => ({ isSure: true, problem: undefined, ...live() }),
    announce: () => void done.push('announce'),
  } as unknown as FleetRolloutOptions;
  return { rollout: new FleetRollout(options), done, clock };
}

test('a fault while hosts are asked gives the proposal up at once', async () => {
  const { rollout, done } = setUp(() => {
    throw new TypeError('a fault');
  });
  await assert.rejects(rollout.reload({ who: 'test' }), /a fault/);
  assert.deepEqual(done, ['announce', 'drop', 'announce']);
});

test('a refusal gives it up, also if PostgreSQL fails then', async () => {
  const { rollout, done } = setUp(() => [{ host: 'a', answered: 1, problems: ['no'] }]);
  const { outcome, problems } = await rollout.reload({ who: 'test' });
  assert.deepEqual([outcome, problems], ['refused', ['a: no']]);
  assert.deepEqual(done, ['announce', 'drop', 'announce']);
});

test('with --at-restart only a host that a restart helps is said to take it then', async () => {
  const reports: unknown[] = [];
  const { rollout, clock } = setUp(
    () => ['a', 'b', 'c'].map((host) => ({ host, answered: 1, problems: [], ...(reports[0] as object | undefined) })),
    () => ({ names: ['a', 'b', 'c'], isApart: false }),
  );
  const said = (waitsFor: number | null): object => ({ version: null, problem: 'some reason', waitsFor });
  const stateWhen = async (report: object): Promise<string[]> => {
    reports[0] = report;
    const asked = rollout.reload({ who: 'test', atRestart: true });
    for (let ms = 0; ms < 15_000; ms += 100) {
      clock.advance(100);
      await new Promise((resolve) => setImmediate(resolve));
    }
    return (await asked).hosts.map(({ state }) => state);
  };
  assert.deepEqual(await stateWhen(said(1)), ['at-restart', 'at-restart', 'at-restart']);
  assert.deepEqual(await stateWhen(said(null)), ['failed', 'failed', 'failed']);
  // It has not looked at this version yet.
  assert.deepEqual(await stateWhen(said(7)), ['failed', 'failed', 'failed']);
  // A host of an earlier release says nothing of it.
  assert.deepEqual(await stateWhen({ version: null, problem: 'some reason' }), ['failed', 'failed', 'failed']);
});

test('a host that hears no news blames itself, and not the hosts that it could not ask', async () => {
  let looks = 0;
  const { rollout, clock } = setUp(
    () => [{ host: 'a', answered: 1, problems: [] }],
    // The news is lost when the proposal has been made.
    () => ({ names: ['a', 'b'], isApart: looks++ > 0 }),
  );
  const asked = rollout.reload({ who: 'test' });
  for (let ms = 0; ms < 40_000; ms += 100) {
    clock.advance(100);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { reason, problems } = await asked;
  assert.equal(reason, 'stores');
  assert.equal(problems.length, 1, problems.join('\n'));
  assert.match(problems[0] ?? '', /which hosts live/);
});
