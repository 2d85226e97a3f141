// npm run bench -- traces: what the trace of a request costs a worker, with one attempt and its share of the messages to control.
import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { AddressSet } from '../../src/core/addresses.ts';
import { systemClock } from '../../src/core/clock.ts';
import { buildConfig } from '../../src/config/config.ts';
import { parseConfigFile } from '../../src/config/file.ts';
import { parseEnvironment } from '../../src/config/environment.ts';
import type { Config } from '../../src/config/model.ts';
import type { Exchange } from '../../src/gateway/exchange.ts';
import { GatewayMetrics } from '../../src/gateway/metrics.ts';
import { SpanOutbox } from '../../src/gateway/traces/span-outbox.ts';
import { Tracer } from '../../src/gateway/traces/tracer.ts';
import { median } from '../../src/lab/statistics/quantile.ts';
import { Counter, Registry } from '../../src/metrics/instruments.ts';
import { send } from '../../src/protocol/lines.ts';
import { emptyTurns, requestOf } from './access-line.ts';

const REQUESTS = 50_000;
const ROUNDS = 9;

const settings = [
  { name: 'no collector', env: undefined },
  { name: '10 % sampled', env: { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.1' } },
  { name: 'all sampled', env: { OTEL_TRACES_SAMPLER: 'always_on' } },
];

export async function benchTraces(): Promise<string> {
  // The rounds take turns, so that a machine whose speed drifts is unfair to none.
  const samples = settings.map((): number[] => []);
  const empty: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    empty.push(await emptyTurns());
    for (const [index, { env }] of settings.entries()) samples[index]?.push(await measure(env));
  }
  const rows = settings.map(
    ({ name }, index) => `| ${name} | ${(median(samples[index] ?? []) - median(empty)).toFixed(2)} |`,
  );
  return ['| traces | µs of processor for a request |', '|---|---|', ...rows].join('\n');
}

/** Processor microseconds of a request, of all threads of this process. */
async function measure(env: Record<string, string> | undefined): Promise<number> {
  const config = configOf(env ?? {});
  const unmatched = new GatewayMetrics(new Registry()).endpoint('unmatched');
  const gateway = { unmatched, trustedProxies: new AddressSet([]), viaName: '', serverTiming: false, ended() {} };
  const requests = Array.from({ length: 1000 }, (_, index) => requestOf(index, gateway, config.routes[0]));
  // Stands for control: a reader behind a socket of the same kind.
  const control = spawn('cat', { stdio: ['pipe', 'ignore', 'inherit'] });
  const socket = control.stdin as unknown as Socket;
  const outbox = new SpanOutbox({
    clock: systemClock,
    dropped: new Counter(),
    send: (message) => {
      if (socket.writableLength > 256 * 1024) return false;
      send(socket, message);
      return true;
    },
  });
  const trustedProxies = new AddressSet([]);
  const tracer = env && new Tracer({ config, clock: systemClock, trustedProxies, outbox });
  const before = process.cpuUsage();
  for (let index = 0; index < REQUESTS; index++) {
    traceOne(requests[index % 1000] as Exchange, tracer);
    if (index % 20 === 0) await new Promise((resolve) => void setImmediate(resolve));
  }
  const { user, system } = process.cpuUsage(before);
  outbox.close();
  socket.end();
  await new Promise((resolve) => void control.once('close', resolve));
  return (user + system) / REQUESTS;
}

const target = {
  method: 'GET',
  path: '/products/1?session=s3cret',
  upstream: 'shop',
  backend: 'shop-1',
  origin: 'http://10.0.0.7:3000',
};

/** The work of the request path for a trace, from the start of a request to its end. */
function traceOne(x: Exchange, tracer: Tracer | undefined): string {
  tracer?.begin(x);
  const { trace } = x;
  const now = systemClock.now();
  const attempt = trace?.attempt(target, now - 11, 0);
  const line = attempt?.traceparent ?? '';
  attempt?.end(now, 200, undefined, false);
  trace?.ended(200, 12);
  return line;
}

function configOf(env: Record<string, string>): Config {
  const routes = [{ endpoint: 'products', path: '/products/*', upstream: 'shop', authenticate: false }];
  const { file } = parseConfigFile({ upstreams: { shop: { backends: ['http://127.0.0.1:1'] } }, routes }, '');
  return buildConfig(parseEnvironment(env).values, file, '/', new Set());
}
