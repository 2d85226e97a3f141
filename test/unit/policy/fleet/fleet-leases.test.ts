import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { seededRandom } from '../../../../src/core/random.ts';
import { LEARNING_MS } from '../../../../src/policy/fleet/fleet-times.ts';
import { FleetModel, MOST_SERVICE_MS } from './fleet-model.ts';

/** An empty store: for this long hosts get nothing. */
const FIRST_LEARNING_MS = LEARNING_MS + MOST_SERVICE_MS * 1.25 + 4000;

function settled(cap: number, hosts: number, seed = 1): FleetModel {
  const model = new FleetModel({ cap, hosts, random: seededRandom(seed) });
  model.run(FIRST_LEARNING_MS);
  return model;
}

function hostOf(model: FleetModel, index: number): FleetModel['hosts'][number] {
  const host = model.hosts[index];
  assert.ok(host !== undefined);
  return host;
}

test('one busy host gets all that the floors of the others leave', () => {
  const model = settled(40, 2);
  const busy = hostOf(model, 0);
  busy.demand = 100;
  model.run(3000);
  assert.equal(busy.requests.length, 30);
});

test('hosts that all want more share the cap, all of it in use', () => {
  const model = settled(40, 3);
  for (const host of model.hosts) host.demand = 60;
  model.run(5000);
  model.usedPermitMs = 0;
  model.run(10_000);
  assert.ok(model.usedPermitMs / 10_000 / 40 > 0.97, `${model.usedPermitMs / 400_000} of the cap`);
  for (const { requests } of model.hosts) assert.ok(requests.length >= 11, `${requests.length}`);
});

test('sixteen hosts use nearly all of a cap of 160 while demand moves between them, with few calls', () => {
  const model = settled(160, 16);
  const random = seededRandom(7);
  model.usedPermitMs = 0;
  model.calls = 0;
  for (let second = 0; second < 30; second++) {
    for (const host of model.hosts) host.demand = 15 + Math.floor(random() * 30);
    model.run(1000);
  }
  const used = model.usedPermitMs / 30_000 / 160;
  assert.ok(used > 0.97, `${used} of the cap`);
  assert.ok(model.calls < 30 * 16 * 8, `${model.calls} calls`);
});

test('hosts take turns where there are fewer permits than hosts', () => {
  const model = settled(2, 5);
  for (const host of model.hosts) host.demand = 3;
  const had = new Set<string>();
  for (let second = 0; second < 20; second++) {
    model.run(1000);
    for (const { id, requests } of model.hosts) if (requests.length > 0) had.add(id);
  }
  assert.equal(had.size, 5);
});

test('permits move to a host that needs them within a quarter of a second when its neighbour is idle', () => {
  const model = settled(40, 2);
  const [one, other] = [hostOf(model, 0), hostOf(model, 1)];
  one.demand = 100;
  model.run(5000);
  one.demand = 0;
  model.run(MOST_SERVICE_MS);
  other.demand = 100;
  model.run(240);
  assert.equal(other.requests.length, 30);
});

test('a host that is cut off keeps its floor, and another gets the rest after its lease and quarantine', () => {
  const model = settled(40, 2);
  const [cut, other] = [hostOf(model, 0), hostOf(model, 1)];
  cut.demand = 100;
  model.run(5000);
  cut.isCut = true;
  other.demand = 100;
  model.run(10_000 + MOST_SERVICE_MS * 1.25 + 3000);
  assert.deepEqual([cut.requests.length, other.requests.length], [10, 30]);
});

test('five seconds without the store take no permit away', () => {
  const model = settled(40, 2);
  for (const host of model.hosts) host.demand = 60;
  model.run(5000);
  model.isStoreDown = true;
  model.usedPermitMs = 0;
  model.run(5600);
  assert.ok(model.usedPermitMs / 5600 / 40 > 0.97, `${model.usedPermitMs / 5600}`);
});

