import assert from 'node:assert/strict';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type ChildProcess } from 'node:child_process';
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectionsOf, openConnections } from '../support/connections.ts';
import { eventually } from '../support/raw.ts';
import {
  endProcess,
  freePorts,
  processesOf,
  spawnRampart,
  type Stack,
  stackSettings,
  startStack,
} from '../support/stack.ts';

/** One request on a connection of its own; the status, or the code of the error. */
function once(url: string): Promise<string> {
  return new Promise((resolve) => {
    const req = request(url, { agent: new Agent({ keepAlive: false }) }, (res) => {
      res.resume();
      res.on('end', () => resolve(String(res.statusCode)));
    });
    req.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    req.setTimeout(20_000, () => req.destroy(new Error('silent')));
    req.end();
  });
}

describe('a worker that hangs, under rampart start', () => {
  let stack: Stack;
  before(async () => {
    stack = await startStack();
  });
  after(async () => {
    assert.equal(await stack.stop(), 0);
    assert.deepEqual(processesOf(stack.dataDir), []);
  });

  test('is replaced, and no new connection is lost', async () => {
    const [victim] = (await stack.status()).workers;
    assert.ok(victim);
    process.kill(victim.pid, 'SIGSTOP');
    const replies = Promise.all(Array.from({ length: 40 }, () => once(`${stack.url}/healthz`)));
    await eventually(
      'it is replaced',
      async () => {
        const { workers } = await stack.status();
        return workers.length === 2 && workers.every(({ pid }) => pid !== victim.pid);
      },
      20_000,
    );
    // The supervisor misses its beats, control sees that it is stopped: whoever is first.
    assert.match(stack.output(), /gateway \d hangs; ending it\n|a worker stands still: ending it/);
    // Those that the stopped worker had accepted before it stopped are none: it was idle.
    assert.deepEqual(new Set(await replies), new Set(['200']));
  });
});

/**
 * What every process loads first: it makes the event loop of a worker hang when that gets SIGCONT, and it says 'ready'
 * late, as a worker does that takes connections already but waits for a processor.
 */
const hangOnSignal = `data:text/javascript,${encodeURIComponent(`
  import { writeFileSync } from 'node:fs';
  if (process.argv.includes('gateway')) process.on('SIGCONT', () => {
    writeFileSync(process.env.RAMPART_DATA_DIR + '/hangs-' + process.pid, '');
    for (;;);
  });
  const { send } = process;
  if (send !== undefined)
    process.send = (message, ...rest) => {
      if (message !== 'ready') return send.call(process, message, ...rest);
      setTimeout(() => process.connected && send.call(process, message, ...rest), 1000);
      return true;
    };
`)}`;

describe('a worker that hangs, under rampart gateway --workers', () => {
  let env: Record<string, string>;
  let control: ChildProcess;
  let gateway: ChildProcess;
  let output = '';
  const status = async () =>
    (await (await fetch(`http://127.0.0.1:${env['ADMIN_PORT']}/api/status`)).json()) as {
      workers: { pid: number; instance: number }[];
    };

  before(async () => {
    env = await stackSettings({ NODE_OPTIONS: `--import=${hangOnSignal}` });
    control = spawnRampart(['control'], env);
    await eventually('control is up', async () => (await status().catch(() => undefined)) !== undefined, 60_000);
    gateway = spawnRampart(['gateway', '--workers', '2'], env);
    for (const stream of [gateway.stdout, gateway.stderr])
      stream?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await eventually('the workers are up', async () => (await status()).workers.length === 2, 60_000);
  });
  after(async () => {
    assert.equal(await endProcess(gateway, 'SIGTERM'), 0);
    assert.equal(await endProcess(control, 'SIGTERM'), 0);
    assert.deepEqual(processesOf(env['RAMPART_DATA_DIR'] as string), []);
    rmSync(env['RAMPART_DATA_DIR'] as string, { recursive: true, force: true });
  });

  /** Both workers, each of which has been seen to take connections. */
  async function takingWorkers(): Promise<{ pid: number }[]> {
    const { workers } = await status();
    const [port, pids] = [Number(env['PORT']), workers.map(({ pid }) => pid)];
    assert.equal(pids.length, 2);
    await eventually('both take connections', async () => {
      const sockets = await openConnections(port, 4, false);
      await sleep(50);
      const counts = connectionsOf(port, pids);
      for (const socket of sockets) socket.destroy();
      return counts.every((count) => count > 0);
    });
    return workers;
  }

  for (const [how, signal] of [
    ['stands still', 'SIGSTOP'],
    ['computes without end', 'SIGCONT'],
    ['dies', 'SIGKILL'],
  ] as const) {
    test(`it ${how}: it is replaced, and no new connection is lost`, async () => {
      const [victim] = await takingWorkers();
      assert.ok(victim);
      process.kill(victim.pid, signal);
      const mark = join(env['RAMPART_DATA_DIR'] as string, `hangs-${victim.pid}`);
      // Until then it takes connections, and those end with it.
      if (signal === 'SIGCONT') await eventually('it hangs', () => existsSync(mark));
      // In turn: one of these is on its way to the victim, which has not taken it.
      const replies = Promise.all(Array.from({ length: 6 }, () => once(`http://127.0.0.1:${env['PORT']}/healthz`)));
      await eventually(
        'it is replaced',
        async () => {
          const { workers } = await status();
          return workers.length === 2 && workers.every(({ pid }) => pid !== victim.pid);
        },
        20_000,
      );
      const said = signal === 'SIGCONT' ? /gateway \d hangs; ending it/ : /gateway \d ended \(SIGKILL\)/;
      assert.match(output, said);
      assert.deepEqual(new Set(await replies), new Set(['200']));
      assert.equal(await once(`http://127.0.0.1:${env['PORT']}/healthz`), '200');
    });
  }

  test('all of them die: a connection on its way to one is closed rather than silent', async () => {
    const victims = await takingWorkers();
    for (const { pid } of victims) process.kill(pid, 'SIGSTOP');
    const replies = Promise.all(Array.from({ length: 4 }, () => once(`http://127.0.0.1:${env['PORT']}/healthz`)));
    await sleep(200);
    for (const { pid } of victims) process.kill(pid, 'SIGKILL');
    assert.ok(
      (await replies).every((reply) => reply === 'ECONNRESET'),
      (await replies).join(' '),
    );
    await eventually('they are replaced', async () => (await status()).workers.length === 2, 20_000);
  });
});

describe('a worker that hangs, started alone', () => {
  test('ends itself with a log line', async () => {
    const port = await freePorts(1);
    const env = await stackSettings({ NODE_OPTIONS: `--import=${hangOnSignal}`, PORT: String(port) });
    const control = spawnRampart(['control'], env);
    const gateway = spawnRampart(['gateway'], env);
    let output = '';
    gateway.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    try {
      await eventually('it is up', async () => (await once(`http://127.0.0.1:${port}/healthz`)) === '200', 60_000);
      gateway.kill('SIGCONT');
      await eventually('it has ended', () => gateway.signalCode === 'SIGKILL', 20_000);
      assert.match(output, /"msg":"the event loop hangs: ending this process/);
    } finally {
      gateway.kill('SIGKILL');
      await endProcess(control, 'SIGTERM');
      rmSync(env['RAMPART_DATA_DIR'] as string, { recursive: true, force: true });
    }
  });
});
