import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { UsageError } from '../../../src/core/errors.ts';
import { processName } from '../../../src/core/process-name.ts';
import { liveProcesses, prepareRunFolder, recordThisProcess } from '../../../src/supervisor/process-records.ts';

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

test('liveProcesses removes records of another shape, and leaves alone what is no record', () => {
  const own = join(folder, 'shapes');
  prepareRunFolder(dataDir, own);
  recordThisProcess(own, { role: 'gateway', instance: 0, supervised: true }, () => {});
  const record = { role: 'gateway', instance: 0, pid: process.pid, name: processName(process.pid), supervised: true };
  const shapes = ['', '{', 'null', '[]', '7', '"x"', '{}', '\0\0', { ...record, name: 7 }, { ...record, pid: -1 }];
  for (const [index, shape] of shapes.entries())
    writeFileSync(join(own, 'processes', `${index}.json`), typeof shape === 'string' ? shape : JSON.stringify(shape));
  mkdirSync(join(own, 'processes', 'folder.json'));
  assert.deepEqual(liveProcesses(own), [record]);
  for (const index of shapes.keys()) assert.equal(existsSync(join(own, 'processes', `${index}.json`)), false);
  assert.ok(existsSync(join(own, 'processes', 'folder.json')));
});
