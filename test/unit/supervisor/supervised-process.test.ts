import assert from 'node:assert/strict';
import { rmSync, symlinkSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { EndedBeforeReady, type ProcessSpec, SupervisedProcess } from '../../../src/supervisor/supervised-process.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { eventually } from '../../support/raw.ts';

const folder = mkdtempSync(join(tmpdir(), 'rampart-supervised-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function specOf(command: string, code = ''): ProcessSpec {
  return { role: 'generator', instance: 0, command, args: ['-e', code], env: {}, listenFds: undefined };
}

function supervise(spec: ProcessSpec): { supervised: SupervisedProcess; clock: ManualClock; deaths: string[] } {
  const clock = new ManualClock();
  const deaths: string[] = [];
  const events = { died: (_: ProcessSpec, how: string) => void deaths.push(how) };
  return { supervised: new SupervisedProcess(spec, { clock, random: () => 0.5, events }), clock, deaths };
}

test('a command that does not exist fails the start, and leaves nothing to stop', async () => {
  const { supervised } = supervise(specOf(join(folder, 'nothing')));
  await assert.rejects(
    supervised.start(),
    (error) => error instanceof EndedBeforeReady && /ENOENT/.test(error.message),
  );
  await supervised.stop(1000);
});

test('arguments that spawn refuses at once fail the start in the same way', async () => {
  const { supervised } = supervise(specOf('with\0zero'));
  await assert.rejects(supervised.start(), EndedBeforeReady);
  await supervised.stop(1000);
});

test('a restart that cannot be spawned is tried again, until it can', async () => {
  const command = join(folder, 'node');
  symlinkSync(process.execPath, command);
  const { supervised, clock, deaths } = supervise(
    specOf(command, "process.send('ready'); setTimeout(() => process.kill(process.pid, 'SIGKILL'), 300)"),
  );
  await supervised.start();
  rmSync(command);
  await eventually('it died', () => deaths.length === 1);
  clock.advance(5000);
  await eventually('a spawn failed', () => deaths.length === 2);
  assert.match(deaths[1] ?? '', /ENOENT/);
  symlinkSync(process.execPath, command);
  clock.advance(5000);
  await eventually('it was there again', () => deaths.length === 3);
  assert.equal(deaths[2], 'SIGKILL');
  await supervised.stop(1000);
});

test('a process that was killed on purpose is not restarted', async () => {
  const { supervised, clock, deaths } = supervise(
    specOf(process.execPath, "process.send('ready'); setInterval(() => {}, 1000)"),
  );
  await supervised.start();
  supervised.kill();
  await supervised.stop(1000);
  clock.advance(5000);
  assert.deepEqual(deaths, []);
});
