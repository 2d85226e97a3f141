import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildConfig, loadConfig } from '../../../src/config/config.ts';
import { LeaseKeeper } from '../../../src/control/lease-keeper.ts';
import { ManualClock } from '../../support/manual-clock.ts';

async function open(path: string) {
  const { env } = await loadConfig({}, import.meta.dirname);
  const file = { upstreams: { app: { backends: ['http://127.0.0.1:1'], cap: 8 } } };
  const upstreams = buildConfig(env, file, import.meta.dirname).upstreams.filter(({ name }) => name === 'app');
  const clock = new ManualClock();
  const warnings: string[] = [];
  /** For each order that was sent, what lay in the file by then. */
  const sent: { member: string; kind: string; written: string }[] = [];
  const keeper = new LeaseKeeper({
    upstreams,
    clock,
    random: () => 0.5,
    path,
    send: (member, _upstream, { kind }) => sent.push({ member, kind, written: read(path) }),
    sendLoad: () => {},
    warn: (message) => warnings.push(message),
  });
  const join = (id: string): void => keeper.joined({ id, pid: 1 }, { app: { 'app-0': 0 } }, 'elsewhere');
  return { clock, warnings, sent, keeper, join };
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

test('a grant lies in the file before it is sent', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rampart-leases-'));
  const { clock, warnings, sent, keeper, join: arrive } = await open(join(folder, 'leases.json'));
  for (const member of ['first', 'second', 'third']) {
    arrive(member);
    clock.advance(2);
  }
  keeper.stop();
  rmSync(folder, { recursive: true });
  const grants = sent.filter(({ kind }) => kind === 'grant');
  assert.ok(grants.length > 0);
  for (const { member, written } of grants) assert.match(written, new RegExp(`"member":"${member}","bound"`));
  assert.deepEqual(warnings, []);
});

test('a file that cannot be written takes no permits away, and is said once', async () => {
  const { clock, warnings, sent, keeper, join: arrive } = await open('/nonexistent/leases.json');
  arrive('first');
  for (const cap of [9, 10, 11]) {
    clock.advance(2);
    keeper.setCap('app', undefined, cap);
  }
  keeper.stop();
  assert.equal(sent.filter(({ kind }) => kind === 'grant').length, 4);
  assert.equal(warnings.length, 1);
});
