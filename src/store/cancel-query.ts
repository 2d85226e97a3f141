import { connect, type Socket } from 'node:net';
import type { Pool, PoolClient, QueryResult, QueryResultRow } from 'pg';
import { withClient } from './borrowed.ts';
import type { Statement } from './record-statements.ts';

/** The parts of a pg client that its types leave out. */
interface ConnectedClient {
  readonly processID?: number | null;
  readonly secretKey?: number | null;
  readonly host?: string;
  readonly port?: number;
}

/** PostgreSQL's number for a CancelRequest (protocol 3.0, §55.2.8). */
const CANCEL_REQUEST = 80_877_102;
const LIMIT_MS = 2_000;

/**
 * Runs a statement on a connection of the pool; an abort of the signal ends it in PostgreSQL, too. The connection of an
 * aborted statement is closed, because the cancellation could reach its next statement.
 */
export async function queryUntil<Row extends QueryResultRow>(
  pool: Pool,
  { text, values }: Statement,
  signal: AbortSignal,
): Promise<QueryResult<Row>> {
  signal.throwIfAborted();
  return withClient(pool, async (client) => {
    const abort = (): void => cancelQuery(client as PoolClient & ConnectedClient);
    signal.addEventListener('abort', abort, { once: true });
    try {
      signal.throwIfAborted();
      const result = await client.query<Row>(text, [...values]);
      // What has been cancelled too late must not be taken for sound either.
      signal.throwIfAborted();
      return result;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  });
}

/** Asks PostgreSQL to end the statement of a client: on a connection of its own, without an answer. */
function cancelQuery({ processID, secretKey, host, port }: ConnectedClient): void {
  if (typeof processID !== 'number' || typeof secretKey !== 'number') return;
  const request = Buffer.alloc(16);
  request.writeInt32BE(16, 0);
  request.writeInt32BE(CANCEL_REQUEST, 4);
  request.writeInt32BE(processID, 8);
  request.writeInt32BE(secretKey, 12);
  const isSocket = host?.startsWith('/') === true;
  const socket: Socket = isSocket
    ? connect(`${host}/.s.PGSQL.${port}`)
    : connect({ host: host ?? 'localhost', port: port ?? 5432 });
  socket.setTimeout(LIMIT_MS, () => socket.destroy());
  // A server that cannot be reached ends the statement by its own limits.
  socket.on('error', () => socket.destroy());
  // PostgreSQL closes the connection when it has read the request.
  socket.end(request);
  socket.resume();
  socket.unref();
}
