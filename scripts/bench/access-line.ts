// npm run bench -- access-log: what one line of the access log costs a worker: the line alone, and with its write to a file.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AddressSet } from '../../src/core/addresses.ts';
import { systemClock } from '../../src/core/clock.ts';
import { LineFile } from '../../src/core/line-file.ts';
import { parseConfigFile } from '../../src/config/file.ts';
import { buildConfig } from '../../src/config/config.ts';
import { parseEnvironment } from '../../src/config/environment.ts';
import { AccessLog, accessLogCounts, type LineSink } from '../../src/gateway/access-log/access-log.ts';
import { Exchange } from '../../src/gateway/exchange.ts';
import { readHead, type RequestHead } from '../../src/gateway/http/request-head.ts';
import { GatewayMetrics } from '../../src/gateway/metrics.ts';
import { median } from '../../src/lab/statistics/quantile.ts';
import { MemoryClient } from '../../test/support/memory-client.ts';
import { Registry } from '../../src/metrics/instruments.ts';

const LINES = 50_000;
const ROUNDS = 9;

const browser = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36';
const headerLines = ['host', 'shop.example', 'user-agent', browser, 'accept', '*/*', 'cookie', 'sid=1'];
const traceparent = `00-${'4b'.repeat(16)}-${'c7'.repeat(8)}-01`;

export interface LineCost {
  readonly name: string;
  readonly microseconds: number;
}

export async function benchAccessLine(): Promise<LineCost[]> {
  const folder = mkdtempSync(join(tmpdir(), 'rampart-bench-'));
  const file = LineFile.open({ target: join(folder, 'access.log'), clock: systemClock });
  try {
    return [
      { name: 'the line', microseconds: await measure({ write() {} }) },
      { name: 'the line and its write to a file', microseconds: await measure(file) },
      { name: 'a request that sampling leaves out', microseconds: await measure({ write() {} }, 0) },
    ];
  } finally {
    await file.close();
    rmSync(folder, { recursive: true });
  }
}

/** Processor microseconds of a line, of all threads of this process. */
async function measure(sink: LineSink, sampleRate = 1): Promise<number> {
  const routes = [{ endpoint: 'products', path: '/products/*', upstream: 'shop', authenticate: false }];
  const { file } = parseConfigFile(
    { upstreams: { shop: { backends: ['http://127.0.0.1:1'] } }, routes, accessLog: { sampleRate } },
    '',
  );
  const config = buildConfig(parseEnvironment({}).values, file, '/', new Set());
  const registry = new Registry();
  const counts = accessLogCounts(registry);
  const trustedProxies = new AddressSet([]);
  const log = new AccessLog({ config, sink, counts, trustedProxies, clock: systemClock, random: Math.random });
  const unmatched = new GatewayMetrics(registry).endpoint('unmatched');
  const gateway = { unmatched, trustedProxies, viaName: '', serverTiming: false, ended() {} };
  const samples: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const requests = Array.from({ length: 1000 }, (_, index) => requestOf(index, gateway, config.routes[0]));
    const before = process.cpuUsage();
    for (let index = 0; index < LINES; index++) {
      log.write(requests[index % 1000] as Exchange, 200, 12.345 + index / 1000);
      // About 5,000 lines a second are written between two turns of an event loop that is busy with requests.
      if (index % 20 === 0) await new Promise((resolve) => void setImmediate(resolve));
    }
    const { user, system } = process.cpuUsage(before);
    samples.push((user + system) / LINES);
  }
  return median(samples) - (await emptyTurns());
}

/** What the turns of the event loop cost by themselves, for each line. */
export async function emptyTurns(): Promise<number> {
  const before = process.cpuUsage();
  for (let index = 0; index < LINES; index += 20) await new Promise((resolve) => void setImmediate(resolve));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / LINES;
}

export function requestOf(
  index: number,
  gateway: ConstructorParameters<typeof Exchange>[2],
  route: Exchange['route'],
): Exchange {
  const client = new MemoryClient({ target: `/products/${index}?session=s3cret&page=2`, headerLines, version: '1.1' });
  const x = new Exchange(client, 0, gateway);
  x.head = readHead(client) as RequestHead;
  return Object.assign(x, {
    route,
    id: index.toString(16).padStart(32, '0'),
    traceparent,
    upstream: 'shop',
    backend: 'shop-1',
    attempts: 1,
    queueMs: 0.12,
    execMs: 11.9,
    execPhase: 'upstream',
    key: { id: `key-${index}`, name: 'shop' },
  });
}

export function accessLineTable(costs: readonly LineCost[]): string {
  const rows = costs.map(({ name, microseconds }) => `| ${name} | ${microseconds.toFixed(2)} |`);
  return ['| access log | µs of processor |', '|---|---|', ...rows].join('\n');
}
