import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { UsageError } from '../../../src/core/errors.ts';
import { prepareRunFolder, recordThisProcess } from '../../../src/supervisor/process-records.ts';

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

test('recordThisProcess goes on when the disk is full, says so, and does not go on for other reasons', () => {
  const own = join(folder, 'own');
  prepareRunFolder(dataDir, own);
  const self = { role: 'gateway', instance: 0, supervised: false } as const;
  const problems: string[] = [];
  const full = (code: string) => (): never => {
    throw Object.assign(new Error(`${code}: write`), { code });
  };
  for (const code of ['ENOSPC', 'EDQUOT'])
    recordThisProcess(own, self, (problem) => problems.push(problem), full(code))();
  assert.equal(problems.length, 2);
  assert.match(problems[0] ?? '', /could not be written down: ENOSPC.*Free space/);
  assert.throws(() => recordThisProcess(own, self, () => {}, full('EACCES')), UsageError);
});
