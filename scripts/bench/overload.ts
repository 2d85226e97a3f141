// npm run bench:overload: the same work offered to Rampart, HAProxy, nginx and http-proxy, from half of its capacity to ten
// times it. With --write the table goes into docs/overload.md.
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/core/clock.ts';
import { seededRandom } from '../../src/core/random.ts';
import { arrivalTimes } from '../../src/lab/load/arrivals.ts';
import { runOpenLoop } from '../../src/lab/load/open-loop.ts';
import type { Requests } from '../../src/lab/load/requests.ts';
import { quantile } from '../../src/lab/statistics/quantile.ts';
import { ensurePrograms } from '../test-tools.ts';
import { listening, nginxBinary } from './subjects.ts';
import { writeTable } from '../write-table.ts';

const BACKENDS = 6;
const SLOTS = 4;
const SERVICE_MS = 55;
const CAPACITY = (BACKENDS * SLOTS * 1000) / SERVICE_MS;
const LOADS = [0.5, 0.9, 1.1, 1.5, 2, 4, 10];
const WARM_UP_MS = 3000;
const MEASURED_MS = 10_000;
const FIRST_PORT = 18_900;
const BACKEND_PORT = FIRST_PORT + 20;
const haproxyBinary = '/usr/sbin/haproxy';

interface Gateway {
  readonly name: string;
  readonly port: number;
  /** Loads beyond this are not offered: what piles up would outlast the run. */
  readonly maxLoad: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly path: string;
  stop(): Promise<void>;
}

interface Row {
  readonly name: string;
  readonly load: number;
  readonly goodput: number;
  readonly refused: number;
  readonly failed: number;
  readonly p50: number;
  readonly p99: number;
  readonly refusalP50: number;
}

function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}

const backendPorts = Array.from({ length: BACKENDS }, (_, index) => BACKEND_PORT + index);
const local = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

async function startRampart(): Promise<Gateway> {
  const folder = mkdtempSync(join(tmpdir(), 'rampart-overload-'));
  chmodSync(folder, 0o755);
  const config = {
    upstreams: {
      work: { backends: backendPorts.map((port) => `http://127.0.0.1:${port}`), cap: SLOTS, healthPath: '/healthz' },
    },
    routes: [{ endpoint: 'work', path: '/generate', methods: ['POST'], upstream: 'work', pure: true }],
  };
  writeFileSync(join(folder, 'rampart.config.ts'), `export default ${JSON.stringify(config)};`);
  const port = FIRST_PORT + 4;
  const settings = {
    PORT: port,
    ADMIN_PORT: port + 1,
    GENERATOR_PORT: port + 2,
    GENERATOR_INSTANCES: 1,
    GATEWAY_WORKERS: 2,
    RAMPART_DATA_DIR: join(folder, 'data'),
    RAMPART_CONFIG: join(folder, 'rampart.config.ts'),
  };
  const env = {
    ...process.env,
    ...Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, String(value)])),
  };
  const child = spawn(process.execPath, [local('../../src/cli/main.ts'), 'start'], {
    env,
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const key = await new Promise<string>((resolve, reject) => {
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      const found = /rk_[\w-]{20,}/.exec(said)?.[0];
      if (found !== undefined) resolve(found);
    });
    child.once('exit', (code) => reject(new Error(`rampart ended with ${code}: ${said}`)));
  });
  await new Promise((resolve) => setTimeout(resolve, 2000));
  const stop = async (): Promise<void> => {
    await end(child);
    rmSync(folder, { recursive: true, force: true });
  };
  return { name: 'Rampart', port, maxLoad: 10, headers: { authorization: `Bearer ${key}` }, path: '/generate', stop };
}

async function startHaproxy(): Promise<Gateway> {
  const port = FIRST_PORT + 1;
  const servers = backendPorts.map((backend, index) => `  server s${index} 127.0.0.1:${backend} maxconn ${SLOTS}`);
  const config = [
    'global',
    '  nbthread 2',
    '  maxconn 8000',
    'defaults',
    '  mode http',
    '  timeout connect 1s',
    '  timeout client 60s',
    '  timeout server 60s',
    '  timeout queue 200ms',
    '  http-reuse always',
    'frontend f',
    `  bind 127.0.0.1:${port}`,
    '  default_backend b',
    'backend b',
    '  balance leastconn',
    ...servers,
    '',
  ];
  return startWith('HAProxy', port, haproxyBinary, (file) => ['-f', file], config.join('\n'));
}

async function startNginx(): Promise<Gateway> {
  const port = FIRST_PORT + 2;
  const servers = backendPorts
    .map((backend) => `server 127.0.0.1:${backend} max_conns=${SLOTS} max_fails=0;`)
    .join(' ');
  const config = `daemon off; worker_processes 2; worker_rlimit_nofile 20000; pid PREFIX/pid; error_log PREFIX/error.log crit;
    ${process.getuid?.() === 0 ? 'user root;' : ''}
    events { worker_connections 8192; }
    http { access_log off; keepalive_requests 1000000000; client_body_temp_path PREFIX/b; proxy_temp_path PREFIX/p;
      fastcgi_temp_path PREFIX/f; uwsgi_temp_path PREFIX/u; scgi_temp_path PREFIX/s;
      upstream work { zone work 256k; least_conn; ${servers} keepalive 32; }
      server { listen 127.0.0.1:${port}; location / { proxy_pass http://work; proxy_http_version 1.1;
        proxy_set_header Connection ""; proxy_next_upstream off; error_page 502 =503 /full; }
        location = /full { internal; return 503; } } }`;
  return startWith(
    'nginx',
    port,
    nginxBinary,
    (file, folder) => ['-p', folder, '-c', file, '-e', join(folder, 'error.log')],
    config,
  );
}

