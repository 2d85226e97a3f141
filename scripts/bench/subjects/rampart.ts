// One gateway worker that proxies a route to one backend. Arguments: port, backend's port, and what is switched on:
// key, limit, cache, tiny (no reply is small enough to be kept); with none, the key alone.
import { pino } from 'pino';
import { buildConfig, loadConfig } from '../../../src/config/config.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { Gateway } from '../../../src/gateway/gateway.ts';
import { Bugs } from '../../../src/metrics/bugs.ts';
import { Registry } from '../../../src/metrics/instruments.ts';
import { registerProcessMetrics } from '../../../src/metrics/process-metrics.ts';

const [port = 0, backendPort] = process.argv.slice(2, 4).map(Number);
const steps = process.argv.length > 4 ? process.argv.slice(4) : ['key'];
const isOn = (step: string): boolean => steps.includes(step);
const { env } = await loadConfig({ GATEWAY_WORKERS: '1' }, import.meta.dirname);
const cache = isOn('cache')
  ? { cache: { ttlSeconds: 600, public: true, ...(isOn('tiny') ? { maxEntryBytes: 1 } : {}) } }
  : {};
const file = {
  upstreams: { bench: { backends: [`http://127.0.0.1:${backendPort}`], cap: 64 } },
  routes: [
    { endpoint: 'bench', path: '/*', upstream: 'bench', maxBodyBytes: 1024, authenticate: isOn('key'), ...cache },
  ],
  ...(isOn('limit') ? { keyLimit: { requestsPerSecond: 1_000_000, burst: 1_000_000 } } : {}),
};
const config = buildConfig(env, file, import.meta.dirname, new Set());
const registry = new Registry();
const log = pino({ level: 'silent' });
registerProcessMetrics(registry, 'gateway', 'bench');
const unused = (): never => {
  throw new Error('The benchmark records nothing');
};
const gateway = new Gateway({
  config,
  clock: systemClock,
  random: Math.random,
  log,
  registry,
  bugs: new Bugs(log, registry),
  findKey: async () => ({ id: 'bench', name: 'bench' }),
  ledger: {
    append: unused,
    aborted: unused,
    refusal: unused,
    find: unused,
    isBehind: false,
    pending: 0,
    close: unused,
  },
  store: {
    barcodes: {
      insertMany: unused,
      setAborted: unused,
      get: unused,
      getImage: unused,
      list: unused,
      exportPage: unused,
    },
    batches: { accept: unused, get: unused, list: unused, cancel: unused, results: unused, images: unused },
    idempotency: { claim: unused, complete: unused, release: unused },
  },
});
await gateway.listen({ host: '127.0.0.1', port });
// Reports go out once a second in a real worker; here they are made and thrown away.
setInterval(() => JSON.stringify(registry.snapshot()), 1000);
process.on('SIGINT', () => process.exit());
