import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { closers } from '../support/proxying.ts';
import { eventually } from '../support/raw.ts';
import { startStack } from '../support/stack.ts';

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
