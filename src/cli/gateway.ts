import cluster from 'node:cluster';
import { once } from 'node:events';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Gateway } from '../gateway/gateway.ts';
import type { KeyIdentity } from '../gateway/exchange.ts';
import { pidNamespace } from '../control/lease-keeper.ts';
import { messageOf, UsageError } from '../core/errors.ts';
import { configHash, loadConfig, needsDatabase } from '../config/config.ts';
import { byId, fromWireOrder, toWireReport } from '../protocol/lease-wire.ts';
import { withLastMembers } from '../control/membership.ts';
import type { Ledger } from '../store/ledger.ts';
import { BatchedLedger } from '../store/ledger/batched-ledger.ts';
import { openStore, type Store } from '../store/store.ts';
import { portTaken } from '../supervisor/public-socket.ts';
import { databaseUrlOf, gatewayPoolSize } from './database.ts';
import { GatewayCluster } from './gateway-cluster.ts';
import { askedForHelp } from './help.ts';
import { type CommandIo, exitCodes } from './io.ts';
import { noBarcodes, noLedger } from './no-store.ts';
import { startWatchdog } from './watchdog.ts';
import { announceReady, enterRole, exitCodeOf, linkToControl, type RoleContext, stopRequests } from './role.ts';

const help = `usage: rampart gateway [--workers N]

Runs one gateway worker on HOST:PORT, or N of them, which are started again when they die or hang. Under pm2 in cluster
mode, or below rampart start, it is one of several.
`;

/** `rampart gateway`. */
export async function gateway(args: string[], io: CommandIo): Promise<number> {
  if (askedForHelp(args, io, { help, known: args })) return exitCodes.ok;
  const workers = workersOf(args);
  if (workers !== undefined) {
    // Here, so that a wrong setting is said once and not by every worker.
    await loadConfig(io.env, io.folder, 'start gateway');
    return new GatewayCluster(workers, io).run();
  }
  const context = await enterRole('gateway', io);
  const { clock, random, log, registry, bugs, runFolder } = context;
  const config = withLastMembers(context.config, runFolder);
  const opened = needsDatabase(config) ? await openGatewayStore(context) : undefined;
  const store = opened?.store;
  const ledger = store === undefined ? noLedger : openLedger(context, store);
  const worker: Gateway = new Gateway({
    config,
    clock,
    random,
    log,
    registry,
    bugs,
    store: { barcodes: store?.barcodes ?? noBarcodes },
    // One connection is for look-ups of keys, one for the ledger.
    readConcurrency: Math.max(1, (opened?.poolMax ?? 1) - 2),
    ledger,
    findKey: store === undefined ? async () => undefined : keyFinder(store),
    sendLeaseReport: (upstream, report) =>
      link.tell({ type: 'held', upstream, report: toWireReport(report, worker.leasedIds(upstream)) }),
    sendTokenAsks: (asks) => link.offer({ type: 'tokens', asks }),
    sendCacheReport: (report) => link.tell(report),
  });
  const link = linkToControl(context, {
    status: () => worker.status(),
    onConnected: () => {
      const held = Object.entries(worker.controlFound()).map(
        ([upstream, counts]) => [upstream, byId(counts, worker.leasedIds(upstream))] as const,
      );
      link.tell({
        type: 'holdings',
        held: Object.fromEntries(held),
        pidNamespace: pidNamespace(),
        configHash: configHash(config),
      });
    },
    onMessage: (message) => {
      if (message.type === 'members') worker.useMembers(message.upstreams, message.configHash);
      worker.controlHeard();
      if (message.type === 'backends') worker.applyBackends(message.backends);
      else if (message.type === 'lease') {
        worker.applyLease(message.upstream, fromWireOrder(message.order, worker.leasedIds(message.upstream)));
      } else if (message.type === 'load') worker.applyHostLoad(message.upstream, message.load);
      else if (message.type === 'tokens') worker.applyTokens(message.grants);
      else if (message.type === 'keys-changed') worker.forgetKeys();
      else if (message.type === 'forget' || message.type === 'invalidated') worker.applyCache(message);
    },
    onLost: () => worker.controlLost(),
  });
  const stop = stopRequests(context);
  await listen(worker, context, io);
  const endWatch = startWatchdog(context, io.env);
  announceReady();
  log.debug('gateway ready');
  log.debug({ signal: await stop.first }, 'gateway draining');
  void stop.second.then(() => worker.hasten());
  await worker.drain();
  await leaveCluster();
  await ledger.close();
  await store?.close();
  await link.close();
  endWatch();
  return exitCodeOf(context);
}

