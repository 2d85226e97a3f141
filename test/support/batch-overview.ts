import type { BatchOfKey, BatchOverview } from '../../src/store/batches/batch-overview.ts';

const minute = 60_000;

/** A batch for a test or a picture; `index` tells one from another. */
export const someBatch = (index: number, nowMs: number, given: Partial<BatchOfKey> = {}): BatchOfKey => ({
  id: `0197a3b0-0000-7000-8000-00000000000${index}`,
  keyId: '0197a3b0-0000-7000-8000-0000000000ff',
  keyName: 'shop',
  keyPrefix: 'rk_4f2a',
  total: 12_000,
  done: 12_000,
  failed: 0,
  status: 'completed',
  createdAtMs: nowMs - (index + 1) * 7 * minute,
  startedAtMs: nowMs - (index + 1) * 7 * minute + 1500,
  finishedAtMs: nowMs - index * 7 * minute,
  webhook: undefined,
  ...given,
});

/** Batches in memory, one of each kind. */
export function someBatches(nowMs: number): BatchOverview & { readonly batches: BatchOfKey[] } {
  const open = { status: 'running', finishedAtMs: undefined } as const;
  const batches = [
    someBatch(1, nowMs, {
      ...open,
      keyName: 'nightly import',
      keyPrefix: 'rk_91bc',
      total: 50_000,
      done: 18_230,
      failed: 12,
    }),
    someBatch(0, nowMs, { ...open, total: 800, done: 0, startedAtMs: undefined }),
    someBatch(2, nowMs),
    someBatch(3, nowMs, { total: 400, done: 391, failed: 9 }),
    someBatch(4, nowMs, { status: 'cancelled', total: 9000, done: 2100 }),
  ];
  return {
    batches,
    newest: async () => batches,
    async stop(id) {
      const index = batches.findIndex((batch) => batch.id === id);
      const found = batches[index];
      if (found === undefined) return undefined;
      if (found.status !== 'running') return { batch: found, isChanged: false };
      const batch: BatchOfKey = { ...found, status: 'cancelled', finishedAtMs: Date.now() };
      batches[index] = batch;
      return { batch, isChanged: true };
    },
  };
}
