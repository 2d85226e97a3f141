import assert from 'node:assert/strict';
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { labTune } from '../../../../src/cli/lab/tune.ts';
import { refusalToWrite, writeWhole } from '../../../../src/cli/lab/tuned-env.ts';
import { UsageError } from '../../../../src/core/errors.ts';

describe('rampart lab tune, before anything is started', () => {
  let folder = '';
  before(() => void (folder = mkdtempSync(join(tmpdir(), 'rampart-tune-'))));
  after(() => rmSync(folder, { recursive: true, force: true }));
  beforeEach(() => {
    for (const name of readdirSync(folder)) rmSync(join(folder, name));
  });
  const put = (name: string, text: string): void => writeFileSync(join(folder, name), text);

  async function problems(args: string[], env: Record<string, string> = {}): Promise<readonly string[]> {
    const silent = { write: () => true };
    try {
      await labTune(args, { stdout: silent, stderr: silent, env, folder });
    } catch (error) {
      if (error instanceof UsageError) return error.problems;
      throw error;
    }
    return [];
  }

  test('every wrong option is told at once', async () => {
    put('.env.tuned', 'MINE=1\n');
    const found = await problems([
      '--instances',
      '1,two',
      '--queue=-1',
      '--kind',
      'x',
      '--users',
      '0',
      '--repeats',
      '2',
    ]);
    assert.deepEqual(found, [
      "--kind must be barcode or calibrated: got 'x'",
      "--instances takes values with commas between them, each of which must be a whole number from 1 to 256: got 'two'",
      "--queue takes values with commas between them, each of which must be a whole number from 0 to 100000: got '-1'",
      "--users must be a whole number from 1 to 10000: got '0'",
      "--repeats must be a whole number from 3 to 20: got '2'",
      `--out: ${join(folder, '.env.tuned')} was not written by tune, and is left alone: name another file, or overwrite it with --force`,
    ]);
    assert.equal(readFileSync(join(folder, '.env.tuned'), 'utf8'), 'MINE=1\n');
  });

  test('one configuration is nothing to tune, and thousands are too many', async () => {
    const one = ['--instances', '3', '--concurrency', '4', '--queue', '256', '--batch', '200'];
    assert.deepEqual(await problems(one, { GENERATOR_INSTANCES: '3' }), [
      'there is only the configuration as it is: name other values to try',
    ]);
    const many = '1,2,3,4,5,6,7,8';
    assert.match(
      (await problems(['--instances', many, '--concurrency', many, '--workers', many])).join(),
      /the values make \d+ configurations, and 243 are the most/,
    );
  });

  test('the settings as they are are those of the environment', async () => {
    assert.deepEqual(await problems([], { QUEUE_CAPACITY: '7', GENERATOR_CONCURRENCY: 'none' }), [
      "GENERATOR_CONCURRENCY must be a whole number from 1 to 1024: got 'none'",
    ]);
  });

  test('refusalToWrite: a new file, and one of its own; any other only by force; no folder that is not there', () => {
    const path = join(folder, 'out');
    assert.equal(refusalToWrite(path, false), undefined);
    put('out', '# Written by rampart lab tune.\nA=1\n');
    assert.equal(refusalToWrite(path, false), undefined);
    put('out', '# Written by rampart lab tune. Not quite.\n');
    assert.match(refusalToWrite(path, false) ?? '', /--force/);
    assert.equal(refusalToWrite(path, true), undefined);
    put('out', '');
    assert.match(refusalToWrite(path, false) ?? '', /--force/);
    assert.match(refusalToWrite(join(folder, 'none', 'out'), true) ?? '', /cannot be written: ENOENT/);
    assert.match(refusalToWrite(folder, true) ?? '', /cannot be written: EISDIR/);
  });

  test('writeWhole leaves only the file; a concurrent reader reads the old one', async () => {
    await writeWhole(join(folder, 'out'), 'A=1\n');
    const reader = openSync(join(folder, 'out'), 'r');
    await writeWhole(join(folder, 'out'), 'A=2\n');
    assert.equal(readFileSync(reader, 'utf8'), 'A=1\n');
    closeSync(reader);
    mkdirSync(join(folder, 'folder'));
    await assert.rejects(writeWhole(join(folder, 'folder'), 'A=3\n'));
    rmSync(join(folder, 'folder'), { recursive: true });
    assert.deepEqual(readdirSync(folder), ['out']);
    assert.equal(readFileSync(join(folder, 'out'), 'utf8'), 'A=2\n');
  });
});
