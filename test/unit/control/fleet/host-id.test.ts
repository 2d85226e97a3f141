import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { hostId } from '../../../../src/control/fleet/host-id.ts';

const folder = mkdtempSync(join(tmpdir(), 'rampart-host-'));
after(() => rmSync(folder, { recursive: true }));

const noWarning = (message: string): never => assert.fail(message);

test('a name that cannot be written down holds, and is said', () => {
  const warnings: string[] = [];
  assert.match(
    hostId('/proc/nowhere', (message) => warnings.push(message)),
    /-[0-9a-f]{8}$/,
  );
  assert.match(warnings.join(), /cannot be written down/);
});

test('the name of a host stays the same in its data folder, and is another one elsewhere', () => {
  const id = hostId(join(folder, 'one'), noWarning);
  assert.match(id, /^[A-Za-z0-9._-]+-[0-9a-f]{8}$/);
  assert.equal(hostId(join(folder, 'one'), noWarning), id);
  assert.notEqual(hostId(join(folder, 'two'), noWarning), id);
});

test('a name that a person has written is taken, one that cannot be a name is not', () => {
  writeFileSync(join(folder, 'host-id'), 'north-1\n');
  assert.equal(hostId(folder, noWarning), 'north-1');
  writeFileSync(join(folder, 'host-id'), 'two words\n');
  assert.notEqual(hostId(folder, noWarning), 'two words');
});
