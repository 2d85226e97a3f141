import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { UsageError } from '../../../src/core/errors.ts';
import { prepareRunFolder } from '../../../src/supervisor/process-records.ts';

const folder = mkdtempSync(join(tmpdir(), 'rampart-records-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const dataDir = join(folder, 'data');

test('prepareRunFolder makes a folder elsewhere, and finds it again', () => {
  prepareRunFolder(dataDir, join(folder, 'own'));
  prepareRunFolder(dataDir, join(folder, 'own'));
});

test('prepareRunFolder refuses a link, and a folder that others may write to', () => {
  mkdirSync(join(folder, 'elsewhere'));
  symlinkSync(join(folder, 'elsewhere'), join(folder, 'link'));
  mkdirSync(join(folder, 'open'));
  chmodSync(join(folder, 'open'), 0o777);
  for (const name of ['link', 'open'])
    assert.throws(() => prepareRunFolder(dataDir, join(folder, name)), UsageError, name);
});
