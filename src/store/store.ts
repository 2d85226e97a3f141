import { type IdempotencyStore, idempotencyStore } from './idempotency.ts';
import type { Clock } from '../core/clock.ts';
import type { BarcodeStore } from './barcodes.ts';
import { barcodeStore } from './barcodes.ts';
import { type BatchOverview, batchOverview } from './batches/batch-overview.ts';
import { type BatchStore, batchStore } from './batches/batches.ts';
import { checkDatabaseUrl } from './connection.ts';
import { type FleetConfigStore, fleetConfigStore } from './fleet-config.ts';
import { type FleetNewsStore, fleetNewsStore } from './fleet-news.ts';
import type { KeyStore } from './keys.ts';
import { keyStore } from './keys.ts';
import { ObservedPool } from './observed-pool.ts';
import { type CallResult, type SlowCall, StoreObserver } from './observer.ts';
import { type ShareName, sharesOf } from './pool-size.ts';
import { lazyPrisma } from './prisma.ts';
import type { RunStore } from './runs.ts';
import { runStore } from './runs.ts';
import { Session, sessionConfig } from './session.ts';

export interface StoreOptions {
  readonly url: string;
  /** A pooler in transaction mode stands between this process and PostgreSQL. */
  readonly isPooled?: boolean | undefined;
  /** Most connections of this process. */
  readonly poolMax: number;
  /** Connections that stay open when nothing uses them; 0 if not given. */
  readonly poolMin?: number | undefined;
  /** How long a call may wait for one of them, or for PostgreSQL to accept a new one. */
  readonly poolTimeoutMs: number;
  /** How long a connection beyond `poolMin` may be idle. */
  readonly idleMs?: number | undefined;
  /** How long a statement may take. */
  readonly statementMs?: number | undefined;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  readonly clock: Clock;
  readonly onPoolWait?: (seconds: number) => void;
  /** The request that the current work is done for. */
  readonly requestId?: () => string | undefined;
  readonly onCall?: (share: ShareName, result: CallResult) => void;
  /** A call that took longer than 500 ms. */
  readonly onSlowQuery?: (call: SlowCall) => void;
  /** An idle connection broke; the pool has dropped it already. */
  readonly onPoolError?: (error: Error) => void;
}

interface PoolState {
  readonly total: number;
  readonly idle: number;
  readonly waiting: number;
  readonly shares: StoreObserver['use'];
}

export interface ServerLimits {
  readonly maxConnections: number;
  /** Connections that PostgreSQL keeps for superusers and for roles with pg_use_reserved_connections. */
  readonly reserved: number;
}

/** PostgreSQL for the rest of Rampart. Calls reject with a StoreError where PostgreSQL is at fault. */
export interface Store {
  readonly keys: KeyStore;
  readonly barcodes: BarcodeStore;
  readonly batches: BatchStore;
  readonly batchOverview: BatchOverview;
  readonly idempotency: IdempotencyStore;
  readonly runs: RunStore;
  readonly fleetNews: FleetNewsStore;
  readonly fleetConfig: FleetConfigStore;
  pool(): PoolState;
  /** Opens `poolMin` connections; never rejects. */
  prewarm(): Promise<void>;
  maxConnections(): Promise<ServerLimits>;
  close(): Promise<void>;
}

/** A statement that a lock or a dead network holds up ends after this long, so it cannot hold a connection for ever. */
const STATEMENT_MS = 10_000;
const IDLE_MS = 60_000;

function observedKeys(keys: KeyStore, observer: StoreObserver): KeyStore {
  return {
    create: (name, terms) => observer.write('keys', 'create a key', () => keys.create(name, terms)),
    hasValid: () => observer.read('keys', 'look for a key', () => keys.hasValid()),
    list: () => observer.read('keys', 'list the keys', () => keys.list()),
    revoke: (idOrPrefix) => observer.write('keys', 'revoke a key', () => keys.revoke(idOrPrefix)),
    setLimit: (idOrPrefix, limit) => observer.write('keys', 'limit a key', () => keys.setLimit(idOrPrefix, limit)),
    rotate: (idOrPrefix, rotation) => observer.write('keys', 'rotate a key', () => keys.rotate(idOrPrefix, rotation)),
    setWebhookSecret: (idOrPrefix, terms) =>
      observer.write('keys', 'change a webhook secret', () => keys.setWebhookSecret(idOrPrefix, terms)),
    findByHash: (hash) => observer.read('keys', 'look up a key', () => keys.findByHash(hash)),
  };
}

function observedBarcodes(barcodes: BarcodeStore, observer: StoreObserver): BarcodeStore {
  return {
    insertMany: (records) => observer.write('ledger', 'record barcodes', () => barcodes.insertMany(records)),
    setAborted: (ids) => observer.write('ledger', 'mark aborted barcodes', () => barcodes.setAborted(ids)),
    get: (keyId, id) => observer.read('reads', 'look up a barcode', () => barcodes.get(keyId, id)),
    getImage: (keyId, id) => observer.read('reads', 'fetch an image', () => barcodes.getImage(keyId, id)),
    list: (request) => observer.read('reads', 'list barcodes', () => barcodes.list(request)),
    exportPage: (request, signal) =>
      observer.read('reads', 'export barcodes', () => barcodes.exportPage(request, signal)),
  };
}

function observedIdempotency(idempotency: IdempotencyStore, observer: StoreObserver): IdempotencyStore {
  return {
    claim: (request, terms) =>
      observer.write('reads', 'claim an idempotency key', () => idempotency.claim(request, terms)),
    complete: (request, record) =>
      observer.write('reads', 'record a barcode', () => idempotency.complete(request, record)),
    release: (request, id) =>
      observer.write('reads', 'release an idempotency key', () => idempotency.release(request, id)),
  };
}

