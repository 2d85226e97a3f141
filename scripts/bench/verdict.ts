// What control spends each second on the verdict, the live view and the history, by the size of the host.
import { buildConfig, loadConfig } from '../../src/config/config.ts';
import type { HostFacts, MemberFacts } from '../../src/control/see/facts.ts';
import { HostJudge } from '../../src/control/see/host-judge.ts';
import { processFamilies, readTotals } from '../../src/control/see/totals.ts';
import { noPromise } from '../../src/control/see/view-of.ts';
import { GatewayMetrics } from '../../src/gateway/metrics.ts';
import { Registry, type Snapshot } from '../../src/metrics/instruments.ts';
import { table } from '../../src/lab/report/markdown.ts';
import { quantile } from '../../src/lab/statistics/quantile.ts';

interface Size {
  readonly routes: number;
  readonly workers: number;
  readonly backends: number;
}

const sizes: readonly Size[] = [
  { routes: 10, workers: 2, backends: 4 },
  { routes: 20, workers: 8, backends: 64 },
  { routes: 980, workers: 8, backends: 64 },
];
const SECONDS = 60;
const WARM_UP = 20;

/** Milliseconds per second, every endpoint with traffic. */
export async function benchVerdict(): Promise<string> {
  const rows = [];
  for (const size of sizes) {
    const times = await costs(size);
    rows.push([
      String(size.routes),
      String(size.workers),
      String(size.backends),
      ...[0.5, 0.95].map((q) => quantile(times, q).toFixed(1)),
    ]);
  }
  return table({ columns: ['routes', 'workers', 'backends', 'ms a second, median', 'p95'], rows });
}

async function costs({ routes, workers, backends }: Size): Promise<Float64Array> {
  const { env } = await loadConfig({ GENERATOR_INSTANCES: '0', GATEWAY_WORKERS: String(workers) }, import.meta.dirname);
  const origins = Array.from({ length: backends }, (_, index) => `http://10.0.0.${index + 1}`);
  const names = Array.from({ length: routes }, (_, index) => `endpoint${index}`);
  const file = {
    upstreams: { app: { backends: origins, cap: 4 } },
    routes: names.map((endpoint) => ({ endpoint, path: `/${endpoint}`, upstream: 'app' })),
  };
  const config = buildConfig(env, file, import.meta.dirname, new Set());
  const gateways = Array.from({ length: workers }, () => {
    const registry = new Registry();
    return { registry, metrics: new GatewayMetrics(registry) };
  });
  const judge = new HostJudge();
  const times: number[] = [];
  for (let second = 0; second < SECONDS; second++) {
    for (const { metrics } of gateways) serve(metrics, names, backends);
    const snapshots = gateways.map(({ registry }) => registry.snapshot());
    const startedAt = performance.now();
    const members = snapshots.map(memberOf);
    judge.look(factsOf(config, members, origins, second * 1000), readTotals(snapshots), second * 1000, () => noPromise);
    if (second >= WARM_UP) times.push(performance.now() - startedAt);
  }
  return Float64Array.from(times).sort();
}

function serve(metrics: GatewayMetrics, names: readonly string[], backends: number): void {
  for (const name of names) {
    const endpoint = metrics.endpoint(name);
    endpoint.countStatus(200);
    endpoint.latency.observe(0.01);
  }
  for (let index = 0; index < backends; index++) {
    metrics.backendRequests.of('app', `b${index}`, 'success').value++;
    metrics.backendBusy.of('app', `b${index}`).value += 0.05;
  }
}

const memberOf = (snapshot: Snapshot, index: number): MemberFacts => ({
  id: `worker ${index}`,
  role: 'gateway',
  instance: index,
  pid: index,
  startedAtMs: 0,
  totals: readTotals([snapshot], processFamilies),
  silentMs: 10,
  configHash: 'hash',
  configVersion: 1,
  setAside: new Set(),
  refusedKeys: new Map(),
});

function factsOf(
  config: HostFacts['config'],
  members: readonly MemberFacts[],
  origins: readonly string[],
  nowMs: number,
): HostFacts {
  return {
    nowMs,
    version: '1',
    startedAtMs: 0,
    config,
    configHash: 'hash',
    configVersion: { number: 1, hash: 'hash' },
    configSinceMs: 0,
    reloadProblem: undefined,
    members,
    wantedWorkers: members.length,
    health: origins.map((origin, index) => ({
      upstream: 'app',
      backend: `b${index}`,
      origin,
      up: true,
      checked: true,
      problem: undefined,
      report: undefined,
    })),
    leases: () => ({ cap: 4, leased: 2 }),
    held: () => undefined,
    discovery: [],
    database: undefined,
    machine: { processors: 8, busyShare: 0.5 },
    objectives: [],
    degradations: [],
    restarts: [],
  };
}