test('after an outage longer than the book can bridge, hosts agree on its time within a second', () => {
  const model = settled(40, 5);
  for (const host of model.hosts) host.demand = 60;
  model.run(5000);
  model.isStoreDown = true;
  model.run(12_000);
  model.isStoreDown = false;
  model.run(1000);
  model.stale = 0;
  model.run(10_000);
  assert.equal(model.stale, 0);
});

type Act = (model: FleetModel) => void;
type ModelHost = FleetModel['hosts'][number];

/** A fault whose counterexample can be read. */
const act = (label: string, run: Act): Act => Object.assign(run, { [fc.toStringMethod]: () => label });
const onHost = (label: string, run: (host: ModelHost, model: FleetModel) => void): fc.Arbitrary<Act> =>
  fc.nat(4).map((index) =>
    act(`${label} ${index}`, (model) => {
      const host = model.hosts[index];
      if (host !== undefined) run(host, model);
    }),
  );
const forMs = (
  label: string,
  most: number,
  run: (host: ModelHost, ms: number, model: FleetModel) => void,
): fc.Arbitrary<Act> => fc.nat(most).chain((ms) => onHost(`${label} ${ms}`, (host, model) => run(host, ms, model)));

const fault: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 6,
    arbitrary: forMs('demand', 60, (host, demand) => {
      host.demand = demand;
    }),
  },
  {
    weight: 3,
    arbitrary: onHost('cut or heal', (host) => {
      host.isCut = !host.isCut;
    }),
  },
  {
    weight: 2,
    arbitrary: forMs('pause', 30_000, (host, ms, model) => {
      host.pausedUntil = model.time + ms;
    }),
  },
  {
    weight: 1,
    arbitrary: forMs('suspend', 60_000, (host, ms, model) => {
      host.suspendedUntil = model.time + ms;
    }),
  },
  {
    weight: 1,
    arbitrary: onHost('kill', (host) => {
      host.isAlive = false;
    }),
  },
  {
    weight: 1,
    arbitrary: fc.constant(
      act('stop or start the store', (model) => {
        model.isStoreDown = !model.isStoreDown;
      }),
    ),
  },
  { weight: 1, arbitrary: fc.nat(2000).map((lost) => act(`fail over, lost ${lost}`, (model) => model.failOver(lost))) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      act('flush', (model) => model.flush()),
      act('restart empty', (model) => model.restartEmpty()),
    ),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(-288_000, -5000, 5000, 288_000)
      .map((ms) => act(`step of the clock ${ms}`, (model) => model.step(ms))),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constantFrom(1, 50, 200, 2000), fc.constantFrom(0, 0.1, 0.5)).map(([delay, loss]) =>
      act(`delay ${delay}, loss ${loss}`, (model) => {
        model.delayMs = delay;
        model.loss = loss;
      }),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constant(
      act('join', (model) => {
        if (model.hosts.length < 5) model.addHost().demand = 30;
      }),
    ),
  },
);

test('the requests of all hosts never exceed the cap, whatever is lost, cut, frozen or moved in time', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 2 ** 31 }),
      fc.array(fc.constantFrom(0.95, 1, 1.05), { minLength: 3, maxLength: 3 }),
      fc.array(fc.tuple(fault, fc.integer({ min: 0, max: 9000 })), { maxLength: 25, size: 'max' }),
      (seed, rates, faults) => {
        const model = new FleetModel({ cap: 24, hosts: 3, random: seededRandom(seed), rates });
        for (const host of model.hosts) host.demand = 20;
        const run = (ms: number): void => {
          for (const end = model.time + ms; model.time < end;) {
            model.deliverLate();
            model.tick();
            const most = model.cap + model.excused;
            assert.ok(
              model.inFlight <= most,
              `${model.inFlight} in flight of ${most} at ${model.time} ms: ${model.describe()}`,
            );
          }
        };
        run(FIRST_LEARNING_MS);
        for (const [apply, ms] of faults) {
          apply(model);
          run(ms);
        }
      },
    ),
    { numRuns: Number(process.env['FLEET_RUNS'] ?? 30) },
  );
});
