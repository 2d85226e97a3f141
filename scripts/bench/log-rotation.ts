import { spawn } from 'node:child_process';
import { createReadStream, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createInterface } from 'node:readline';
import { startReloadHost } from '../../test/support/reload-host.ts';
import { startBackend } from './subjects.ts';

const backendPort = 18_880;
const ROTATIONS = 100;
/** A worker looks once a second whether its log has moved. */
const ROTATE_EVERY_MS = 1100;
const CONNECTIONS = 4;
/** Lines of one turn are written together after 200 ms at the latest. */
const LAST_LINES_AFTER_MS = 2000;

/** The access log of two workers is rotated a hundred times while h2load sends as fast as four connections can. */
export async function benchLogRotation(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'rampart-bench-rotation-'));
  const path = join(folder, 'access.log');
  const backend = await startBackend(backendPort);
  const host = await startReloadHost(
    () => ({
      upstreams: { bench: { backends: [`http://127.0.0.1:${backendPort}`], cap: 64 } },
      routes: [{ endpoint: 'bench', path: '/bench', upstream: 'bench', authenticate: false }],
    }),
    { instances: 1, env: { ACCESS_LOG: path, GATEWAY_WORKERS: '2' } },
  );
  try {
    const load = startLoad(`${host.stack.url}/bench`, (ROTATIONS * ROTATE_EVERY_MS) / 1000 + 2);
    for (let index = 0; index < ROTATIONS; index++) {
      await pause(ROTATE_EVERY_MS);
      renameSync(path, `${path}.${index}`);
    }
    const { requests, perSecond } = await load;
    await pause(LAST_LINES_AFTER_MS);
    const { lines, broken } = await countLines(folder);
    return `${ROTATIONS} rotations of the access log of two workers at ${perSecond} requests/s: ${requests} requests, ${lines} lines, ${broken} of them no valid JSON. h2load ends with one request on each of its ${CONNECTIONS} connections, which it does not count.`;
  } finally {
    await host.stop();
    backend.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Requests of h2load in so many seconds; each of them must be a 200. */
function startLoad(url: string, seconds: number): Promise<{ requests: number; perSecond: number }> {
  const args = ['--h1', '-c', String(CONNECTIONS), '-D', seconds.toFixed(0), url];
  const child = spawn('h2load', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once('error', () => reject(new Error('The benchmark needs h2load: apt-get install nghttp2-client')));
    child.once('close', () => {
      const [, done, failed] = /(\d+) done, \d+ succeeded, (\d+) failed/.exec(said) ?? [];
      const perSecond = /, ([\d.]+) req\/s/.exec(said)?.[1];
      if (done === undefined || failed !== '0' || !said.includes(`status codes: ${done} 2xx`)) reject(new Error(said));
      else resolve({ requests: Number(done), perSecond: Math.round(Number(perSecond)) });
    });
  });
}

async function countLines(folder: string): Promise<{ lines: number; broken: number }> {
  let [lines, broken] = [0, 0];
  for (const name of readdirSync(folder)) {
    for await (const line of createInterface({ input: createReadStream(join(folder, name)) })) {
      lines++;
      if (!isRequestLine(line)) broken++;
    }
  }
  return { lines, broken };
}

function isRequestLine(line: string): boolean {
  try {
    const { 'url.path': path } = JSON.parse(line) as Record<string, unknown>;
    return path === '/bench';
  } catch {
    return false;
  }
}
