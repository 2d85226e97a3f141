import { Client, type ClientConfig } from 'pg';
import { UsageError } from '../core/errors.ts';

/** How the connections of one use are made. */
export interface SessionTerms {
  readonly url: string;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  /** How long PostgreSQL may take to accept a connection. */
  readonly connectMs: number;
  /** A statement that runs longer is ended by PostgreSQL; undefined: none is. */
  readonly statementMs?: number | undefined;
  /** A pooler in transaction mode stands in between: it refuses settings that it does not know. */
  readonly isPooled?: boolean | undefined;
}

type SessionConfig = ClientConfig & { readonly session?: Readonly<Record<string, string>> };

/** A transaction that a process has left open must not keep locks. */
const IDLE_IN_TRANSACTION_MS = 30_000;
/** The statement's end by PostgreSQL should come first, because it leaves the connection usable. */
const GRACE_MS = 1_000;

/**
 * A connection whose session settings are a part of its first message, so that they hold whatever the role, the database
 * or the server has as its defaults, and also behind a pooler. In a session of another time zone, Prisma's adapter would
 * read and write wrong instants.
 */
export class Session extends Client {
  readonly #settings: Readonly<Record<string, string>>;

  constructor(config: SessionConfig = {}) {
    super(config);
    this.#settings = config.session ?? {};
  }

  /** Called by pg; its types leave it out. */
  getStartupConf(): Record<string, unknown> {
    const base = (Client.prototype as unknown as { getStartupConf(): Record<string, unknown> }).getStartupConf;
    return { ...base.call(this), ...this.#settings };
  }
}

/** What `new Session` takes; a pool passes the same to each of its clients. */
export function sessionConfig({ url, applicationName, connectMs, statementMs, isPooled }: SessionTerms): SessionConfig {
  const schema = schemaOf(url);
  const session: Record<string, string> = { TimeZone: 'UTC' };
  if (schema !== undefined) session['search_path'] = `"${schema}"`;
  if (isPooled !== true) {
    session['idle_in_transaction_session_timeout'] = String(IDLE_IN_TRANSACTION_MS);
    session['statement_timeout'] = String(statementMs ?? 0);
  }
  return {
    connectionString: url,
    connectionTimeoutMillis: connectMs,
    application_name: applicationName,
    keepAlive: true,
    ...(statementMs !== undefined && { query_timeout: statementMs + GRACE_MS }),
    session,
  };
}

/** The schema that a URL names as Prisma's do; undefined: the search path of the role or the database. */
export function schemaOf(url: string): string | undefined {
  const schema = new URL(url).searchParams.get('schema') ?? undefined;
  // Prisma does not escape a quotation mark in it.
  if (schema === undefined || /^[^\0"]{1,63}$/.test(schema)) return schema;
  throw new UsageError(
    'Cannot use PostgreSQL: schema in DATABASE_URL must be a name of 1 to 63 characters without quotation marks',
  );
}
