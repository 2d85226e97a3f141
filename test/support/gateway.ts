import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Logger, pino } from 'pino';
import { noBatches } from '../../src/cli/no-store.ts';
import { buildConfig, loadConfig } from '../../src/config/config.ts';
import type { Config } from '../../src/config/model.ts';
import type { ConfigFile, ParsedConfigFile } from '../../src/config/file-schema.ts';
import { openClock } from '../../src/core/clock.ts';
import { seededRandom } from '../../src/core/random.ts';
import { Gateway } from '../../src/gateway/gateway.ts';
import type { GatewayDependencies } from '../../src/gateway/open-context.ts';
import { renderPrometheus } from '../../src/metrics/exposition.ts';
import { Bugs } from '../../src/metrics/bugs.ts';
import { Registry } from '../../src/metrics/instruments.ts';
import type { LedgerRefusal } from '../../src/store/ledger.ts';
import type { BarcodeRecord } from '../../src/store/records.ts';

/** Keys of the right form that every test gateway knows. */
export const testKey = `rk_${'t'.repeat(32)}`;
export const otherTestKey = `rk_${'u'.repeat(32)}`;

export interface TestGateway {
  readonly gateway: Gateway;
  readonly port: number;
  readonly url: string;
  readonly recorded: BarcodeRecord[];
  metrics(): string;
  close(): Promise<void>;
}

export interface TestGatewayOptions {
  readonly env?: Record<string, string>;
  readonly upstreams?: NonNullable<ParsedConfigFile['upstreams']>;
  readonly routes?: NonNullable<ConfigFile['routes']>;
  readonly trustedProxies?: readonly string[];
  readonly connections?: ConfigFile['connections'];
  readonly builtin?: ConfigFile['builtin'];
  readonly errorPages?: ConfigFile['errorPages'];
  readonly keyLimit?: Config['keyLimit'];
  readonly addressLimit?: Config['addressLimit'];
  readonly keyInFlight?: Config['keyInFlight'];
  readonly sendPlaceAsks?: GatewayDependencies['sendPlaceAsks'];
  readonly sendTokenAsks?: GatewayDependencies['sendTokenAsks'];
  readonly sendCacheReport?: GatewayDependencies['sendCacheReport'];
  readonly sharedStore?: GatewayDependencies['sharedStore'];
  /** Origins in place of the generators' own. */
  readonly generators?: readonly string[];
  readonly store?: GatewayDependencies['store'];
  /** In place of the two test keys. */
  readonly findKey?: GatewayDependencies['findKey'];
  /** Why the ledger does not keep a record; it keeps all without this. */
  readonly notKept?: () => LedgerRefusal | undefined;
  readonly log?: Logger;
  readonly accessLog?: GatewayDependencies['accessLog'];
  /** The settings of the TLS listener; needs TLS_PORT in `env`. */
  readonly tls?: ConfigFile['tls'];
  readonly proxyProtocol?: ConfigFile['proxyProtocol'];
  readonly accessLogConfig?: ConfigFile['accessLog'];
  readonly spans?: GatewayDependencies['spans'];
  readonly traces?: ConfigFile['traces'];
}

/** A gateway worker in this process, on a free port, with a ledger in memory and one key. */
export async function startTestGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const dependencies = await testDependencies(options);
  const { recorded, registry } = dependencies;
  const gateway = new Gateway(dependencies);
  await gateway.listen({ host: '127.0.0.1', port: 0 });
  const { port } = gateway.listener.server.address() as AddressInfo;
  return {
    gateway,
    port,
    url: `http://127.0.0.1:${port}`,
    recorded,
    metrics: () => renderPrometheus(registry.snapshot()),
    close: async () => {
      gateway.listener.server.closeAllConnections();
      await gateway.drain();
    },
  };
}

