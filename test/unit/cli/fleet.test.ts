import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fleetLeasesText, fleetNewsText, fleetStatusText, liveRemark } from '../../../src/cli/fleet.ts';

const backend = { upstream: 'app', backend: '10.0.0.9:80', permits: 18, floor: 6, in_use: 11, cap: 24 };
const part = {
  host: 'north-1',
  state: 'leased',
  hosts: 2,
  lease_ends_in_ms: 7200,
  problem: null,
  backends: [backend],
};

test('fleet status says what the host may use, and for how long', () => {
  assert.equal(
    fleetStatusText(part),
    `north-1 has its lease. It lasts 7.2 s unless it is renewed. Hosts: 2

upstream  backend      in use  may use  floor  cap of all hosts
app       10.0.0.9:80  11      18       6      24
`,
  );
});

test('fleet status says why a host has only its floors, and what is missing for a fleet', () => {
  const apart = fleetStatusText({ ...part, state: 'apart', lease_ends_in_ms: 0, problem: 'no answer in 250 ms' });
  assert.match(
    apart,
    /^north-1 has only its floors, because its lease has ended\. Hosts: 2\nProblem: no answer in 250 ms\n/,
  );
  assert.match(fleetStatusText({ ...part, backends: [] }), /no upstream has scope: 'fleet'/);
  assert.match(fleetStatusText(null), /VALKEY_URL is not set/);
});

test('fleet status says of a host that it hears no news, and why', () => {
  assert.equal(fleetNewsText(null), '');
  assert.equal(fleetNewsText({ state: 'connected', problem: 'an old one' }), '');
  assert.match(
    fleetNewsText({ state: 'apart', problem: 'WRONGPASS' }),
    /^This host hears no news of the other hosts: WRONGPASS\. /,
  );
  assert.match(fleetNewsText({ state: 'apart', problem: null }), /: Valkey has not answered yet\. /);
});

test('fleet leases shows every host by backend, and what waits for the end of requests', () => {
  const entry = {
    backend: 'app http://10.0.0.9',
    stage: 'live' as const,
    permits: 12,
    floor: 6,
    want: 20,
    ends: 19_000,
  };
  const text = fleetLeasesText({
    now: 10_000,
    backends: [{ backend: 'app http://10.0.0.9', out: 23, quarantined: 5, cap: 24 }],
    entries: [
      { ...entry, host: 'north-1' },
      { ...entry, host: 'south', stage: 'silent', permits: 0, want: 0, ends: 310_000 },
    ],
  });
  assert.equal(
    text,
    `app http://10.0.0.9: 23 of 24 permits are out, of these 5 of ended leases
  host     holds  floor  wants
  north-1  12     6      20     lease ends in 9.0 s
  south    6      6      0      silent, forgotten in 300.0 s
`,
  );
  assert.equal(fleetLeasesText({ now: 0, backends: [], entries: [] }), 'no host holds a lease\n');
});

test('fleet leases says of a backend that no live host has it any more', () => {
  const backend = { backend: 'app http://10.0.0.9', out: 0, quarantined: 0, cap: -1 };
  const entry = {
    backend: backend.backend,
    host: 'a',
    stage: 'silent',
    permits: 0,
    floor: 1,
    want: 0,
    ends: 9,
  } as const;
  const text = (cap: number): string => fleetLeasesText({ now: 0, backends: [{ ...backend, cap }], entries: [entry] });
  assert.match(text(-1), /permits are out\n {2}no live host has this backend .* until a day after its last use\n/);
  assert.doesNotMatch(text(24), /no live host/);
});

test('fleet forget of a host that may be alive says what becomes of it', () => {
  const entry = { backend: 'x', permits: 4, floor: 3, want: 0 } as const;
  const remarkOn = (host: string): string | undefined =>
    liveRemark(host, {
      now: 10_000,
      backends: [],
      entries: [
        { ...entry, host: 'a', stage: 'live', ends: 15_500 },
        { ...entry, host: 'a', stage: 'live', ends: 17_250, backend: 'y', floor: 2 },
        { ...entry, host: 'b', stage: 'silent', ends: 90_000 },
        { ...entry, host: 'c', stage: 'live', ends: 9_999 },
      ],
    });
  assert.match(
    remarkOn('a') ?? '',
    /^a has a lease for another 7\.3 s, so it may be alive: .* the 5 permits of its floors/,
  );
  for (const host of ['b', 'c', 'd']) assert.equal(remarkOn(host), undefined);
});