function observedBatches(batches: BatchStore, observer: StoreObserver): BatchStore {
  return {
    accept: (batch, items) => observer.long('bulk', 'store a batch', () => batches.accept(batch, items)),
    get: (keyId, id) => observer.read('reads', 'look up a batch', () => batches.get(keyId, id)),
    list: (request) => observer.read('reads', 'list batches', () => batches.list(request)),
    cancel: (keyId, id) => observer.write('reads', 'cancel a batch', () => batches.cancel(keyId, id)),
    results: (id, after, limit) => observer.read('reads', 'read results', () => batches.results(id, after, limit)),
    images: (recordIds) => observer.read('reads', 'fetch images', () => batches.images(recordIds)),
  };
}

function observedOverview(overview: BatchOverview, observer: StoreObserver): BatchOverview {
  return {
    newest: () => observer.read('reads', 'list the batches of all keys', () => overview.newest()),
    stop: (id) => observer.write('reads', 'cancel a batch', () => overview.stop(id)),
  };
}

function observedRuns(runs: RunStore, observer: StoreObserver): RunStore {
  return {
    put: (run) => observer.write('reads', 'store a run', () => runs.put(run)),
    list: (limit) => observer.read('reads', 'list the runs', () => runs.list(limit)),
  };
}

function observedFleetNews(news: FleetNewsStore, observer: StoreObserver): FleetNewsStore {
  return {
    add: (one) => observer.write('keys', 'store news for the fleet', () => news.add(one)),
    issued: (id) => observer.write('keys', 'mark news of the fleet', () => news.issued(id)),
    recent: () => observer.read('keys', 'read news of the fleet', () => news.recent()),
  };
}

function observedFleetConfig(config: FleetConfigStore, observer: StoreObserver): FleetConfigStore {
  return {
    versions: () => observer.read('keys', 'read the versions of the fleet', () => config.versions()),
    content: (number) => observer.read('keys', 'read a version of the fleet', () => config.content(number)),
    propose: (content) => observer.write('keys', 'propose a version to the fleet', () => config.propose(content)),
    activate: (number) => observer.write('keys', 'put a version in force', () => config.activate(number)),
    drop: (number) => observer.write('keys', 'give up a version of the fleet', () => config.drop(number)),
    answer: (host, number, problems) =>
      observer.write('keys', 'answer the fleet', () => config.answer(host, number, problems)),
    report: (host, state) => observer.write('keys', 'report to the fleet', () => config.report(host, state)),
    hosts: () => observer.read('keys', 'list the hosts of the fleet', () => config.hosts()),
  };
}

const SERVER_LIMITS = `SELECT current_setting('max_connections')::int AS "maxConnections",
  current_setting('superuser_reserved_connections')::int
    + coalesce(current_setting('reserved_connections', true), '0')::int AS reserved`;

const serverLimits = async (pool: ObservedPool): Promise<ServerLimits> =>
  (await pool.query<ServerLimits>(SERVER_LIMITS)).rows[0] as ServerLimits;

function openPool(options: StoreOptions): ObservedPool {
  const { url, applicationName, poolTimeoutMs: connectMs, isPooled, statementMs = STATEMENT_MS } = options;
  const pool = new ObservedPool(
    {
      ...sessionConfig({ url, applicationName, connectMs, statementMs, isPooled }),
      Client: Session,
      max: options.poolMax,
      min: options.poolMin ?? 0,
      idleTimeoutMillis: options.idleMs ?? IDLE_MS,
    },
    options.clock,
    options.onPoolWait ?? (() => {}),
  );
  // Without a listener, an idle connection that breaks would end the process.
  pool.on('error', (error) => options.onPoolError?.(error));
  return pool;
}

/** Opens connections before the first call needs them; PostgreSQL may be away. */
async function prewarm(pool: ObservedPool, count: number): Promise<void> {
  const clients = await Promise.allSettled(Array.from({ length: count }, () => pool.connect()));
  for (const client of clients) if (client.status === 'fulfilled') client.value.release();
}

/** Connects when first used, so a worker can start while PostgreSQL is away. */
export function openStore(options: StoreOptions): Store {
  checkDatabaseUrl(options.url);
  const pool = openPool(options);
  const { poolMax, poolMin = 0, poolTimeoutMs: waitMs, clock } = options;
  const { prisma, close } = lazyPrisma(pool);
  const isPoolFull = () => pool.totalCount >= poolMax;
  const observer = new StoreObserver({ ...options, shares: sharesOf(poolMax), waitMs, isPoolFull });
  return {
    keys: observedKeys(keyStore(prisma, pool, clock), observer),
    idempotency: observedIdempotency(idempotencyStore(pool), observer),
    barcodes: observedBarcodes(barcodeStore(pool, clock), observer),
    batches: observedBatches(batchStore(pool), observer),
    batchOverview: observedOverview(batchOverview(pool), observer),
    runs: observedRuns(runStore(prisma), observer),
    fleetNews: observedFleetNews(fleetNewsStore(pool), observer),
    fleetConfig: observedFleetConfig(fleetConfigStore(pool), observer),
    pool: () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount, shares: observer.use }),
    prewarm: () => prewarm(pool, Math.min(poolMin, poolMax)),
    maxConnections: () => observer.read('keys', 'read the limits of PostgreSQL', () => serverLimits(pool)),
    async close() {
      await close();
      await pool.end();
    },
  };
}
