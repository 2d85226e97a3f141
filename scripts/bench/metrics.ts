// npm run bench -- metrics: what the metrics of a request cost a worker, with its share of the reports to control.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { type EndpointMetrics, GatewayMetrics } from '../../src/gateway/metrics.ts';
import { median } from '../../src/lab/statistics/quantile.ts';
import { Registry } from '../../src/metrics/instruments.ts';
import { send } from '../../src/protocol/lines.ts';

const REQUESTS = 200_000;
const ROUNDS = 9;
const ENDPOINTS = 12;
const BACKENDS = 8;
/** Control asks each worker for a report once a second. */
const PER_SECOND = 1000;
const statuses = [200, 200, 200, 200, 201, 204, 304, 404, 429, 503] as const;

export async function benchMetrics(): Promise<string> {
  const [counting, reporting]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    const cost = await measure();
    counting.push(cost.counting);
    reporting.push(cost.reporting);
  }
  const [one, report] = [median(counting), median(reporting)];
  return [
    '| metrics of a request | µs of processor |',
    '|---|---|',
    `| counters, gauges and histograms of the endpoint and the backend | ${one.toFixed(2)} |`,
    `| its share of a report to control, of ${PER_SECOND} requests each | ${report.toFixed(2)} |`,
    `| together | ${(one + report).toFixed(2)} |`,
  ].join('\n');
}

/** Processor microseconds of a request, of all threads of this process. */
async function measure(): Promise<{ counting: number; reporting: number }> {
  const registry = new Registry();
  const metrics = new GatewayMetrics(registry);
  const endpoints = Array.from({ length: ENDPOINTS }, (_, index) => metrics.endpoint(`endpoint${index}`));
  const backends = Array.from({ length: BACKENDS }, (_, index) => ({
    gauge: metrics.backendInFlight.of('shop', `shop-${index}`),
    busy: metrics.backendBusy.of('shop', `shop-${index}`),
    served: metrics.backendRequests.of('shop', `shop-${index}`, 'success'),
  }));
  const countAll = (): void => {
    for (let index = 0; index < REQUESTS; index++) {
      const backend = backends[index % BACKENDS];
      const endpoint = endpoints[index % ENDPOINTS];
      if (backend !== undefined && endpoint !== undefined) countOne(endpoint, backend, index);
    }
  };
  countAll();
  const before = process.cpuUsage();
  countAll();
  const counting = microsecondsSince(before) / REQUESTS;
  // Stands for control: a reader behind a socket of the same kind.
  const control = spawn('cat', { stdio: ['pipe', 'ignore', 'inherit'] });
  const socket = control.stdin as unknown as Socket;
  const reports = 200;
  const beforeReports = process.cpuUsage();
  for (let index = 0; index < reports; index++) {
    send(socket, { type: 'report', metrics: registry.snapshot(), status: {} });
    await new Promise((resolve) => void setImmediate(resolve));
  }
  socket.end();
  await once(control, 'close');
  const reporting = microsecondsSince(beforeReports) / reports / PER_SECOND;
  return { counting, reporting };
}

interface BackendInstruments {
  readonly gauge: { value: number };
  readonly busy: { value: number };
  readonly served: { value: number };
}

/** Counts as the request path does for a request that waited for a permit and was answered by a backend. */
function countOne(endpoint: EndpointMetrics, { gauge, busy, served }: BackendInstruments, index: number): void {
  const seconds = (index % 400) / 1000;
  endpoint.inFlight.value++;
  gauge.value++;
  gauge.value--;
  busy.value += seconds;
  served.value++;
  endpoint.inFlight.value--;
  endpoint.countStatus(statuses[index % statuses.length] ?? 200);
  endpoint.requestBytes.value += 100;
  endpoint.replyBytes.value += 2000;
  endpoint.latency.observe(seconds);
  endpoint.waitQueue.observe(seconds / 10);
  endpoint.execUpstream.observe(seconds);
  endpoint.observeWait('permit', seconds / 100);
  endpoint.countCache('miss');
}

function microsecondsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return user + system;
}