function workersOf(args: string[]): number | undefined {
  let text: string | undefined;
  try {
    text = parseArgs({ args, options: { workers: { type: 'string' } }, strict: true }).values.workers;
  } catch (error) {
    throw new UsageError(`Cannot start gateway: ${messageOf(error)}`);
  }
  if (text === undefined) return undefined;
  const count = Number(text);
  if (/^\d{1,3}$/.test(text) && count >= 1 && count <= 256) return count;
  throw new UsageError(`Cannot start gateway, as --workers must be a whole number from 1 to 256: got '${text}'`);
}

/** On the socket that the supervisor hands over; under pm2, and alone, on the port itself. */
async function listen(worker: Gateway, { config }: RoleContext, io: CommandIo): Promise<void> {
  const fd = io.env['RAMPART_LISTEN_FD'];
  const { HOST: host, PORT: port } = config.env;
  await worker.listen(fd === undefined ? { host, port } : { fd: Number(fd) }).catch((error: unknown) => {
    throw portTaken('the gateway', 'PORT', host, port, error);
  });
}

/**
 * Under pm2 its daemon accepts, and hands connections over: one that is on its way while this worker ends would never be
 * answered. Its channel keeps order, so once the daemon has said goodbye everything before has gone to another worker.
 */
async function leaveCluster(): Promise<void> {
  const { worker } = cluster;
  if (worker === undefined || !worker.isConnected()) return;
  worker.disconnect();
  await once(worker, 'disconnect');
}

/** Used when PostgreSQL cannot be asked how many connections it has: one for the ledger, one for reads. */
const SMALLEST_POOL = 2;

async function openGatewayStore({
  config,
  clock,
  log,
  registry,
}: RoleContext): Promise<{ store: Store; poolMax: number }> {
  const { DATABASE_POOL_MAX, DATABASE_POOL_TIMEOUT_MS } = config.env;
  const url = await databaseUrlOf(config);
  const poolMax =
    DATABASE_POOL_MAX ??
    (await gatewayPoolSize(config, url).catch((error: unknown) => {
      if (error instanceof UsageError) throw error;
      log.warn({ err: error }, 'PostgreSQL does not answer; starting with the smallest pool');
      return SMALLEST_POOL;
    }));
  const waits = registry.histogram('rampart_db_pool_wait_seconds', 'Wait for a database connection').of();
  const store = openStore({
    url,
    poolMax,
    poolTimeoutMs: DATABASE_POOL_TIMEOUT_MS,
    applicationName: 'rampart gateway',
    clock,
    onPoolWait: (seconds) => waits.observe(seconds),
    onSlowQuery: (name, ms) => log.warn({ query: name, ms: Math.round(ms) }, 'slow query'),
    onPoolError: (error) => log.warn({ reason: error.message }, 'an idle database connection broke'),
  });
  const connections = registry.gauge('rampart_db_pool_connections', 'Database connections', 'sum', 'role', 'state');
  registry.onSnapshot(() => {
    const { total, idle, waiting } = store.pool();
    connections.of('gateway', 'busy').set(total - idle);
    connections.of('gateway', 'idle').set(idle);
    connections.of('gateway', 'waiting').set(waiting);
    connections.of('gateway', 'max').set(poolMax);
  });
  return { store, poolMax };
}

function openLedger({ config, clock, log, registry }: RoleContext, store: Store): Ledger {
  const records = registry.counter('rampart_ledger_records_total', 'Records by what became of them', 'result');
  const pending = registry.gauge('rampart_ledger_pending', 'Records that PostgreSQL does not have yet', 'sum').of();
  const ledger = new BatchedLedger({
    insertMany: (batch) => store.barcodes.insertMany(batch),
    clock,
    batchSize: config.env.LEDGER_BATCH_SIZE,
    flushMs: config.env.LEDGER_FLUSH_MS,
    spillDir: join(config.dataDir, 'ledger'),
    onResult: (result, count) => records.of(result).add(count),
    onEvent: (event) => log.warn({ ledger: event }, `ledger: ${event.kind}`),
  });
  registry.onSnapshot(() => pending.set(ledger.pending));
  return ledger;
}

/** A revoked key is no key. */
function keyFinder(store: Store): (hash: Uint8Array) => Promise<KeyIdentity | undefined> {
  return async (hash) => {
    const found = await store.keys.findByHash(hash);
    if (found === undefined || found.revokedAtMs !== undefined) return undefined;
    const { id, name, limit, priority } = found;
    return { id, name, limit, priority };
  };
}
