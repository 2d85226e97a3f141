import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePorts } from '../../../src/core/free-ports.ts';
import { listening } from '../subjects.ts';

/** A gateway under measurement. */
export interface Gateway {
  readonly name: string;
  readonly origin: string;
  /** Of its own API; only Rampart has one. */
  readonly key?: string;
  stop(): Promise<void>;
}

export interface Behind {
  readonly backendPorts: readonly number[];
  /** Requests in flight at one backend. */
  readonly cap: number;
  /** Longest wait in the queue, where it is set: Rampart then lets in whoever waits no longer. A second for HAProxy if not. */
  readonly queueTimeoutMs?: number;
}

/** Free ports in a row. */
export async function portsFor(count: number): Promise<number[]> {
  const first = await freePorts(count, Math.random);
  return Array.from({ length: count }, (_, index) => first + index);
}

const STOP_LIMIT_MS = 10_000;
const START_LIMIT_MS = 60_000;

/** Ends a child and waits for it; kills one that does not end. */
export function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    const limit = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
    child.once('exit', () => {
      clearTimeout(limit);
      resolve();
    });
    child.kill('SIGTERM');
  });
}

/** `rampart start` with one route for everything; without backends, with its own generators. */
export async function startRampart(
  behind: Behind | undefined,
  settings: Readonly<Record<string, string | number>> = {},
): Promise<Gateway> {
  const folder = mkdtempSync(join(tmpdir(), 'rampart-strangers-'));
  chmodSync(folder, 0o755);
  const [port = 0, adminPort = 0, generatorPort = 0] = await portsFor(2 + Number(settings['GENERATOR_INSTANCES'] ?? 1));
  const config =
    behind === undefined
      ? {}
      : {
          upstreams: {
            app: {
              backends: behind.backendPorts.map((backend) => `http://127.0.0.1:${backend}`),
              cap: behind.cap,
              queueTimeoutMs: behind.queueTimeoutMs,
            },
          },
          routes: [{ endpoint: 'app', path: '/app/*', upstream: 'app', authenticate: false }],
        };
  writeFileSync(join(folder, 'rampart.config.ts'), `export default ${JSON.stringify(config)};`);
  const all = {
    PORT: port,
    ADMIN_PORT: adminPort,
    GENERATOR_PORT: generatorPort,
    GENERATOR_INSTANCES: 1,
    GATEWAY_WORKERS: 2,
    RAMPART_DATA_DIR: join(folder, 'data'),
    RAMPART_CONFIG: join(folder, 'rampart.config.ts'),
    ...settings,
  };
  const env = {
    ...process.env,
    ...Object.fromEntries(Object.entries(all).map(([name, value]) => [name, String(value)])),
  };
  const main = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url));
  const child = spawn(process.execPath, [main, 'start'], { env, cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
  const key = await firstKey(child);
  const stop = async (): Promise<void> => {
    await end(child);
    rmSync(folder, { recursive: true, force: true });
  };
  return { name: 'Rampart', origin: `http://127.0.0.1:${port}`, key, stop };
}

function firstKey(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    const limit = setTimeout(() => reject(new Error(`rampart did not start: ${said}`)), START_LIMIT_MS);
    child.stdout?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      const found = /rk_[\w-]{20,}/.exec(said)?.[0];
      if (found === undefined) return;
      clearTimeout(limit);
      resolve(found);
    });
    child.once('exit', (code) => reject(new Error(`rampart ended with ${code}: ${said}`)));
  });
}

export const haproxyBinary = '/usr/sbin/haproxy';

/** HAProxy with the same caps. */
export async function startHaproxy({ backendPorts, cap, queueTimeoutMs = 1000 }: Behind): Promise<Gateway> {
  const folder = mkdtempSync(join(tmpdir(), 'rampart-strangers-'));
  const [port = 0] = await portsFor(1);
  const config = `global
  nbthread 2
  maxconn 8000
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 60s
  timeout queue ${queueTimeoutMs}ms
  http-reuse always
frontend f
  bind 127.0.0.1:${port}
  default_backend b
backend b
  balance leastconn
${backendPorts.map((backend, index) => `  server s${index} 127.0.0.1:${backend} maxconn ${cap}`).join('\n')}
`;
  const file = join(folder, 'config');
  writeFileSync(file, config);
  const child = spawn(haproxyBinary, ['-f', file], { stdio: ['ignore', 'ignore', 'inherit'] });
  await listening(port, child);
  const stop = async (): Promise<void> => {
    await end(child);
    rmSync(folder, { recursive: true, force: true });
  };
  return { name: 'HAProxy', origin: `http://127.0.0.1:${port}`, stop };
}