/** What a gateway worker needs, with a ledger in memory and two keys. */
export async function testDependencies(
  options: TestGatewayOptions = {},
): Promise<GatewayDependencies & { readonly recorded: BarcodeRecord[] }> {
  const config = await testConfig(options);
  const registry = new Registry();
  const recorded: BarcodeRecord[] = [];
  const log = options.log ?? pino({ level: 'silent' });
  const bugs = new Bugs(log, registry);
  return {
    config,
    recorded,
    clock: openClock((error) => bugs.report('timer', error)),
    random: seededRandom(1),
    log,
    registry,
    bugs,
    findKey: options.findKey ?? findTestKey,
    ledger: {
      append: async (record) => {
        const refusal = options.notKept?.();
        if (refusal === undefined) recorded.push(record);
        return refusal;
      },
      aborted: (id) => {
        const index = recorded.findIndex((record) => record.id === id);
        const record = recorded[index];
        if (record !== undefined) recorded[index] = { ...record, status: 'aborted' };
      },
      refusal: () => undefined,
      find: (id) => recorded.find((record) => record.id === id),
      isBehind: false,
      get pending() {
        return 0;
      },
      close: async () => {},
    },
    store: options.store ?? emptyStore,
    accessLog: options.accessLog,
    spans: options.spans,
    sharedStore: options.sharedStore,
    ...(options.sendTokenAsks && { sendTokenAsks: options.sendTokenAsks }),
    ...(options.sendPlaceAsks && { sendPlaceAsks: options.sendPlaceAsks }),
    ...(options.sendCacheReport && { sendCacheReport: options.sendCacheReport }),
  };
}

async function findTestKey(hash: Uint8Array): Promise<{ id: string; name: string } | undefined> {
  const found = testKeyHashes.findIndex((known) => known.equals(hash));
  return found < 0 ? undefined : { id: `key-${found + 1}`, name: 'test' };
}

const testKeyHashes = await Promise.all(
  [testKey, otherTestKey].map(async (key) => Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(key)))),
);

const emptyStore: GatewayDependencies['store'] = {
  batches: noBatches,
  idempotency: { claim: async () => ({ kind: 'claimed' }), complete: async () => true, release: async () => {} },
  barcodes: {
    setAborted: async () => {},
    insertMany: async () => 0,
    get: async () => undefined,
    getImage: async () => undefined,
    list: async () => ({ kind: 'page', records: [], nextCursor: undefined }),
    exportPage: async () => ({ lines: '', count: 0, last: undefined }),
  },
};

/** Where the gateways of a test process spool. */
const dataDir = mkdtempSync(join(tmpdir(), 'rampart-test-'));
process.once('exit', () => rmSync(dataDir, { recursive: true, force: true }));

/** The configuration of a test gateway. */
export async function testConfig(options: TestGatewayOptions): Promise<Config> {
  const { env } = await loadConfig(
    { GATEWAY_WORKERS: '1', RAMPART_DATA_DIR: dataDir, ...options.env },
    import.meta.dirname,
  );
  const routes = options.routes?.map((route) => ({
    ...route,
    maxBodyBytes: route.maxBodyBytes ?? 1024 * 1024,
    authenticate: route.authenticate ?? false,
  }));
  const file = {
    ...(options.connections && { connections: options.connections }),
    ...(options.builtin !== undefined && { builtin: options.builtin }),
    ...(options.errorPages && { errorPages: options.errorPages }),
    ...(options.tls && { tls: options.tls }),
    ...(options.proxyProtocol && { proxyProtocol: options.proxyProtocol }),
    ...(options.traces && { traces: options.traces }),
    ...(options.accessLogConfig && { accessLog: options.accessLogConfig }),
    ...(options.upstreams && { upstreams: options.upstreams }),
    ...(routes && { routes }),
  };
  const built = buildConfig(env, file, import.meta.dirname, new Set());
  const [generator, ...named] = built.upstreams;
  if (generator === undefined) throw new Error('There is no upstream for the generators');
  const backends = options.generators?.map((origin, index) => ({ id: `generator-${index}`, origin }));
  return {
    ...built,
    upstreams: [{ ...generator, backends: backends ?? generator.backends }, ...named],
    trustedProxies: options.trustedProxies ?? [],
    keyLimit: options.keyLimit,
    keyInFlight: options.keyInFlight,
    addressLimit: options.addressLimit,
  };
}
