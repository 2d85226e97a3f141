import { join } from 'node:path';
import { needsDatabase } from '../config/config.ts';
import type { Registry } from '../metrics/instruments.ts';
import { RequestScope } from '../core/request-scope.ts';
import { UsageError } from '../core/errors.ts';
import type { KeyIdentity } from '../gateway/exchange.ts';
import type { Ledger, LedgerEvent, LedgerResult } from '../store/ledger.ts';
import { DirectLedger } from '../store/ledger/direct-ledger.ts';
import { filesIn } from '../store/ledger/ledger-files.ts';
import { thisProcess } from '../store/ledger/owner.ts';
import { WalLedger } from '../store/ledger/wal-ledger.ts';
import { sharesOf } from '../store/pool-size.ts';
import { openStore, type Store } from '../store/store.ts';
import { databaseUrlOf, gatewayPoolSize } from './database.ts';
import { noBarcodes, noBatches, noIdempotency, noLedger } from './no-store.ts';
import { poolMetrics } from './pool-metrics.ts';
import type { RoleContext } from './role.ts';

/** The database as a gateway worker uses it; without a database it refuses or forgets everything. */
export interface GatewayStore {
  readonly store: Pick<Store, 'barcodes' | 'batches' | 'idempotency'>;
  readonly ledger: Ledger;
  readonly findKey: (hash: Uint8Array) => Promise<KeyIdentity | undefined>;
  /** Says for which request the store works. */
  readonly requestScope: RequestScope;
  /** Reads that may run at a time. */
  readonly readConcurrency: number;
  /** Writes what the ledger holds, then closes the connections. */
  close(): Promise<void>;
}

/** Opens the database where a route or an own endpoint needs it. */
export async function openGatewayStore(context: RoleContext): Promise<GatewayStore> {
  const requestScope = new RequestScope();
  if (!needsDatabase(context.config)) {
    return {
      requestScope,
      store: { barcodes: noBarcodes, batches: noBatches, idempotency: noIdempotency },
      ledger: noLedger,
      findKey: async () => undefined,
      readConcurrency: 1,
      close: async () => {},
    };
  }
  const { store, poolMax } = await openPool(context, requestScope);
  // A worker that is ready has connections, so that its first requests do not wait for them.
  await store.prewarm();
  const ledger = openLedger(context, store);
  return {
    requestScope,
    store,
    ledger,
    findKey: keyFinder(store),
    readConcurrency: sharesOf(poolMax).reads,
    async close() {
      await ledger.close();
      await store.close();
    },
  };
}

/** Used when PostgreSQL cannot be asked how many connections it has: one for the ledger, one for reads. */
const SMALLEST_POOL = 2;

async function openPool(
  context: RoleContext,
  requestScope: RequestScope,
): Promise<{ readonly store: Store; readonly poolMax: number }> {
  const { config, clock, log, registry } = context;
  const { DATABASE_POOL_MAX, DATABASE_DIRECT_URL } = config.env;
  const url = await databaseUrlOf(config);
  const poolMax =
    DATABASE_POOL_MAX ??
    (await gatewayPoolSize(config, url).catch((error: unknown) => {
      if (error instanceof UsageError) throw error;
      log.warn({ err: error }, 'PostgreSQL does not answer; starting with the smallest pool');
      return SMALLEST_POOL;
    }));
  const observeWait = poolMetrics(registry, 'gateway', poolMax, () => store.pool());
  const calls = registry.counter(
    'rampart_db_calls_total',
    'Calls of the database by kind and result',
    'share',
    'result',
  );
  const slow = registry.counter('rampart_db_slow_calls_total', 'Calls of the database that took over 500 ms').of();
  const store: Store = openStore({
    url,
    isPooled: DATABASE_DIRECT_URL !== undefined,
    poolMax,
    poolMin: config.env.DATABASE_POOL_MIN,
    poolTimeoutMs: config.env.DATABASE_POOL_TIMEOUT_MS,
    idleMs: config.env.DATABASE_IDLE_TIMEOUT_MS,
    statementMs: config.env.DATABASE_STATEMENT_TIMEOUT_MS,
    applicationName: 'rampart gateway',
    clock,
    requestId: () => requestScope.current,
    onPoolWait: observeWait,
    onCall: (share, result) => calls.of(share, result).add(),
    onSlowQuery: ({ name, ms, requestId }) => {
      slow.add();
      log.warn({ query: name, ms: Math.round(ms), requestId }, 'slow query');
    },
    onPoolError: (error) => log.warn({ reason: error.message }, 'an idle database connection broke'),
  });
  observeShares(registry, store);
  return { store, poolMax };
}

function observeShares(registry: Registry, store: Store): void {
  const help = 'Calls that have or wait for a connection';
  const shared = registry.gauge('rampart_db_share_calls', help, 'sum', 'share', 'state');
  registry.onSnapshot(() => {
    for (const { share, inUse, waiting } of store.pool().shares) {
      shared.of(share, 'running').set(inUse);
      shared.of(share, 'waiting').set(waiting);
    }
  });
}

function openLedger({ config, clock, log, registry, bugs }: RoleContext, store: Store): Ledger {
  const records = registry.counter('rampart_ledger_records_total', 'Records by what became of them', 'result');
  const pending = registry.gauge('rampart_ledger_pending', 'Records that PostgreSQL does not have yet', 'sum').of();
  const { env } = config;
  const mode = env.LEDGER_DURABILITY;
  const options = {
    table: store.barcodes,
    files: filesIn(join(config.dataDir, 'ledger')),
    owner: thisProcess(),
    clock,
    batchSize: env.LEDGER_BATCH_SIZE,
    flushMs: env.LEDGER_FLUSH_MS,
    whenFull: env.LEDGER_WHEN_FULL,
    onResult: (result: LedgerResult, count: number) => records.of(result).add(count),
    onEvent: (event: LedgerEvent) => log.warn({ ledger: event }, `ledger: ${event.kind}`),
  };
  const ledger: Ledger =
    mode === 'wal'
      ? new WalLedger({
          ...options,
          fsyncMs: env.LEDGER_FSYNC_MS,
          maxBytes: env.LEDGER_MAX_BYTES,
          atEndOfTurn: (callback) => void setImmediate(bugs.guard('ledger', callback)),
        })
      : new DirectLedger({ ...options, mode });
  registry.onSnapshot(() => pending.set(ledger.pending));
  return ledger;
}

/** A revoked key is no key. */
function keyFinder(store: Store): (hash: Uint8Array) => Promise<KeyIdentity | undefined> {
  return async (hash) => {
    const found = await store.keys.findByHash(hash);
    if (found === undefined || found.revokedAtMs !== undefined) return undefined;
    const { id, name, limit, priority, expiresAtMs, scopes } = found;
    return { id, name, limit, priority, expiresAtMs, scopes: scopes && new Set(scopes) };
  };
}
