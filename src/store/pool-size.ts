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
}

/** Most connections per process, by role. */
export interface PoolSizes {
  readonly gateway: number;
  readonly control: number;
  readonly batch: number;
}

/** Keys and metrics need no more. */
const CONTROL_CONNECTIONS = 2;
/** For `rampart keys`, a migration, and a person with psql. */
const COMMAND_LINE_CONNECTIONS = 3;
/** Beyond this, a process waits for PostgreSQL's processors and no longer for connections. */
const LARGEST_POOL = 10;
/** One connection for the ledger's writes, one for reads. */
const SMALLEST_POOL = 2;

function refusal(demand: PoolDemand, perProcess: number, processes: number, needed: number): UsageError {
  const { maxConnections, reserved, gatewayWorkers, batchWorkers, override } = demand;
  const others = CONTROL_CONNECTIONS + COMMAND_LINE_CONNECTIONS;
  const counts = `${gatewayWorkers} gateway workers x 2 (a reload runs old and new ones side by side) + ${batchWorkers} batch workers`;
  const cause = override === undefined ? 'at least' : 'DATABASE_POOL_MAX =';
  const fits = Math.floor((maxConnections - reserved - others) / processes);
  const remedy = override !== undefined && fits >= 1 ? `DATABASE_POOL_MAX of at most ${fits}, or ` : '';
  return new UsageError(
    `Cannot fit the database pools into PostgreSQL's max_connections = ${maxConnections}: (${counts}) x ${cause} ${perProcess} + control ${CONTROL_CONNECTIONS} + command line ${COMMAND_LINE_CONNECTIONS} + reserved for superusers ${reserved} = ${needed}. What would work: ${remedy}max_connections of at least ${needed}, fewer GATEWAY_WORKERS, or a pooler such as PgBouncer in front`,
  );
}

/** The max_connections that a server must have for these processes, each with the smallest pool or the one it was told. */
export function neededConnections(demand: Omit<PoolDemand, 'maxConnections'>): number {
  const { reserved, gatewayWorkers, batchWorkers, override } = demand;
  const processes = gatewayWorkers * 2 + batchWorkers;
  return (override ?? SMALLEST_POOL) * processes + CONTROL_CONNECTIONS + COMMAND_LINE_CONNECTIONS + reserved;
}

/**
 * The pool of each process, so that all of them together never ask for more than PostgreSQL has: not even during
 * a rolling reload, when each gateway worker exists twice.
 */
export function poolSizes(demand: PoolDemand): PoolSizes {
  const { maxConnections, reserved, gatewayWorkers, batchWorkers, override } = demand;
  const processes = gatewayWorkers * 2 + batchWorkers;
  const others = CONTROL_CONNECTIONS + COMMAND_LINE_CONNECTIONS + reserved;
  const share = processes === 0 ? LARGEST_POOL : Math.floor((maxConnections - others) / processes);
  const size = override ?? Math.max(SMALLEST_POOL, Math.min(LARGEST_POOL, share));
  const needed = size * processes + others;
  if (needed > maxConnections) throw refusal(demand, size, processes, needed);
  return { gateway: size, control: CONTROL_CONNECTIONS, batch: size };
}
