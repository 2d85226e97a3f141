import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually, sendRaw, statusOf } from '../support/raw.ts';
import { endProcess, processesOf, stackSettings, startStack } from '../support/stack.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const ready = 'GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n';

/** What becomes of a new connection. */
function tryToConnect(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve('connected');
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

test('a stop: /readyz answers 503 while connections are accepted, then none completes, then open ones end', async () => {
  const stack = await startStack({
    GATEWAY_WORKERS: '2',
    GENERATOR_INSTANCES: '1',
    GENERATOR_KIND: 'calibrated',
    CALIBRATED_SERVICE_TIME_MS: '4000',
    SHUTDOWN_DELAY_MS: '1500',
  });
  const port = Number(stack.env['PORT']);
  const open = fetch(`${stack.url}/v1/barcodes`, {
    method: 'POST',
    headers: { authorization: `Bearer ${stack.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ symbology: 'qrcode', text: 'slow' }),
  });
  await eventually('it is at the generator', async () =>
    /rampart_backend_in_flight\{[^}]*\} 1\n/.test(await stack.metrics()),
  );
  const stopped = stack.stop();
  await eventually('it is announced on a new connection', async () => {
    const reply = await sendRaw(port, ready, { until: (text) => /"(status|reason)":"/.test(text) });
    return statusOf(reply) === 503 && /connection: close/i.test(reply.text);
  });
  await eventually('the listeners are closed', async () => (await tryToConnect(port)) === 'ECONNREFUSED');
  // Not one handshake more: nobody would ever accept it.
  for (let index = 0; index < 20; index++) assert.equal(await tryToConnect(port), 'ECONNREFUSED');
  assert.equal((await open).status, 201);
  assert.equal(await stopped, 0);
});

for (const [what, delay, drain] of [
  ['the delay before the listeners close', '60000', '120000'],
  ['the drain', '0', '0'],
] as const) {
  test(`a second signal skips ${what}`, async () => {
    const stack = await startStack({
      GATEWAY_WORKERS: '1',
      GENERATOR_INSTANCES: '1',
      SHUTDOWN_DELAY_MS: delay,
      DRAIN_TIMEOUT_MS: drain,
    });
    const port = Number(stack.env['PORT']);
    // A request that never ends: its body does not come.
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(
      `POST /v1/barcodes HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${stack.key}\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{`,
    );
    await eventually('it is there', async () =>
      /rampart_in_flight\{endpoint="createBarcode"\} 1\n/.test(await stack.metrics()),
    );
    const stopped = stack.stop();
    await eventually('it stops', () => stack.output().includes('stopping (again: at once)'));
    await new Promise((resolve) => setTimeout(resolve, 500));
    stack.supervisor.kill('SIGINT');
    assert.equal(await stopped, 0);
    assert.deepEqual(processesOf(stack.dataDir), []);
    socket.destroy();
  });
}

test('SIGHUP stops neither the supervisor nor any process of it, nor does SIGUSR2 to one of its processes', async () => {
  const stack = await startStack({ GATEWAY_WORKERS: '1', GENERATOR_INSTANCES: '1' });
  try {
    const before = await stack.status();
    const pids = [
      stack.supervisor.pid ?? 0,
      ...[...before.workers, ...before.processes, before.control].map((p) => p.pid),
    ];
    for (const pid of pids) process.kill(pid, 'SIGHUP');
    // To the supervisor, SIGUSR2 means new workers.
    for (const pid of pids.slice(1)) process.kill(pid, 'SIGUSR2');
    await eventually('control reloads', () => stack.output().includes('configuration: unchanged'));
    const now = await stack.status();
    assert.deepEqual(
      [stack.supervisor.pid, ...[...now.workers, ...now.processes, now.control].map((p) => p.pid)],
      pids,
    );
  } finally {
    assert.equal(await stack.stop(), 0);
  }
});

for (const [what, signal] of [
  ['npm is asked to stop', 'SIGTERM'],
  ['what npm has started is killed', 'SIGKILL'],
] as const) {
  test(`npm start: all ends when ${what}`, async () => {
    const env = await stackSettings({ GATEWAY_WORKERS: '1', GENERATOR_INSTANCES: '1' });
    const dataDir = env['RAMPART_DATA_DIR'] as string;
    const { PATH = '', HOME = '' } = process.env;
    const child = spawn('npm', ['start'], {
      cwd: root,
      env: { PATH, HOME, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await eventually('it is up', () => output.includes('Ctrl-C stops everything'), 60_000);
    // A Node that can replace itself leaves no process between npm and Rampart.
    const between = processesOf(dataDir).find((pid) =>
      readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('with-setup'),
    );
    if (signal === 'SIGTERM' || between === undefined) child.kill('SIGTERM');
    else process.kill(between, signal);
    await eventually('nothing is left', () => processesOf(dataDir).length === 0, 30_000);
    await endProcess(child, 'SIGKILL');
    rmSync(dataDir, { recursive: true, force: true });
  });
}
