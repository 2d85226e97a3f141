import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endProcess, freePorts } from './stack.ts';
import { eventually } from './raw.ts';

/** One program under two names. The package redis-server would start a daemon. */
const PROGRAM = '/usr/bin/redis-check-rdb';

/** False, or why tests with a real server are skipped. */
export const withoutValkey: string | false = existsSync(PROGRAM) ? false : 'redis-tools is not installed';

/** A real redis-server on a port and in a folder of its own, without persistence. */
export interface TestValkey {
  readonly port: number;
  readonly url: string;
  child: ChildProcess;
  /** Starts it again on the same port, empty, with another run_id. */
  start(): Promise<void>;
  kill(): Promise<void>;
  /** Sends a command in the inline form over a connection of its own, and returns the answer as it is on the wire. */
  say(command: string): Promise<string>;
  close(): Promise<void>;
}

/** `options`: of redis-server, such as `--requirepass`. */
export async function startValkey(...options: readonly string[]): Promise<TestValkey> {
  const port = await freePorts(1);
  const folder = mkdtempSync(join(tmpdir(), 'rampart-valkey-'));
  const at = join(folder, 'socket');
  const args = [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--dir',
    folder,
    '--unixsocket',
    at,
    '--save',
    '',
    ...options,
  ];
  const launch = async (): Promise<ChildProcess> => {
    const child = spawn(PROGRAM, args, { argv0: 'redis-server', stdio: ['ignore', 'ignore', 'inherit'] });
    await eventually('redis-server answers', async () => (await say(port, 'PING').catch(() => '')) !== '');
    return child;
  };
  const valkey: TestValkey = {
    port,
    url: `redis://127.0.0.1:${port}`,
    child: await launch(),
    start: async () => {
      valkey.child = await launch();
    },
    kill: async () => void (await endProcess(valkey.child, 'SIGKILL')),
    say: (command) => say(port, command),
    close: async () => {
      await endProcess(valkey.child, 'SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return valkey;
}

/** A real sentinel with the password `sentinel`, which knows a server of the password `pw` as `main`. */
export async function startSentinel(known: TestValkey): Promise<Pick<TestValkey, 'port' | 'say' | 'close'>> {
  const port = await freePorts(1);
  const folder = mkdtempSync(join(tmpdir(), 'rampart-sentinel-'));
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${folder}`,
    'requirepass sentinel',
    `sentinel monitor main 127.0.0.1 ${known.port} 1`,
    'sentinel auth-pass main pw',
    'sentinel down-after-milliseconds main 500',
  ];
  writeFileSync(join(folder, 'sentinel.conf'), `${lines.join('\n')}\n`);
  const child = spawn(PROGRAM, [join(folder, 'sentinel.conf')], { argv0: 'redis-sentinel', stdio: 'ignore' });
  await eventually('redis-sentinel answers', async () => (await say(port, 'PING').catch(() => '')) !== '');
  return {
    port,
    say: (command) => say(port, `AUTH sentinel\r\n${command}`),
    close: async () => {
      await endProcess(child, 'SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function say(port: number, command: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    socket.end(`${command}\r\n`);
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    return text;
  } finally {
    socket.destroy();
  }
}
