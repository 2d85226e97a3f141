import { UsageError } from '../core/errors.ts';

/** The processes of this host that share the connections of one PostgreSQL. */
export interface PoolDemand {
  readonly maxConnections: number;
  /** Connections that PostgreSQL reserves for superusers. */
  readonly reserved: number;
  readonly gatewayWorkers: number;
  readonly batchWorkers: number;
  /** DATABASE_POOL_MAX. */
  readonly override: number | undefined;
  /** The connections are those of a pooler, which has a limit of its own. */
  readonly isPooled?: boolean | undefined;
}

/**
 * Kinds of work that share the pool of a process. `keys`: look-ups and changes of keys; `ledger`: inserts of records; `bulk`: batches
 * on their way in, which take long.
 */
export const shareNames = ['keys', 'ledger', 'reads', 'bulk'] as const;
export type ShareName = (typeof shareNames)[number];

/** Most connections in use at a time, by kind of work. */
export type Shares = Readonly<Record<ShareName, number>>;

/** From four connections on, the shares add up to the pool, so that none can take the connections of another. */
export function sharesOf(poolMax: number): Shares {
  const fifth = Math.max(1, Math.floor(poolMax / 5));
  return { keys: fifth, ledger: fifth, bulk: fifth, reads: Math.max(1, poolMax - 3 * fifth) };
}

/** Most connections per process, by role. */
export interface PoolSizes {
  readonly gateway: number;
  readonly control: number;
  readonly batch: number;
}

/** Two for its store, one for retention. */
export const CONTROL_CONNECTIONS = 3;
/** For `rampart keys`, a migration, and a person with psql. */
const COMMAND_LINE_CONNECTIONS = 3;
/** Beyond this, a process waits for PostgreSQL's processors and no longer for connections. */
const LARGEST_POOL = 10;
/** One connection for the ledger's writes, one for reads. */
const SMALLEST_POOL = 2;

/** Of a batch worker: four in its pool, and one that listens for new batches. */
export const BATCH_CONNECTIONS = 5;

type Processes = Omit<PoolDemand, 'maxConnections'>;

/** Connections of all processes but the gateway workers, which share the rest. */
const othersOf = ({ batchWorkers, reserved }: Processes): number =>
  batchWorkers * BATCH_CONNECTIONS + CONTROL_CONNECTIONS + COMMAND_LINE_CONNECTIONS + reserved;

function refusal(demand: PoolDemand, perWorker: number, needed: number): UsageError {
  const { maxConnections, reserved, gatewayWorkers, batchWorkers, override } = demand;
  const workers = `${gatewayWorkers} gateway workers x 2 (a reload runs old and new ones side by side)`;
  const cause = override === undefined ? 'at least' : 'DATABASE_POOL_MAX =';
  const fits = Math.floor((maxConnections - othersOf(demand)) / (gatewayWorkers * 2));
  const remedy = override !== undefined && fits >= 1 ? `DATABASE_POOL_MAX of at most ${fits}, or ` : '';
  return new UsageError(
    `Cannot fit the database pools into PostgreSQL's max_connections = ${maxConnections}: ${workers} x ${cause} ${perWorker} + ${batchWorkers} batch workers x ${BATCH_CONNECTIONS} + control ${CONTROL_CONNECTIONS} + command line ${COMMAND_LINE_CONNECTIONS} + reserved for superusers ${reserved} = ${needed}. What would work: ${remedy}max_connections of at least ${needed}, fewer GATEWAY_WORKERS, or a pooler such as PgBouncer in front (DATABASE_DIRECT_URL)`,
  );
}

/** The max_connections that a server must have for these processes, each with the smallest pool or the one it was told. */
export const neededConnections = (demand: Processes): number =>
  (demand.override ?? SMALLEST_POOL) * demand.gatewayWorkers * 2 + othersOf(demand);

/**
 * The pool of each process, so that all of them together never ask for more than PostgreSQL has: not even during
 * a rolling reload, when each gateway worker exists twice.
 */
export function poolSizes(demand: PoolDemand): PoolSizes {
  const { maxConnections, gatewayWorkers, override, isPooled } = demand;
  const sizes = { control: CONTROL_CONNECTIONS, batch: BATCH_CONNECTIONS };
  if (isPooled === true) return { ...sizes, gateway: override ?? LARGEST_POOL };
  const share = Math.floor((maxConnections - othersOf(demand)) / (gatewayWorkers * 2));
  const gateway = override ?? Math.max(SMALLEST_POOL, Math.min(LARGEST_POOL, share));
  const needed = gateway * gatewayWorkers * 2 + othersOf(demand);
  if (needed > maxConnections) throw refusal(demand, gateway, needed);
  return { ...sizes, gateway };
}

/** The connections of one kind of process. */
export interface ConnectionUse {
  readonly of: string;
  readonly how: string;
  readonly connections: number;
}

/** What all processes together may open; a UsageError if that is more than PostgreSQL has. */
export function connectionUse(demand: PoolDemand): ConnectionUse[] {
  const { gateway, control, batch } = poolSizes(demand);
  const { gatewayWorkers, batchWorkers, reserved } = demand;
  const how = `${gatewayWorkers} x ${gateway}, twice during a reload`;
  const use = [
    { of: 'gateway workers', how, connections: gatewayWorkers * gateway * 2 },
    { of: 'batch workers', how: `${batchWorkers} x ${batch}`, connections: batchWorkers * batch },
    { of: 'control', how: '', connections: control },
    { of: 'command line', how: '', connections: COMMAND_LINE_CONNECTIONS },
  ];
  return demand.isPooled === true ? use : [...use, { of: 'reserved for superusers', how: '', connections: reserved }];
}
