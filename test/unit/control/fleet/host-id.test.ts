import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { hostId } from '../../../../src/control/fleet/host-id.ts';

const folder = mkdtempSync(join(tmpdir(), 'rampart-host-'));
after(() => rmSync(folder, { recursive: true }));

test('the name of a host stays the same in its data folder, and is another one elsewhere', () => {
  const id = hostId(join(folder, 'one'));
  assert.match(id, /^[A-Za-z0-9._-]+-[0-9a-f]{8}$/);
  assert.equal(hostId(join(folder, 'one')), id);
  assert.notEqual(hostId(join(folder, 'two')), id);
});

test('a name that a person has written is taken, one that cannot be a name is not', () => {
  writeFileSync(join(folder, 'host-id'), 'north-1\n');
  assert.equal(hostId(folder), 'north-1');
  writeFileSync(join(folder, 'host-id'), 'two words\n');
  assert.notEqual(hostId(folder), 'two words');
});
