import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FleetRollout, type FleetRolloutOptions } from '../../../../src/control/fleet/config-rollout.ts';
import { StoreError } from '../../../../src/store/errors.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

/** A rollout on the only host of a fleet. `hosts`: what PostgreSQL says that hosts have answered. */
function setUp(hosts: () => unknown) {
  const done: string[] = [];
  const options = {
    host: 'a',
    clock: new ManualClock(),
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
    live: () => ({ names: ['a'], isSure: true, isApart: false, problem: undefined }),
    announce: () => void done.push('announce'),
  } as unknown as FleetRolloutOptions;
  return { rollout: new FleetRollout(options), done };
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
