import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ShownStatus, statusText } from '../../../src/cli/status-text.ts';

const status: ShownStatus = {
  version: '1',
  verdict: { state: 'well', since: 'T', cause: 'all is well', cause_id: 'none', next: '', others: [] },
  control: { pid: 1, uptime_seconds: 5 },
  config: { version: 3, version_hash: 'a'.repeat(64), agreed: true, since: 'T', last_reload: null },
  workers: [],
  processes: [],
  backends: [
    { upstream: 'app', backend: 'b', origin: 'http://10.0.0.9', up: true, cap: 4, leased: 2 },
    { upstream: 'own', backend: 'b', origin: 'http://10.0.0.9', up: true, cap: 8, leased: 8 },
  ],
};
const linesOf = (more: Partial<ShownStatus>): string[] => statusText({ ...status, ...more }, '/data', []).split('\n');
const ends = (more: Partial<ShownStatus>): (string | undefined)[] =>
  linesOf(more)
    .filter((line) => /^(?:app|own) /.test(line))
    .map((line) => /\d.*$/.exec(line.slice(10))?.[0]);

test('rampart status shows the cap of all hosts beside the permits of this one', () => {
  const fleet = { backends: [{ upstream: 'app', backend: 'b', cap: 24 }] };
  assert.deepEqual(ends({ fleet }), ['2 / 4 of the 24 of all hosts', '8 / 8']);
  assert.deepEqual(ends({ fleet: null }), ['2 / 4', '8 / 8']);
  assert.deepEqual(ends({}), ['2 / 4', '8 / 8']);
});

test('rampart status names the version of the fleet, and that a host departs from it', () => {
  const line = (known: ShownStatus['fleet_config']): string => linesOf({ fleet_config: known })[3] ?? '';
  assert.equal(line(null), 'configuration version 3 (aaaaaaaaaaaa) since T');
  assert.equal(line({ version: null, departs: false }), 'configuration version 3 (aaaaaaaaaaaa) since T');
  assert.match(line({ version: 7, departs: false }), / since T, version 7 of the fleet$/);
  assert.match(line({ version: 7, departs: true }), / since T, which departs from version 7 of the fleet$/);
});
