import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, rmSync, statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { controlSocket } from '../../src/control/control-socket.ts';
import { ControlLink } from '../../src/control/link.ts';
import { systemClock } from '../../src/core/clock.ts';
import { runFolder } from '../../src/core/run-folder.ts';
import { quietInstruments } from '../support/instruments.ts';
import { closers } from '../support/proxying.ts';
import { eventually } from '../support/raw.ts';
import { endProcess, rampartEntry, stackSettings, startStack } from '../support/stack.ts';

const prlimit = '/usr/bin/prlimit';

test(
  'D7, III.5: a worker without file descriptors refuses, and goes on when it has some again',
  {
    skip: existsSync(prlimit) ? false : `${prlimit} is not installed (Debian package util-linux)`,
  },
  async () => {
    const stack = await startStack({ GATEWAY_WORKERS: '1' });
    closers.push(() => stack.stop());
    const pid = (await stack.status()).workers[0]?.pid as number;
    const limited = spawnSync(prlimit, ['--pid', String(pid), '--nofile=90:90'], { encoding: 'utf8' });
    assert.equal(limited.status, 0, limited.stderr);
    const kept = await new Promise<Socket>((resolve) => {
      const socket = connect(Number(new URL(stack.url).port), '127.0.0.1', () => resolve(socket));
    });
    const crowd = Array.from({ length: 150 }, () => connect(Number(new URL(stack.url).port), '127.0.0.1'));
    for (const socket of [kept, ...crowd]) socket.on('error', () => {});
    // Long enough for several reports to control, which read the memory and the descriptors of the process.
    await new Promise((resolve) => setTimeout(resolve, 3500));
    // A connection that is there already is answered.
    let text = '';
    kept.on('data', (chunk: Buffer) => (text += chunk.toString()));
    kept.write('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n');
    await eventually('it is answered', () => text.includes('200 OK'));
    assert.equal((await stack.status()).workers[0]?.pid, pid, 'it is the same worker');
    for (const socket of [kept, ...crowd]) socket.destroy();
    await eventually('others are served again', async () => {
      const reply = await fetch(`${stack.url}/v1/render/qrcode?text=x`, { headers: { 'x-api-key': stack.key } }).catch(
        () => undefined,
      );
      return reply?.status === 200;
    });
    assert.equal((await stack.status()).workers[0]?.pid, pid);
  },
);

/** A connection of a worker to control, and whether control has answered on it. */
function joinAs(instance: number, socketPath: string): { link: ControlLink; isJoined: () => boolean } {
  let isJoined = false;
  const member = `m${instance}`;
  const link = new ControlLink({
    socketPath,
    hello: { type: 'hello', member, role: 'gateway', instance, pid: process.pid, version: '1', startedAtMs: 0 },
    ...quietInstruments(),
    clock: systemClock,
    random: () => 0.5,
    status: () => ({}),
    onMessage: () => (isJoined = true),
    onLost: () => (isJoined = false),
  });
  closers.push(async () => link.close());
  return { link, isJoined: () => isJoined };
}

test('idle connections to the admin API leave control its descriptors, and find an end', async () => {
  const env = await stackSettings({ GENERATOR_INSTANCES: '0' });
  const dataDir = env['RAMPART_DATA_DIR'] as string;
  const { PATH = '', HOME = '' } = process.env;
  const command = `ulimit -n 128 && exec "${process.execPath}" "${rampartEntry}" control`;
  const control = spawn('sh', ['-c', command], { env: { PATH, HOME, ...env }, stdio: 'inherit', cwd: dataDir });
  closers.push(async () => {
    await endProcess(control, 'SIGTERM');
    rmSync(dataDir, { recursive: true, force: true });
  });
  const url = `http://127.0.0.1:${env['ADMIN_PORT']}/healthz`;
  const answers = async (): Promise<boolean> => (await fetch(url).catch(() => undefined))?.status === 200;
  await eventually('control is up', answers, 30_000);
  const early = joinAs(0, controlSocket(runFolder(dataDir)));
  await eventually('a worker has joined', early.isJoined);
  const crowd = Array.from({ length: 300 }, () => connect(Number(env['ADMIN_PORT']), '127.0.0.1'));
  for (const socket of crowd) socket.on('error', () => {});
  await eventually('each has been taken or refused', () => crowd.every(({ connecting }) => !connecting));
  const late = joinAs(1, controlSocket(runFolder(dataDir)));
  await eventually('another worker joins all the same', late.isJoined);
  assert.ok(early.isJoined());
  const savedAt = (): number =>
    statSync(join(runFolder(dataDir), 'metrics.json'), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const crowdedAt = savedAt();
  await eventually('it writes down what it has counted', () => savedAt() > crowdedAt);
  await eventually('the admin API answers again, though nobody has left', answers, 30_000);
  for (const socket of crowd) socket.destroy();
});
