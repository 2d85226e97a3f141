import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fleetConfigText } from '../../../src/cli/fleet-config.ts';
import { fleetReloadText } from '../../../src/cli/reload-fleet.ts';

const own = { version: 7, departs: false, from: 'fleet', problem: null };
const host = { host: 'north-1', lives: true, version: 7, departs: false, problem: null };
const active = { number: 7, hash: 'c752' };
const none = { changes: [], problems: [], remarks: [] };

test('fleet status has the version of every host, and who has another configuration', () => {
  const hosts = [
    host,
    { ...host, host: 'north-2', departs: true },
    { ...host, host: 'south-1', lives: false, version: 6 },
    { ...host, host: 'south-2', version: null, problem: 'ca.pem is missing' },
  ];
  assert.equal(
    fleetConfigText(own, { active, hosts }),
    `
Version 7 of the fleet is in force.
  host     version
  north-1  7        lives
  north-2  7        lives   DEPARTS from it: rampart reload was run there
  south-1  6        silent  has not taken it yet
  south-2  none     lives   ca.pem is missing
`,
  );
});

test('fleet status says of no host that it is silent where this host hears none', () => {
  const hosts = [host, { ...host, host: 'north-2', lives: false }];
  assert.match(fleetConfigText(own, { active, hosts }), /north-2 +7 +silent/);
  const apart = fleetConfigText(own, { active, hosts }, true);
  assert.match(apart, /north-1 +7 +not known\n +north-2 +7 +not known/);
  assert.doesNotMatch(apart, /silent|lives/);
});

test('fleet status says nothing of the configuration before the first version, and what is known without PostgreSQL', () => {
  assert.equal(fleetConfigText(null, undefined), '');
  assert.equal(fleetConfigText(null, { active: null, hosts: [host] }), '');
  assert.equal(
    fleetConfigText({ ...own, from: 'disk', problem: 'it does not answer' }, undefined),
    `
This host has version 7 of the fleet. PostgreSQL does not say what the other hosts have.
Problem: it does not answer
`,
  );
});

test('reload --fleet says what each host has answered, and that nothing has changed', () => {
  const hosts = [
    { host: 'north-1', state: 'accepted', problems: [] },
    { host: 'south-12', state: 'refused', problems: ['ca.pem is missing'] },
  ];
  const problems = ['south-12: ca.pem is missing'];
  assert.equal(
    fleetReloadText({ ...none, outcome: 'refused', reason: 'hosts', version: 6, hosts, problems }),
    `refused: nothing has changed, version 6 of the fleet stays in force
  north-1   can use it
  south-12  REFUSES it
  - south-12: ca.pem is missing
`,
  );
  assert.match(
    fleetReloadText({ ...none, outcome: 'refused', reason: 'unknown', version: 6, hosts: [] }),
    /^NOT KNOWN whether it is in force\n$/,
  );
});

test('reload --fleet --at-restart says which hosts have to start again', () => {
  const hosts = [
    { host: 'a', state: 'at-restart', problems: [] },
    { host: 'b', state: 'in-force', problems: [] },
  ];
  assert.equal(
    fleetReloadText({ ...none, outcome: 'applied', version: 7, hosts }),
    `version 7 of the fleet is decided; restart the hosts that wait, one after another
  a  takes it when it starts again
  b  in force
`,
  );
});
