import { type IdempotencyStore, idempotencyStore } from './idempotency.ts';
import type { Clock } from '../core/clock.ts';
import type { BarcodeStore } from './barcodes.ts';
import { barcodeStore } from './barcodes.ts';
import { type BatchStore, batchStore } from './batches/batches.ts';
import { checkDatabaseUrl } from './connection.ts';
import { toStoreError } from './errors.ts';
import type { KeyStore } from './keys.ts';
import { keyStore } from './keys.ts';
import { ObservedPool } from './observed-pool.ts';
import { lazyPrisma } from './prisma.ts';
import type { RunStore } from './runs.ts';
import { runStore } from './runs.ts';

export interface StoreOptions {
  readonly url: string;
  /** Most connections of this process. */
  readonly poolMax: number;
  /** How long a call may wait for one of them, or for PostgreSQL to accept a new one. */
  readonly poolTimeoutMs: number;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  readonly clock: Clock;
  readonly onPoolWait?: (seconds: number) => void;
  /** A call that took longer than 200 ms, its wait for a connection included. Never with its values. */
  readonly onSlowQuery?: (name: string, ms: number) => void;
  /** An idle connection broke; the pool has dropped it already. */
  readonly onPoolError?: (error: Error) => void;
}

interface PoolState {
  readonly total: number;
  readonly idle: number;
  readonly waiting: number;
}

interface ServerLimits {
  readonly maxConnections: number;
  /** Connections that PostgreSQL keeps for superusers and for roles with pg_use_reserved_connections. */
  readonly reserved: number;
}

/** PostgreSQL for the rest of Rampart. Calls reject with a StoreError where PostgreSQL is at fault. */
export interface Store {
  readonly keys: KeyStore;
  readonly barcodes: BarcodeStore;
  readonly batches: BatchStore;
  readonly idempotency: IdempotencyStore;
  readonly runs: RunStore;
  pool(): PoolState;
  maxConnections(): Promise<ServerLimits>;
  close(): Promise<void>;
}

const SLOW_QUERY_MS = 200;
/** A call that a lock or a dead network holds up ends after this long, so it cannot hold a connection for ever. */
const QUERY_TIMEOUT_MS = 10_000;

type Observe = <Result>(name: string, call: () => Promise<Result>) => Promise<Result>;

function observer(pool: ObservedPool, options: StoreOptions): Observe {
  const isPoolFull = () => pool.totalCount >= options.poolMax;
  return async (name, call) => {
    const since = options.clock.now();
    try {
      return await call();
    } catch (error) {
      throw toStoreError(name, error, isPoolFull);
    } finally {
      const ms = options.clock.now() - since;
      if (ms > SLOW_QUERY_MS) options.onSlowQuery?.(name, ms);
    }
  };
}

function observedKeys(keys: KeyStore, observe: Observe): KeyStore {
  return {
    create: (name, terms) => observe('create a key', () => keys.create(name, terms)),
    hasValid: () => observe('look for a key', () => keys.hasValid()),
    list: () => observe('list the keys', () => keys.list()),
    revoke: (idOrPrefix) => observe('revoke a key', () => keys.revoke(idOrPrefix)),
    setLimit: (idOrPrefix, limit) => observe('limit a key', () => keys.setLimit(idOrPrefix, limit)),
    rotate: (idOrPrefix, rotation) => observe('rotate a key', () => keys.rotate(idOrPrefix, rotation)),
    findByHash: (hash) => observe('look up a key', () => keys.findByHash(hash)),
  };
}

function observedBarcodes(barcodes: BarcodeStore, observe: Observe): BarcodeStore {
  return {
    insertMany: (records) => observe('record barcodes', () => barcodes.insertMany(records)),
    setAborted: (ids) => observe('mark aborted barcodes', () => barcodes.setAborted(ids)),
    get: (keyId, id) => observe('look up a barcode', () => barcodes.get(keyId, id)),
    getImage: (keyId, id) => observe('fetch an image', () => barcodes.getImage(keyId, id)),
    list: (request) => observe('list barcodes', () => barcodes.list(request)),
    exportPage: (request, signal) => observe('export barcodes', () => barcodes.exportPage(request, signal)),
  };
}

function observedBatches(batches: BatchStore, observe: Observe, isPoolFull: () => boolean): BatchStore {
  return {
    // As slow as its batch is large, which is no slow query.
    accept: (batch, items) =>
      batches.accept(batch, items).catch((error: unknown) => {
        throw toStoreError('store a batch', error, isPoolFull);
      }),
    get: (keyId, id) => observe('look up a batch', () => batches.get(keyId, id)),
    list: (request) => observe('list batches', () => batches.list(request)),
    cancel: (keyId, id) => observe('cancel a batch', () => batches.cancel(keyId, id)),
    results: (id, after, limit) => observe('read results', () => batches.results(id, after, limit)),
    images: (recordIds) => observe('fetch images', () => batches.images(recordIds)),
  };
}

function observedIdempotency(idempotency: IdempotencyStore, observe: Observe): IdempotencyStore {
  return {
    claim: (request, terms) => observe('claim an idempotency key', () => idempotency.claim(request, terms)),
    complete: (request, record) => observe('record a barcode', () => idempotency.complete(request, record)),
    release: (request, id) => observe('release an idempotency key', () => idempotency.release(request, id)),
  };
}

function observedRuns(runs: RunStore, observe: Observe): RunStore {
  return {
    put: (run) => observe('store a run', () => runs.put(run)),
    list: (limit) => observe('list the runs', () => runs.list(limit)),
  };
}

const SERVER_LIMITS = `SELECT current_setting('max_connections')::int AS "maxConnections",
  current_setting('superuser_reserved_connections')::int
    + coalesce(current_setting('reserved_connections', true), '0')::int AS reserved`;

const serverLimits = async (pool: ObservedPool): Promise<ServerLimits> =>
  (await pool.query<ServerLimits>(SERVER_LIMITS)).rows[0] as ServerLimits;

/** Connects when first used, so a worker can start while PostgreSQL is away. */
export function openStore(options: StoreOptions): Store {
  checkDatabaseUrl(options.url);
  const pool = new ObservedPool(
    {
      connectionString: options.url,
      max: options.poolMax,
      connectionTimeoutMillis: options.poolTimeoutMs,
      query_timeout: QUERY_TIMEOUT_MS,
      application_name: options.applicationName,
      keepAlive: true,
    },
    options.clock,
    options.onPoolWait ?? (() => {}),
  );
  // Without a listener, an idle connection that breaks would end the process.
  pool.on('error', (error) => options.onPoolError?.(error));
  const { prisma, close } = lazyPrisma(pool);
  const observe = observer(pool, options);
  return {
    keys: observedKeys(keyStore(prisma, pool, options.clock), observe),
    idempotency: observedIdempotency(idempotencyStore(pool, options.clock), observe),
    barcodes: observedBarcodes(barcodeStore(prisma, pool, options.clock), observe),
    batches: observedBatches(batchStore(pool), observe, () => pool.totalCount >= options.poolMax),
    runs: observedRuns(runStore(prisma), observe),
    pool: () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
    maxConnections: () => observe('read the limits of PostgreSQL', () => serverLimits(pool)),
    async close() {
      await close();
      await pool.end();
    },
  };
}
