// One gateway worker with key check, permits and metrics, proxying a route to one backend. Arguments: port, backend's port.
import { pino } from 'pino';
import { loadConfig } from '../../../src/config/config.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { Gateway } from '../../../src/gateway/gateway.ts';
import { Registry } from '../../../src/metrics/instruments.ts';
import { registerProcessMetrics } from '../../../src/metrics/process-metrics.ts';

const [port = 0, backendPort] = process.argv.slice(2).map(Number);
const loaded = await loadConfig({ GATEWAY_WORKERS: '1' }, import.meta.dirname);
const upstream = {
  name: 'bench',
  backends: [{ id: 'bench-0', origin: `http://127.0.0.1:${backendPort}` }],
  cap: 64,
  healthPath: undefined,
  queueCapacity: 256,
  queueTimeoutMs: 1000,
};
const route = {
  endpoint: 'bench',
  path: '/*',
  methods: undefined,
  upstream: 'bench',
  authenticate: true,
  timeoutMs: 30_000,
  maxBodyBytes: 1024,
  cache: undefined,
};
const config = { ...loaded, upstreams: [...loaded.upstreams, upstream], routes: [route] };
const registry = new Registry();
registerProcessMetrics(registry, 'gateway');
const unused = (): never => {
  throw new Error('The benchmark records nothing');
};
const gateway = new Gateway({
  config,
  clock: systemClock,
  random: Math.random,
  log: pino({ level: 'silent' }),
  registry,
  findKey: async () => ({ id: 'bench', name: 'bench' }),
  ledger: { append: unused, find: unused, pending: 0, flush: unused, close: unused, stats: unused },
  store: { barcodes: { insertMany: unused, get: unused, getImage: unused, list: unused } },
});
await gateway.listen({ host: '127.0.0.1', port });
// Reports go out once a second in a real worker; here they are made and thrown away.
setInterval(() => JSON.stringify(registry.snapshot()), 1000);
process.on('SIGINT', () => process.exit());