async function startWith(
  name: string,
  port: number,
  binary: string,
  args: (file: string, folder: string) => string[],
  config: string,
): Promise<Gateway> {
  const folder = mkdtempSync(join(tmpdir(), 'rampart-overload-'));
  const file = join(folder, 'config');
  writeFileSync(file, config.replaceAll('PREFIX', folder));
  const child = spawn(binary, args(file, folder), { stdio: ['ignore', 'ignore', 'inherit'] });
  await listening(port, child);
  const stop = async (): Promise<void> => {
    await end(child);
    rmSync(folder, { recursive: true, force: true });
  };
  return { name, port, maxLoad: 10, headers: {}, path: '/generate', stop };
}

async function startHttpProxy(): Promise<Gateway> {
  const port = FIRST_PORT + 3;
  const args = [local('subjects/http-proxy-round-robin.ts'), port, BACKEND_PORT, BACKENDS].map(String);
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  await listening(port, child);
  return { name: 'http-proxy', port, maxLoad: 2, headers: {}, path: '/generate', stop: () => end(child) };
}

const body = JSON.stringify({ symbology: 'qrcode', text: 'overload' });

async function offer(gateway: Gateway, load: number): Promise<Row> {
  const arrivals = arrivalTimes(
    'poisson',
    CAPACITY * load,
    WARM_UP_MS + MEASURED_MS,
    seededRandom(Math.round(load * 10)),
  );
  const mix = {
    endpoints: [{ endpoint: 'work', weight: 1, method: 'POST', path: gateway.path, body }],
    headers: { 'content-type': 'application/json', ...gateway.headers },
    rows: [],
    seed: 1,
  } as const;
  const { requests } = await runOpenLoop(
    { origin: `http://127.0.0.1:${gateway.port}`, mix, firstNumber: 0, timeoutMs: 60_000 },
    { kind: 'open', arrivals, durationMs: WARM_UP_MS + MEASURED_MS, maxInFlight: 15_000 },
    systemClock,
  );
  return { name: gateway.name, load, ...summary(requests) };
}

function summary(requests: Requests): Omit<Row, 'name' | 'load'> {
  const admitted: number[] = [];
  const refusals: number[] = [];
  let failed = 0;
  let served = 0;
  let measured = 0;
  for (let index = 0; index < requests.count; index++) {
    const at = requests.intendedMs(index);
    const latency = requests.latencyMs(index);
    const outcome = requests.outcome(index);
    // Work counts when it is done within the time, whenever it came.
    const endedAt = at + latency;
    if (outcome === '2xx' && endedAt >= WARM_UP_MS && endedAt < WARM_UP_MS + MEASURED_MS) served++;
    if (at < WARM_UP_MS) continue;
    measured++;
    if (outcome === '2xx') admitted.push(latency);
    else if (outcome === 'refused') refusals.push(latency);
    else failed++;
  }
  return {
    goodput: served / ((CAPACITY * MEASURED_MS) / 1000),
    refused: refusals.length / measured,
    failed: failed / measured,
    p50: quantile(admitted, 0.5),
    p99: quantile(admitted, 0.99),
    refusalP50: quantile(refusals, 0.5),
  };
}

function table(rows: readonly Row[]): string {
  const cell = (value: number, digits: number, unit: string): string =>
    Number.isNaN(value) ? '–' : `${value.toFixed(digits)}${unit}`;
  const lines = rows.map(({ name, load, goodput, refused, failed, p50, p99, refusalP50 }) =>
    [
      '',
      `${load}×`,
      name,
      cell(goodput * 100, 1, ' %'),
      cell(refused * 100, 2, ' %'),
      cell(failed * 100, 2, ' %'),
      cell(p50, 0, ' ms'),
      cell(p99, 0, ' ms'),
      cell(refusalP50, 1, ' ms'),
      '',
    ]
      .join(' | ')
      .trim(),
  );
  const head =
    '| offered | gateway | goodput, of capacity | refused | failed | admitted p50 | admitted p99 | refusal p50 |';
  return [head, '|---:|---|---:|---:|---:|---:|---:|---:|', ...lines].join('\n');
}

async function main(): Promise<void> {
  ensurePrograms([
    { program: haproxyBinary, debianPackage: 'haproxy' },
    { program: nginxBinary, debianPackage: 'nginx-light' },
  ]);
  const only = process.argv.find((argument) => argument.startsWith('--only='))?.slice('--only='.length);
  const loads = process.argv.find((argument) => argument.startsWith('--loads='))?.slice('--loads='.length);
  const args = [local('subjects/calibrated-backends.ts'), BACKEND_PORT, BACKENDS, SLOTS, SERVICE_MS].map(String);
  const backends = spawn(process.execPath, args, { stdio: 'inherit' });
  const rows: Row[] = [];
  try {
    await listening(BACKEND_PORT + BACKENDS - 1, backends);
    for (const start of [startRampart, startHaproxy, startNginx, startHttpProxy]) {
      if (only !== undefined && start.name.toLowerCase() !== `start${only}`) continue;
      const gateway = await start();
      try {
        for (const load of loads?.split(',').map(Number) ?? LOADS) {
          if (load > gateway.maxLoad) continue;
          const row = await offer(gateway, load);
          rows.push(row);
          console.log(table([row]).split('\n')[2]);
        }
      } finally {
        await gateway.stop();
      }
    }
  } finally {
    await end(backends);
  }
  rows.sort((left, right) => left.load - right.load);
  console.log(`\n${table(rows)}`);
  if (process.argv.includes('--write')) writeTable('overload.md', 'table', table(rows));
}

await main();
