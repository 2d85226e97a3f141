// npm run bench -- tls: processor time of a request over TLS and HTTP/2 beside plain HTTP/1.1, and with the access log.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rampartEntry } from '../../test/support/stack.ts';
import { selfSigned } from '../../test/support/certificates.ts';
import { processorSeconds } from './processor-time.ts';
import { type ProxyCost, summary } from './proxy.ts';
import { listening, startBackend } from './subjects.ts';

const firstPort = 18_860;
const requestsPerRound = 20_000;
const warmUpRequests = 10_000;
const rounds = 5;

/** How h2load asks. */
interface Way {
  readonly name: string;
  readonly pid: number;
  readonly url: string;
  readonly args: readonly string[];
}

/** A GET with a reply of 1 KiB over 32 kept connections, in turns. Needs h2load. */
export async function benchTls(): Promise<ProxyCost[]> {
  const folder = mkdtempSync(join(tmpdir(), 'rampart-bench-tls-'));
  const backend = await startBackend(firstPort);
  const plain = await startTlsWorker(folder, firstPort, firstPort + 1);
  const logging = await startTlsWorker(folder, firstPort, firstPort + 3, { ACCESS_LOG: join(folder, 'access.log') });
  const at = (port: number): string => `http://127.0.0.1:${port}/bench`;
  const secure = `https://127.0.0.1:${plain.tlsPort}/bench`;
  const ways: Way[] = [
    { name: 'HTTP/1.1', pid: plain.pid, url: at(plain.port), args: ['--h1', '-c', '32'] },
    { name: 'HTTP/1.1 with the access log', pid: logging.pid, url: at(logging.port), args: ['--h1', '-c', '32'] },
    { name: 'HTTP/1.1 over TLS', pid: plain.pid, url: secure, args: ['--h1', '-c', '32'] },
    { name: 'HTTP/2, 32 connections', pid: plain.pid, url: secure, args: ['-c', '32', '-m', '1'] },
    { name: 'HTTP/2, 4 connections with 8 streams', pid: plain.pid, url: secure, args: ['-c', '4', '-m', '8'] },
  ];
  try {
    for (const way of ways) measure(way, warmUpRequests);
    const samples = ways.map((): number[] => []);
    for (let round = 0; round < rounds; round++)
      for (const [index, way] of ways.entries()) samples[index]?.push(measure(way, requestsPerRound));
    return ways.map(({ name }, index) => summary(name, samples[index] ?? []));
  } finally {
    for (const { stop } of [plain, logging, backend]) stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Processor microseconds of the worker for a request. */
function measure({ name, pid, url, args }: Way, requests: number): number {
  const before = processorSeconds([pid]);
  const { stdout, error } = spawnSync('h2load', ['-n', String(requests), ...args, url], { encoding: 'utf8' });
  if (error !== undefined) throw new Error('The benchmark needs h2load: apt-get install nghttp2-client');
  if (!stdout.includes(`status codes: ${requests} 2xx`)) throw new Error(`${name} failed requests: ${stdout}`);
  return ((processorSeconds([pid]) - before) * 1e6) / requests;
}

export interface TlsWorker {
  readonly pid: number;
  readonly port: number;
  readonly tlsPort: number;
  stop(): void;
}

/** One worker as people start it, in front of a backend, with TLS and HTTP/2 on the port after `port`. */
export async function startTlsWorker(
  folder: string,
  backendPort: number,
  port: number,
  more: Record<string, string> = {},
): Promise<TlsWorker> {
  const own = mkdtempSync(join(folder, 'worker-'));
  const { cert, key } = selfSigned('IP:127.0.0.1');
  const files = { TLS_CERT_FILE: join(own, 'cert.pem'), TLS_KEY_FILE: join(own, 'key.pem') };
  writeFileSync(files.TLS_CERT_FILE, cert);
  writeFileSync(files.TLS_KEY_FILE, key);
  const upstreams = `{ bench: { backends: ['http://127.0.0.1:${backendPort}'], cap: 64 } }`;
  const routes = `[{ endpoint: 'bench', path: '/*', upstream: 'bench', authenticate: false }]`;
  writeFileSync(join(own, 'rampart.config.mjs'), `export default { upstreams: ${upstreams}, routes: ${routes} };\n`);
  const env = {
    PATH: process.env['PATH'],
    GENERATOR_INSTANCES: '0',
    GATEWAY_WORKERS: '1',
    RAMPART_DATA_DIR: own,
    RAMPART_CONFIG: join(own, 'rampart.config.mjs'),
    PORT: String(port),
    TLS_PORT: String(port + 1),
    HTTP2: 'on',
    LOG_LEVEL: 'silent',
    ...files,
    ...more,
  };
  const child = spawn(process.execPath, [rampartEntry, 'gateway'], { env, cwd: own, stdio: 'inherit' });
  await listening(port + 1, child);
  return { pid: child.pid as number, port, tlsPort: port + 1, stop: () => void child.kill('SIGKILL') };
}

/** The costs beside those of plain HTTP/1.1, which come first. */
export function tlsTable(costs: readonly ProxyCost[]): string {
  const plain = costs[0]?.microseconds ?? 0;
  const rows = costs.map(({ name, microseconds, least, most }) => {
    const figures = [microseconds, least, most].map((value) => value.toFixed(0)).join(' | ');
    return `| ${name} | ${figures} | ${(microseconds / plain).toFixed(2)} |`;
  });
  return ['| | µs | least | most | × HTTP/1.1 |', '|---|---:|---:|---:|---:|', ...rows].join('\n');
}
