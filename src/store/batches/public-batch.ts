import type { Batch } from './batches.ts';

/** A batch as clients see it. */
export function publicBatch(batch: Batch, prefix: string, nowMs: number): Record<string, unknown> {
  const { id, total, done, failed, createdAtMs, startedAtMs, finishedAtMs, webhook } = batch;
  const pending = total - done - failed;
  const rate = rateOf(batch, nowMs);
  const isOpen = batch.status === 'running' && pending > 0;
  return {
    id,
    status: isOpen && startedAtMs === undefined ? 'queued' : batch.status,
    total,
    done,
    failed,
    pending,
    items_per_second: rate === undefined ? null : Math.round(rate * 10) / 10,
    created_at: timeOf(createdAtMs),
    started_at: timeOf(startedAtMs),
    finished_at: timeOf(finishedAtMs),
    expected_end: isOpen && rate !== undefined && rate > 0 ? timeOf(nowMs + (pending / rate) * 1000) : null,
    results: `${prefix}/v1/batches/${id}/results`,
    ...(webhook !== undefined && {
      webhook: { status: webhook.state, attempts: webhook.attempts, last_error: webhook.lastError ?? null },
    }),
  };
}

/** Items per second since the first one was begun. */
function rateOf({ done, failed, startedAtMs, finishedAtMs }: Batch, nowMs: number): number | undefined {
  if (startedAtMs === undefined) return undefined;
  const seconds = Math.max(0.001, ((finishedAtMs ?? nowMs) - startedAtMs) / 1000);
  return (done + failed) / seconds;
}

const timeOf = (ms: number | undefined): string | null => (ms === undefined ? null : new Date(ms).toISOString());
