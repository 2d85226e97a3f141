import type { Pool, PoolClient } from 'pg';

/**
 * Works with one connection of the pool. It is closed afterwards if it broke or the work failed. While it is borrowed, the pool
 * does not listen for its errors, and an error that nobody hears would end the process.
 */
export async function withClient<Result>(pool: Pool, work: (client: PoolClient) => Promise<Result>): Promise<Result> {
  const client = await pool.connect();
  let isSound = false;
  let isBroken = false;
  const onBroken = (): void => void (isBroken = true);
  client.on('error', onBroken);
  try {
    const result = await work(client);
    isSound = true;
    return result;
  } finally {
    client.off('error', onBroken);
    client.release(isBroken || !isSound);
  }
}
