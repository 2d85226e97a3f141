import { UsageError, codeOf, messageOf } from '../core/errors.ts';

/** The URL as it may be shown: without its password, wherever it stands. */
export function withoutPassword(url: string): string {
  if (!URL.canParse(url)) return 'a text that is no URL';
  const shown = new URL(url);
  if (shown.password !== '') shown.password = '***';
  for (const name of ['password', 'sslpassword']) {
    if (shown.searchParams.has(name)) shown.searchParams.set(name, '***');
  }
  return shown.href;
}

/** PostgreSQL's and the system's codes for what a person can put right, and how. */
const remedies: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there: start PostgreSQL, or correct host and port in DATABASE_URL',
  ENOENT: 'its socket is not there: start PostgreSQL, or correct the socket folder in DATABASE_URL',
  ENOTFOUND: 'its host name is unknown: correct the host in DATABASE_URL',
  EAI_AGAIN: 'its host name cannot be looked up: correct the host in DATABASE_URL, or the name service',
  ETIMEDOUT: 'it does not answer: check the network and the host in DATABASE_URL',
  '28P01': 'it refuses the password: correct user and password in DATABASE_URL',
  '28000': 'it refuses the user: correct the user in DATABASE_URL, or allow it in pg_hba.conf',
  '3D000': 'the database does not exist: create it, or correct its name in DATABASE_URL',
  '42501': 'the user lacks a permission there: grant it CREATE on the schema, or take another user in DATABASE_URL',
  '08P01':
    'a pooler in transaction mode stands there, which does not pass settings on: set DATABASE_DIRECT_URL to PostgreSQL itself, and DATABASE_URL to the pooler',
  '53300': 'it has no connection left: raise max_connections, or end what holds them',
  '57P03': 'it is starting up or shutting down: try again when it is up',
};

/** A message of one line for the person who set DATABASE_URL. */
export function connectionRefusal(url: string, error: unknown): UsageError {
  const code = codeOf(error) ?? '';
  // A host with several addresses fails with several errors, whose sum has no message.
  const message = error instanceof AggregateError ? error.errors.map(messageOf).join('; ') : messageOf(error);
  const remedy = remedies[code] ?? 'check DATABASE_URL';
  return new UsageError(`Cannot use PostgreSQL at ${withoutPassword(url)}: ${message}; ${remedy}`);
}

/** Refuses what is no PostgreSQL URL before a driver guesses at it. */
export function checkDatabaseUrl(url: string): void {
  const takes = 'DATABASE_URL must look like postgresql://user:password@host:5432/database';
  if (!URL.canParse(url)) throw new UsageError(`Cannot use PostgreSQL: ${takes}: got a text that is no URL`);
  const { protocol } = new URL(url);
  if (protocol !== 'postgresql:' && protocol !== 'postgres:')
    throw new UsageError(`Cannot use PostgreSQL: ${takes}: got a URL that starts with ${protocol}`);
}
