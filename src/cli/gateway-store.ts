import { join } from 'node:path';
import { needsDatabase } from '../config/config.ts';
import { UsageError } from '../core/errors.ts';
import type { KeyIdentity } from '../gateway/exchange.ts';
import type { Ledger, LedgerEvent, LedgerResult } from '../store/ledger.ts';
import { DirectLedger } from '../store/ledger/direct-ledger.ts';
import { filesIn } from '../store/ledger/ledger-files.ts';
import { thisProcess } from '../store/ledger/owner.ts';
import { WalLedger } from '../store/ledger/wal-ledger.ts';
import { openStore, type Store } from '../store/store.ts';
import { databaseUrlOf, gatewayPoolSize } from './database.ts';
import { noBarcodes, noBatches, noIdempotency, noLedger } from './no-store.ts';
import type { RoleContext } from './role.ts';

/** The database as a gateway worker uses it; without a database it refuses or forgets everything. */
export interface GatewayStore {
  readonly store: Pick<Store, 'barcodes' | 'batches' | 'idempotency'>;
  readonly ledger: Ledger;
  readonly findKey: (hash: Uint8Array) => Promise<KeyIdentity | undefined>;
  /** Reads that may run at a time. */
  readonly readConcurrency: number;
  /** Writes what the ledger holds, then closes the connections. */
  close(): Promise<void>;
}

/** One connection is for look-ups of keys, one for the ledger. */
const OTHER_CONNECTIONS = 2;

/** Opens the database where a route or an own endpoint needs it. */
export async function openGatewayStore(context: RoleContext): Promise<GatewayStore> {
  if (!needsDatabase(context.config)) {
    return {
      store: { barcodes: noBarcodes, batches: noBatches, idempotency: noIdempotency },
      ledger: noLedger,
      findKey: async () => undefined,
      readConcurrency: 1,
      close: async () => {},
    };
  }
  const { store, poolMax } = await openPool(context);
  const ledger = openLedger(context, store);
  return {
    store,
    ledger,
    findKey: keyFinder(store),
    readConcurrency: Math.max(1, poolMax - OTHER_CONNECTIONS),
    async close() {
      await ledger.close();
      await store.close();
    },
  };
}

/** Used when PostgreSQL cannot be asked how many connections it has: one for the ledger, one for reads. */
const SMALLEST_POOL = 2;

async function openPool({ config, clock, log, registry }: RoleContext): Promise<{ store: Store; poolMax: number }> {
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
