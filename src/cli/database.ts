import type { Config } from '../config/model.ts';
import { systemClock } from '../core/clock.ts';
import {
  type EmbeddedPostgres,
  findEmbeddedPostgres,
  startEmbeddedPostgres,
} from '../store/embedded/embedded-postgres.ts';
import { PostgresWatch } from '../store/embedded/postgres-watch.ts';
import { migrate } from '../store/migrations.ts';
import { neededConnections, type PoolDemand, poolSizes, type PoolSizes } from '../store/pool-size.ts';
import { openStore, type Store } from '../store/store.ts';
import { UsageError } from '../core/errors.ts';

/** A database that is there and up to date. */
export interface PreparedDatabase {
  readonly url: string;
  readonly isEmbedded: boolean;
  readonly pools: PoolSizes;
  /** A store with a connection or two, for the one who prepares. */
  readonly store: Store;
  /** From now on an embedded server that dies is started again. */
  watch(say: (line: string) => void): void;
  /** Closes the store, and stops the embedded server. */
  stop(): Promise<void>;
  /** Stops an embedded server unless it was running before: for a start that failed. */
  abandon(): Promise<void>;
}

/** Starts or adopts the embedded PostgreSQL unless DATABASE_URL names another, and applies what is missing. */
export async function prepareDatabase(config: Config): Promise<PreparedDatabase> {
  const { DATABASE_URL } = config.env;
  const startEmbedded = (): Promise<EmbeddedPostgres> => startEmbeddedPostgres(embeddedOptions(config));
  const embedded = DATABASE_URL === undefined ? await startEmbedded() : undefined;
  const isAdopted = embedded?.adopted ?? false;
  const url = embedded?.url ?? (DATABASE_URL as string);
  let store: Store | undefined;
  let watching: PostgresWatch | undefined;
  const stop = async (): Promise<void> => {
    const server = (await watching?.stop()) ?? embedded;
    await store?.close();
    await server?.stop();
  };
  const abandon = async (): Promise<void> => {
    if (!isAdopted) return stop();
    await watching?.stop();
    await store?.close();
  };
  const watch = (say: (line: string) => void): void => {
    if (embedded !== undefined)
      watching = new PostgresWatch(embedded, { clock: systemClock, start: startEmbedded, say });
  };
  try {
    await migrate(directUrlOf(config, url));
    store = openSmallStore(url, config);
    const pools = sizesFor(config, await store.maxConnections());
    return { url, isEmbedded: embedded !== undefined, pools, store, watch, stop, abandon };
  } catch (error) {
    await abandon();
    throw error;
  }
}

/** The size of this worker's pool: as it was told, or, where a worker is started alone, as the server's limit allows. */
export async function gatewayPoolSize(config: Config, url: string): Promise<number> {
  const store = openSmallStore(url, config);
  try {
    return sizesFor(config, await store.maxConnections()).gateway;
  } finally {
    await store.close();
  }
}

/** A store for one question or two. */
export function openSmallStore(url: string, config: Config): Store {
  return openStore({
    url,
    isPooled: config.env.DATABASE_DIRECT_URL !== undefined,
    poolMax: 2,
    poolTimeoutMs: config.env.DATABASE_POOL_TIMEOUT_MS,
    applicationName: 'rampart control',
    clock: systemClock,
  });
}

function sizesFor(config: Config, limits: { maxConnections: number; reserved: number }): PoolSizes {
  return poolSizes({ ...limits, ...demandOf(config) });
}

/** The processes of this host that use the database. */
export function demandOf({ env }: Config): Omit<PoolDemand, 'maxConnections' | 'reserved'> {
  const { GATEWAY_WORKERS, BATCH_WORKERS, DATABASE_POOL_MAX: override, DATABASE_DIRECT_URL } = env;
  const isPooled = DATABASE_DIRECT_URL !== undefined;
  return { gatewayWorkers: GATEWAY_WORKERS, batchWorkers: BATCH_WORKERS, override, isPooled };
}

/** The URL for what needs a session of its own, such as locks: `url`, unless a pooler stands there. */
export const directUrlOf = ({ env }: Config, url: string): string => env.DATABASE_DIRECT_URL ?? url;

/** PostgreSQL's own defaults, which the embedded server keeps unless the processes need more. */
const DEFAULT_CONNECTIONS = 100;
export const RESERVED_CONNECTIONS = 3;

function embeddedOptions(config: Config): { dataDir: string; maxConnections: number } {
  return { dataDir: config.dataDir, maxConnections: embeddedConnections(config) };
}

/** The max_connections with which the embedded server is started. */
export function embeddedConnections(config: Config): number {
  return Math.max(DEFAULT_CONNECTIONS, neededConnections({ ...demandOf(config), reserved: RESERVED_CONNECTIONS }));
}

const EMBEDDED_WAIT_MS = 30_000;

/** The database that a worker started alone uses: control runs the embedded one, and may come up after the worker. */
export async function databaseUrlOf(config: Config): Promise<string> {
  if (config.env.DATABASE_URL !== undefined) return config.env.DATABASE_URL;
  const giveUpAt = systemClock.now() + EMBEDDED_WAIT_MS;
  for (;;) {
    const found = await findEmbeddedPostgres(config.dataDir);
    if (found !== undefined) return found.url;
    if (systemClock.now() > giveUpAt) {
      throw new UsageError(
        `Cannot start gateway, as no PostgreSQL runs in ${config.dataDir}. Start control there (rampart control), or set DATABASE_URL`,
      );
    }
    await new Promise<void>((resolve) => void systemClock.setTimeout(resolve, 200));
  }
}
