import { needsDatabase } from '../config/config.ts';
import type { Config } from '../config/model.ts';
import { messageOf, UsageError } from '../core/errors.ts';
import { type ConnectionUse, connectionUse } from '../store/pool-size.ts';
import type { ServerLimits } from '../store/store.ts';
import { demandOf, embeddedConnections, openSmallStore, RESERVED_CONNECTIONS } from './database.ts';

/** The connections that all processes may open together, and how many PostgreSQL has. */
export interface ConnectionCheck {
  readonly use: readonly ConnectionUse[];
  readonly sum: number;
  readonly maxConnections: number;
  /** A pooler stands in between, and the sum is of connections to it. */
  readonly isPooled: boolean;
}

/**
 * Adds up the pools of all roles; a UsageError if PostgreSQL has fewer connections, as at a start. Undefined without a
 * database, or where nothing but control uses it; a text where it cannot be asked.
 */
export async function checkConnections(config: Config): Promise<ConnectionCheck | string | undefined> {
  if (!needsDatabase(config)) return unneededProblem(config);
  const limits = await limitsOf(config);
  if (typeof limits === 'string') return limits;
  const use = connectionUse({ ...demandOf(config), ...limits });
  const sum = use.reduce((total, { connections }) => total + connections, 0);
  return { use, sum, maxConnections: limits.maxConnections, isPooled: demandOf(config).isPooled === true };
}

/** A database that no route needs may be wrong all the same, and a fleet or a later route then finds it so. */
async function unneededProblem(config: Config): Promise<string | undefined> {
  const { DATABASE_URL: url, VALKEY_URL } = config.env;
  const limits = url === undefined ? undefined : await askedLimits(url, config);
  if (typeof limits !== 'string') return undefined;
  const use =
    VALKEY_URL === undefined
      ? 'no route needs it'
      : 'no route needs it, but the hosts of the fleet share their configuration and purges there';
  return `DATABASE_URL cannot be used at present (${use}): ${limits}`;
}

/** Whether the way past a pooler can be used; undefined where there is none. */
export async function directDatabaseProblem(config: Config): Promise<string | undefined> {
  const { DATABASE_DIRECT_URL: url } = config.env;
  const limits = url === undefined ? undefined : await askedLimits(url, config);
  return typeof limits === 'string' ? `DATABASE_DIRECT_URL cannot be used at present: ${limits}` : undefined;
}

async function limitsOf(config: Config): Promise<ServerLimits | string> {
  const { DATABASE_URL: url } = config.env;
  if (url === undefined) return { maxConnections: embeddedConnections(config), reserved: RESERVED_CONNECTIONS };
  const limits = await askedLimits(url, config);
  return typeof limits === 'string'
    ? `DATABASE_URL cannot be used at present, so the sum of the database connections was not checked: ${limits}`
    : limits;
}

/** What PostgreSQL says of itself, or why it cannot be asked. */
async function askedLimits(url: string, config: Config): Promise<ServerLimits | string> {
  const store = openSmallStore(url, config);
  try {
    return await store.maxConnections();
  } catch (error) {
    if (error instanceof UsageError) throw error;
    return messageOf(error);
  } finally {
    await store.close();
  }
}

/** For people. */
export function connectionLines({ use, sum, maxConnections, isPooled }: ConnectionCheck): string[] {
  const lines = use.map(({ of, how, connections }) => `  ${of.padEnd(28)}${String(connections).padStart(5)}  ${how}`);
  const limit = isPooled ? 'at the pooler: compare its max_client_conn' : `of max_connections = ${maxConnections}`;
  return [
    'database connections',
    ...lines.map((line) => line.trimEnd()),
    `  ${'sum'.padEnd(28)}${String(sum).padStart(5)}  ${limit}`,
  ];
}
