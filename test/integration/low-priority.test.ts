import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { test } from 'node:test';
import { lowerPriority } from '../../src/core/low-priority.ts';

const started: ChildProcess[] = [];
function sleeper(detached: boolean): number {
  const child = spawn('sleep', ['30'], { detached, stdio: 'ignore' });
  started.push(child);
  return child.pid as number;
}
process.once('exit', () => started.forEach((child) => child.kill('SIGKILL')));

const groupOf = (pid: number): string => readFileSync(`/proc/${pid}/autogroup`, 'latin1').trim();
const skip = existsSync('/proc/self/autogroup') ? false : 'skipped, because this kernel has no autogroups';

test('a process that leads a session gives way with its session', { skip }, () => {
  const pid = sleeper(true);
  const before = groupOf(process.pid);
  lowerPriority(pid);
  assert.equal(getPriority(pid), 10);
  assert.match(groupOf(pid), / nice 10$/);
  assert.equal(groupOf(process.pid), before);
});

test('a process in the session of another gives way alone', { skip }, () => {
  const pid = sleeper(false);
  const before = groupOf(pid);
  lowerPriority(pid);
  assert.equal(getPriority(pid), 10);
  assert.equal(groupOf(pid), before);
});

test('a process that has ended is an error of the system', () => {
  assert.throws(() => lowerPriority(2 ** 22), { code: 'ERR_SYSTEM_ERROR' });
});
