import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const setup = fileURLToPath(new URL('../../../scripts/setup.mjs', import.meta.url));
let folder: string;
let lock: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rampart-setup-'));
  lock = join(folder, 'lock');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Takes the lock in a process of its own, which then ends as one that Ctrl-C has ended; it gets two seconds. */
function take(): { pid: number; status: number | null; stderr: string } {
  const code = `const { takeLock } = await import(${JSON.stringify(setup)}); takeLock(${JSON.stringify(lock)});`;
  const options = { encoding: 'utf8', timeout: 2000 } as const;
  return spawnSync(process.execPath, ['--input-type=module', '-e', code], options);
}

const holder = (): string => readFileSync(join(lock, 'holder'), 'utf8');

test('a lock of a set-up that is dead is taken over at once', () => {
  const first = take();
  assert.equal(holder(), `${first.pid}@${hostname()}`);
  const second = take();
  assert.deepEqual([second.status, second.stderr], [0, '']);
  assert.equal(holder(), `${second.pid}@${hostname()}`);
  assert.deepEqual(readdirSync(folder), ['lock']);
});

test('a lock that was never signed is taken over after a while', () => {
  mkdirSync(lock);
  const longAgo = new Date(Date.now() - 60_000);
  utimesSync(lock, longAgo, longAgo);
  assert.equal(take().status, 0);
});

test('a lock of a set-up that runs, here or on another machine, is waited for, and that is said once', () => {
  for (const name of [`${process.pid}@${hostname()}`, '4194305@elsewhere']) {
    mkdirSync(lock, { recursive: true });
    writeFileSync(join(lock, 'holder'), name);
    const { status, stderr } = take();
    assert.deepEqual([status, stderr], [null, `rampart: waiting for another set-up to end (${name})\n`]);
  }
});
