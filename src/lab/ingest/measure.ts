import { availableParallelism } from 'node:os';
import type { LabContext } from '../experiments/step.ts';
import { ProcessWatch, type SystemUse } from '../system/process-watch.ts';
import type { System } from '../system/system.ts';
import { BatchSender, type IngestPlan, type IngestResult } from './batch-sender.ts';
import { makeRecords, PointReads, type ReadResult } from './point-reads.ts';

/** Items handed over under one configuration, and reads beside them. */
export interface IngestPoint {
  readonly workers: number;
  readonly plan: IngestPlan;
  readonly sent: IngestResult;
  readonly reads: ReadResult;
  readonly use: SystemUse;
  /** Accepted items a second. */
  readonly itemsPerSecond: number;
  /** The most memory of all processes: resident of Rampart's own, and what PostgreSQL's do not share. */
  readonly memoryBytes: number;
}

/** Waits until PostgreSQL has written what the step before has left to it: a share of the processors that it no longer takes. */
const SETTLE_MS = 1000;

export async function measureIngest(
  system: System,
  workers: number,
  plan: IngestPlan,
  { clock }: LabContext,
): Promise<IngestPoint> {
  const ids = await makeRecords(system);
  await new Promise<void>((resolve) => void clock.setTimeout(resolve, SETTLE_MS));
  const watch = new ProcessWatch(await system.processes(), clock);
  const reads = new PointReads(system, ids, clock);
  const sent = await new BatchSender(plan, system.key, clock).run(system.url);
  const read = await reads.stop();
  const use = watch.stop();
  const itemsPerSecond = (sent.accepted * 1000) / sent.elapsedMs;
  return { workers, plan, sent, reads: read, use, itemsPerSecond, memoryBytes: memoryOf(use) };
}

const memoryOf = ({ processes }: SystemUse): number =>
  processes.reduce((sum, { role, maxRssBytes, ownBytes }) => sum + (role === 'postgres' ? ownBytes : maxRssBytes), 0);

/** What kept it from more, by the use of the processors. */
export function limitOf({ use, sent }: IngestPoint): string {
  const shares = new Map<string, number>();
  for (const { role, cpuShare } of use.processes) shares.set(role, (shares.get(role) ?? 0) + cpuShare);
  const parts = [...shares]
    .toSorted(([, left], [, right]) => right - left)
    .slice(0, 3)
    .map(([role, share]) => `${role} ${share.toFixed(2)}`);
  const processors = availableParallelism();
  const used = `${(use.machineCpuShare * processors).toFixed(2)} of ${processors} processors in use: ${parts.join(', ')}`;
  if (use.machineCpuShare > 0.9) return `the processors: ${used}`;
  if (sent.dropped > 0) return `the length of the queue, or one worker after the other: ${used}`;
  return `nothing that was full: ${used}`;
}
