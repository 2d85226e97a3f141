import type { Pool } from 'pg';
import type { PrismaClient } from './generated/client.ts';

/** Prisma's client, which is loaded when it is first asked for: most processes never do (ADR 72). */
export type Prisma = () => Promise<PrismaClient>;

export interface LazyPrisma {
  readonly prisma: Prisma;
  close(): Promise<void>;
}

const SCHEMA = `SELECT nspname AS schema FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE pg_class.oid = to_regclass('api_keys')`;

async function openClient(pool: Pool): Promise<PrismaClient> {
  const [{ PrismaPg }, { PrismaClient: Client }] = await Promise.all([
    import('@prisma/adapter-pg'),
    import('./generated/client.ts'),
  ]);
  // Prisma writes the schema in front of each table, where all other statements go by the search path.
  const { rows } = await pool.query<{ schema: string }>(SCHEMA);
  const schema = rows[0]?.schema ?? 'public';
  return new Client({ adapter: new PrismaPg(pool, { schema }), errorFormat: 'minimal' });
}

/** A client over this pool. A load that failed, as for want of file descriptors, is tried again by the next call. */
export function lazyPrisma(pool: Pool, open: (pool: Pool) => Promise<PrismaClient> = openClient): LazyPrisma {
  let opening: Promise<PrismaClient> | undefined;
  const load = async (): Promise<PrismaClient> => {
    try {
      return await open(pool);
    } catch (error) {
      opening = undefined;
      throw error;
    }
  };
  return {
    prisma: () => (opening ??= load()),
    async close() {
      // A client that could not be loaded has nothing to close; whoever asked for it has got the error.
      const client = await opening?.catch(() => undefined);
      await client?.$disconnect();
    },
  };
}
