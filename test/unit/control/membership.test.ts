import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type DiscoverConfig, discoverOf } from '../../../src/config/discover.ts';
import type { Config } from '../../../src/config/model.ts';
import { Membership, membershipFile, withLastMembers } from '../../../src/control/membership.ts';
import { ManualClock } from '../../support/manual-clock.ts';

type DiscoverFile = NonNullable<Parameters<typeof discoverOf>[0]>;
const file: DiscoverFile = { dns: 'app.internal', port: 8443 };
const found = [{ id: '10.0.0.1:8443', origin: 'http://10.0.0.1:8443' }];

const configOf = (discover: DiscoverConfig | undefined): Config =>
  ({ env: {}, upstreams: [{ name: 'app', backends: [], discover, isAnnounced: false }] }) as unknown as Config;
const withDiscover = (more: Partial<DiscoverFile>): Config => configOf(discoverOf({ ...file, ...more }));

function membershipIn(runFolder: string, config = withDiscover({})): Membership {
  const clock = new ManualClock();
  return new Membership({ config, clock, runFolder, onChange: () => {}, warn: (message) => assert.fail(message) });
}

const others: Partial<DiscoverFile>[] = [{ dns: 'other.internal' }, { port: 9443 }, { scheme: 'https' }];
for (const other of others) {
  test(`the backends of another ${Object.keys(other).join()} serve no more, neither at once nor after a restart`, () => {
    const runFolder = mkdtempSync(join(tmpdir(), 'rampart-members-'));
    const membership = membershipIn(runFolder);
    membership.found('app', found);
    assert.deepEqual(membershipIn(runFolder).all(), { app: found });
    const changed = withDiscover(other);
    assert.deepEqual(membershipIn(runFolder, changed).all(), { app: [] });
    assert.deepEqual(withLastMembers(changed, runFolder).upstreams[0]?.backends, []);
    membership.useConfig(changed);
    assert.deepEqual([membership.all(), membership.foundBefore('app')], [{ app: [] }, []]);
  });
}

test('another time between look-ups, and a file of the version before, leave the backends in use', () => {
  const runFolder = mkdtempSync(join(tmpdir(), 'rampart-members-'));
  const membership = membershipIn(runFolder);
  membership.found('app', found);
  membership.useConfig(withDiscover({ minSeconds: 1, servers: ['10.0.0.53'] }));
  assert.deepEqual(membership.all(), { app: found });
  const path = membershipFile(runFolder);
  const { app } = JSON.parse(readFileSync(path, 'utf8')) as { app: { source?: string } };
  assert.equal(app.source, 'http addresses app.internal 8443');
  delete app.source;
  writeFileSync(path, JSON.stringify({ app }));
  assert.deepEqual(membershipIn(runFolder).all(), { app: found });
});
