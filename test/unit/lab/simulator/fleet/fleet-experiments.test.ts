import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { FleetBar, FleetExperimentName } from '../../../../../src/lab/simulator/fleet/fleet-bar.ts';
import { fleetExperiments } from '../../../../../src/lab/simulator/fleet/fleet-experiments.ts';
import { fleetPlan } from '../../../../../src/lab/simulator/fleet/fleet-plan.ts';
import { FleetBook } from '../../../../../src/policy/fleet/fleet-book.ts';
import type { BackendGrant, FleetCall, FleetGrants } from '../../../../../src/policy/fleet/fleet-call.ts';

const HOSTS = 16;
const SECONDS = 10;

const missed = (bars: readonly FleetBar[]): string[] =>
  bars.filter(({ passed }) => !passed).map(({ name }) => name.replace(/,? (all|that|after|while|of silent).*/, ''));

/** Production's book with a defect. */
function brokenPlan(change: (answer: FleetGrants, call: FleetCall) => FleetGrants, told = (call: FleetCall) => call) {
  const newBook = (): Pick<FleetBook, 'renew'> => {
    const book = new FleetBook();
    return {
      renew: (call, now) => {
        const answer = book.renew(told(call), now);
        return answer.status === 'granted' ? change(answer, call) : answer;
      },
    };
  };
  return fleetPlan({ hosts: HOSTS, newBook });
}

const withGrants = (answer: FleetGrants, change: (grant: BackendGrant) => Partial<BackendGrant>): FleetGrants => ({
  ...answer,
  grants: answer.grants.map((grant) => ({ ...grant, ...change(grant) })),
});

describe('a simulated fleet of sixteen hosts', () => {
  for (const [name, experiment] of Object.entries(fleetExperiments)) {
    test(`keeps what is promised: ${name}`, () => {
      assert.deepEqual(missed(experiment(fleetPlan({ hosts: HOSTS }), SECONDS).bars), []);
    });
  }

  test('gives the same figures for the same seed', () => {
    const figures = (seed: number): unknown => fleetExperiments.shifts(fleetPlan({ hosts: HOSTS, seed }), 4);
    assert.deepEqual(figures(3), figures(3));
    assert.notDeepEqual(figures(3), figures(4));
  });
});

const isNewcomer = ({ host }: FleetCall): boolean => Number(host.slice('host-'.length)) >= HOSTS;

/** Each figure, and a defect of the book that it must show. */
const defects: readonly [figure: string, FleetExperimentName, defect: string, plan: ReturnType<typeof brokenPlan>][] = [
  [
    'requests above the cap',
    'contention',
    'a permit too many for each host',
    brokenPlan((answer) => withGrants(answer, ({ permits }) => ({ permits: permits + 1 }))),
  ],
  [
    'cap in use',
    'contention',
    'nothing is granted beyond the floors',
    brokenPlan((answer) => withGrants(answer, ({ floor }) => ({ permits: floor }))),
  ],
  ['time to settle', 'shifts', 'no host is asked to give', brokenPlan((answer) => ({ ...answer, donors: [] }))],
  [
    'calls a second of an idle host',
    'idle',
    'each caller is asked to give',
    brokenPlan((answer, { host }) => ({ ...answer, donors: [host] })),
  ],
  [
    '20 hosts',
    'joins',
    'newcomers get nothing',
    brokenPlan((answer, call) => (isNewcomer(call) ? withGrants(answer, () => ({ permits: 0, floor: 0 })) : answer)),
  ],
  [
    'share',
    'death',
    'no lease ends',
    brokenPlan(
      (answer) => answer,
      (call) => ({ ...call, settled: false }),
    ),
  ],
  ['cap in use', 'away-30', 'no host has a floor', brokenPlan((answer) => withGrants(answer, () => ({ floor: 0 })))],
];

describe('a simulated fleet with a defect', () => {
  for (const [figure, name, defect, plan] of defects) {
    test(`shows in ${name}: ${defect}`, () => {
      const found = missed(fleetExperiments[name](plan, SECONDS).bars);
      assert.ok(found.includes(figure), found.join());
    });
  }

  test('shows in away-5: leases are renewed for 1.5 s of 8 s alone', () => {
    const newBook = (): Pick<FleetBook, 'renew'> => {
      const book = new FleetBook();
      const isClosed = (now: number): boolean => (now + 4500) % 8000 >= 1500;
      return {
        renew: (call, now) =>
          call.incarnation > 0 && call.expectedAt >= 0 && isClosed(now)
            ? { status: 'late', now }
            : book.renew(call, now),
      };
    };
    const { bars } = fleetExperiments['away-5'](fleetPlan({ hosts: HOSTS, newBook }), SECONDS);
    assert.deepEqual(missed(bars), ['cap in use']);
  });
});
