import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, BoundSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../support/raw.ts';
import { endProcess, freePorts, processesOf, rampartEntry, stackSettings } from '../support/stack.ts';

const folder = mkdtempSync(join(tmpdir(), 'rampart-service-'));
const app = createServer((req, res) => res.end(`app at ${req.url}`));
const file = join(folder, 'rampart.config.ts');
before(async () => {
  await new Promise<void>((resolve) => void app.listen(0, '127.0.0.1', resolve));
  const backends = [`http://127.0.0.1:${(app.address() as AddressInfo).port}`];
  const routes = [{ endpoint: 'app', path: '/*', upstream: 'app', authenticate: false }];
  writeFileSync(file, `export default ${JSON.stringify({ upstreams: { app: { backends } }, routes })};\n`);
});
after(() => {
  app.close();
  app.closeAllConnections();
  rmSync(folder, { recursive: true, force: true });
});

const settings = (more: Record<string, string> = {}): Promise<Record<string, string>> =>
  stackSettings({ GENERATOR_INSTANCES: '0', GATEWAY_WORKERS: '2', RAMPART_CONFIG: file, ...more });

/** What a process says on both of its streams. */
function said(child: ChildProcess): () => string {
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return () => text;
}

/** Starts Rampart as systemd does: with open sockets from descriptor 3 on, and its own process id in LISTEN_PID. */
function startWith(sockets: readonly BoundSocket[], names: string, env: Record<string, string>): ChildProcess {
  return spawn('sh', ['-c', 'LISTEN_PID=$$ exec "$0" "$1" start', process.execPath, rampartEntry], {
    cwd: folder,
    env: { PATH: process.env['PATH'], ...env, LISTEN_FDS: String(sockets.length), LISTEN_FDNAMES: names },
    stdio: ['ignore', 'pipe', 'pipe', ...sockets.map((socket) => socket.fd())],
  });
}

const isUp = (text: () => string): Promise<unknown> =>
  eventually('Rampart is up', () => text().includes('Ctrl-C stops everything'), 30_000);

