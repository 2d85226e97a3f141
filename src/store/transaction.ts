import type { Pool, PoolClient } from 'pg';
import { withClient } from './borrowed.ts';

/** How a transaction ended; rolled back, its connection can be used again. */
export type TransactionEnd<Result> =
  | { readonly isCommitted: true; readonly result: Result }
  | { readonly isCommitted: false; readonly error: unknown };

/** All statements of the work, or none. Rejects with the error of the work if even the rollback fails. */
export async function transaction<Result>(
  client: Pick<PoolClient, 'query'>,
  work: () => Promise<Result>,
): Promise<TransactionEnd<Result>> {
  try {
    await client.query('BEGIN');
    const result = await work();
    await client.query('COMMIT');
    return { isCommitted: true, result };
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {
      throw error;
    });
    return { isCommitted: false, error };
  }
}

/** A transaction on a connection of the pool, which is closed if the transaction cannot be ended. */
export async function inTransaction<Result>(
  pool: Pool,
  work: (client: PoolClient) => Promise<Result>,
): Promise<Result> {
  const end = await withClient(pool, (client) => transaction(client, () => work(client)));
  if (end.isCommitted) return end.result;
  throw end.error;
}
