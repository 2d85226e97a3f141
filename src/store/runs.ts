import type { Prisma as Client } from './generated/client.ts';
import type { Prisma } from './prisma.ts';

/** A run of the lab as lists show it. */
export interface StoredRun {
  readonly id: string;
  readonly experiment: string;
  readonly verdict: string;
  readonly startedAtMs: number;
  readonly seconds: number;
  readonly commit: string;
  readonly version: string;
  /** Where its reports are, on the host that made them. */
  readonly folder: string;
  /** As JSON: gates, findings, reasons, machine, configuration. */
  readonly summary: unknown;
}

export interface RunStore {
  /** Adds a run; one that is there already is replaced. */
  put(run: StoredRun): Promise<void>;
  /** Newest first. */
  list(limit: number): Promise<StoredRun[]>;
}

export function runStore(prisma: Prisma): RunStore {
  return {
    async put({ id, startedAtMs, summary, ...rest }) {
      const data = { ...rest, startedAt: new Date(startedAtMs), summary: summary as Client.InputJsonValue };
      await (await prisma()).labRun.upsert({ where: { id }, create: { id, ...data }, update: data });
    },
    async list(limit) {
      const rows = await (await prisma()).labRun.findMany({ orderBy: { startedAt: 'desc' }, take: limit });
      return rows.map(({ startedAt, ...rest }) => ({ ...rest, startedAtMs: startedAt.getTime() }));
    },
  };
}
