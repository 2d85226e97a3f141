import { createHash } from 'node:crypto';
import { realpathSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { z } from 'zod';
import { codeOf, UsageError } from '../core/errors.ts';

/** The answer of a running instance to a second start. */
export interface InstanceInfo {
  readonly pid: number;
  readonly url: string;
  readonly adminUrl: string;
}

export interface InstanceLock {
  release(): void;
}

/**
 * One supervisor per data directory. On Linux the lock is an abstract socket: the kernel frees it with its process,
 * so there is nothing stale to tell from something alive. Elsewhere it is a socket file that nobody answers when stale.
 */
export async function acquireInstanceLock(
  dataDir: string,
  runFolder: string,
  info: InstanceInfo,
): Promise<InstanceLock> {
  const path = lockPath(dataDir, runFolder);
  for (let tries = 0; ; tries++) {
    const server = await tryListen(path, info);
    if (server !== undefined) return { release: () => server.close() };
    const running = await askRunning(path);
    if (running !== undefined) {
      throw new UsageError(
        `Cannot start, as Rampart is running already for ${dataDir}: process ${running.pid} serves ${running.url} (admin ${running.adminUrl}). Stop it first, or set another RAMPART_DATA_DIR`,
      );
    }
    if (tries >= 10)
      throw new UsageError(`Cannot start, as the lock of ${dataDir} is held by a process that does not answer`);
    if (!path.startsWith('\0')) rmSync(path, { force: true });
  }
}

function lockPath(dataDir: string, runFolder: string): string {
  if (process.platform !== 'linux') return join(runFolder, 'supervisor.sock');
  const digest = createHash('sha256').update(realpathSync(dataDir)).digest('hex').slice(0, 32);
  return `\0rampart-supervisor-${digest}`;
}

function tryListen(path: string, info: InstanceInfo): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.end(JSON.stringify(info));
    });
    server.unref();
    server.once('error', (error) => (codeOf(error) === 'EADDRINUSE' ? resolve(undefined) : reject(error)));
    server.listen(path, () => resolve(server));
  });
}

const ANSWER_LIMIT_MS = 1000;

function askRunning(path: string): Promise<InstanceInfo | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    let text = '';
    socket.setEncoding('utf8').setTimeout(ANSWER_LIMIT_MS, () => socket.destroy());
    socket.on('data', (chunk: string) => (text += chunk));
    socket.on('error', () => resolve(undefined));
    socket.on('close', () => resolve(parseInfo(text)));
  });
}

const instanceInfo = z.object({ pid: z.int(), url: z.string(), adminUrl: z.string() });

/** Undefined for what another program says that holds the name. */
function parseInfo(text: string): InstanceInfo | undefined {
  try {
    return instanceInfo.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
