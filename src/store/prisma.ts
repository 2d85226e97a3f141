import type { Pool } from 'pg';
import type { PrismaClient } from './generated/client.ts';

/** Prisma's client, which is loaded when it is first asked for: most processes never do (ADR 72). */
export type Prisma = () => Promise<PrismaClient>;

export interface LazyPrisma {
  readonly prisma: Prisma;
  close(): Promise<void>;
}

/** A client over this pool. */
export function lazyPrisma(pool: Pool): LazyPrisma {
  let opening: Promise<PrismaClient> | undefined;
  const open = async (): Promise<PrismaClient> => {
    const [{ PrismaPg }, { PrismaClient: Client }] = await Promise.all([
      import('@prisma/adapter-pg'),
      import('./generated/client.ts'),
    ]);
    return new Client({ adapter: new PrismaPg(pool), errorFormat: 'minimal' });
  };
  return {
    prisma: () => (opening ??= open()),
    async close() {
      await (await opening)?.$disconnect();
    },
  };
}