describe('sockets of a service manager', () => {
  test('are listened on, one by each worker, and a request that comes during a restart waits for its reply', async () => {
    const env = await settings();
    const port = Number(env['PORT']);
    const bound = { host: '127.0.0.1', port, reusePort: true };
    const sockets = [new BoundSocket(bound), new BoundSocket(bound)];
    const url = `http://127.0.0.1:${port}`;
    const first = startWith(sockets, 'public:public', env);
    const firstSaid = said(first);
    try {
      await isUp(firstSaid);
      for (let index = 0; index < 10; index++)
        assert.equal(await (await fetch(`${url}/a`, { headers: { connection: 'close' } })).text(), 'app at /a');
      assert.equal(await endProcess(first, 'SIGTERM'), 0);
      assert.deepEqual(processesOf(env['RAMPART_DATA_DIR'] as string), []);
      const waiting = fetch(`${url}/waited`);
      const second = startWith(sockets, 'public:public', env);
      await isUp(said(second));
      assert.equal(await (await waiting).text(), 'app at /waited');
      assert.equal(await endProcess(second, 'SIGTERM'), 0);
    } finally {
      first.kill('SIGKILL');
      for (const socket of sockets) socket.close();
      rmSync(env['RAMPART_DATA_DIR'] as string, { recursive: true, force: true });
    }
  });

  test('that no worker would accept on, or that no setting opens, stop the start', async () => {
    const env = await settings();
    const bound = { host: '127.0.0.1', port: await freePorts(1), reusePort: true };
    const sockets = [0, 1, 2].map(() => new BoundSocket(bound));
    try {
      const child = startWith(sockets, 'public:public:public', env);
      const text = said(child);
      assert.equal(await new Promise((resolve) => void child.on('close', resolve)), 2);
      assert.match(
        text(),
        /^rampart: Cannot use the sockets of the service manager:\n {2}- GATEWAY_WORKERS must be at least/,
      );
    } finally {
      for (const socket of sockets) socket.close();
      rmSync(env['RAMPART_DATA_DIR'] as string, { recursive: true, force: true });
    }
  });

  const activate = '/usr/bin/systemd-socket-activate';
  const options = existsSync(activate) ? {} : { skip: `${activate} is not installed` };
  test('systemd-socket-activate starts it, and the connection that woke it up gets its reply', options, async () => {
    const env = await settings();
    const child = spawn(
      activate,
      [
        '--fdname=public',
        '-l',
        `127.0.0.1:${env['PORT']}`,
        ...Object.entries(env).map(([name, value]) => `--setenv=${name}=${value}`),
        process.execPath,
        rampartEntry,
        'start',
      ],
      { cwd: folder, env: { PATH: process.env['PATH'] }, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    const text = said(child);
    try {
      await eventually('it listens', () => text().includes('Listening on'), 10_000);
      assert.equal(await (await fetch(`http://127.0.0.1:${env['PORT']}/first`)).text(), 'app at /first');
      await isUp(text);
    } finally {
      assert.equal(await endProcess(child, 'SIGTERM'), 0, text());
      rmSync(env['RAMPART_DATA_DIR'] as string, { recursive: true, force: true });
    }
  });
});

describe('messages to a service manager', () => {
  const notify = '/usr/bin/systemd-notify';
  const options = existsSync(notify) ? {} : { skip: `${notify} is not installed` };
  /** Node has no datagram sockets of the file system; Perl is part of every Debian. */
  const receiver = `use Socket; $| = 1; socket(S, PF_UNIX, SOCK_DGRAM, 0) or die; bind(S, pack_sockaddr_un($ARGV[0])) or die $!;
    print "receiving\\n"; while (defined(recv(S, $m, 65536, 0))) { print "$m\\n" if length $m }`;

  test('READY=1 when all is up, WATCHDOG=1 only while control answers, STOPPING=1 at the end', options, async () => {
    const socket = join(folder, 'notify');
    const perl = spawn('perl', ['-e', receiver, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
    const received = said(perl);
    await eventually('it receives', () => received().includes('receiving'), 5000);
    const env = await settings({ NOTIFY_SOCKET: socket, WATCHDOG_USEC: '400000' });
    const child = spawn(process.execPath, [rampartEntry, 'start'], {
      cwd: folder,
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const text = said(child);
    const fed = (): number => received().split('WATCHDOG=1').length - 1;
    try {
      await eventually('READY=1', () => received().includes('READY=1'), 30_000);
      assert.ok(text().includes('Ctrl-C stops everything') || !received().includes('STOPPING'));
      await eventually('the watchdog is fed', () => fed() > 2, 10_000);
      const status = (await (await fetch(`http://127.0.0.1:${env['ADMIN_PORT']}/api/status`)).json()) as {
        control: { pid: number };
      };
      const before = fed();
      process.kill(status.control.pid, 'SIGSTOP');
      try {
        await eventually(
          'it is said',
          () => text().includes('no sign of life, because control does not answer'),
          20_000,
        );
        // Those that were under way; a watchdog that asks nobody is fed 25 times in the five seconds of the question.
        assert.ok(fed() - before <= 8, `${fed() - before}`);
      } finally {
        process.kill(status.control.pid, 'SIGCONT');
      }
      const stopped = fed();
      await eventually('the watchdog is fed again', () => fed() > stopped + 1, 20_000);
      assert.doesNotMatch(received(), /STOPPING=1/);
    } finally {
      assert.equal(await endProcess(child, 'SIGTERM'), 0, text());
      await eventually('STOPPING=1', () => received().includes('STOPPING=1'), 5000);
      perl.kill();
      rmSync(env['RAMPART_DATA_DIR'] as string, { recursive: true, force: true });
    }
  });
});
