import { dayDigits } from '../../core/day-digits.ts';

const DAY_MS = 86_400_000;

/** A partition of the records: those whose ids were made from `fromMs` on and before `toMs`, in milliseconds since the epoch. */
export interface Partition {
  readonly name: string;
  /** Undefined: from the beginning. */
  readonly fromMs: number | undefined;
  readonly toMs: number;
  /** When it was made; undefined if that is not known. */
  readonly madeAtMs: number | undefined;
}

/** How far ahead partitions are made, in days; also one for ids of yesterday. */
const DAYS_AHEAD = 7;

/** Days since the epoch. */
export const dayOf = (ms: number): number => Math.floor(ms / DAY_MS);

/** The first millisecond of a day. */
export const startOfDay = (day: number): number => day * DAY_MS;

/** The name of a day's partition: `barcodes_20261127`. */
export const partitionName = (day: number): string => `barcodes_${dayDigits(startOfDay(day))}`;

/** The days from yesterday to a week ahead that no partition covers. */
export function missingDays(partitions: readonly Partition[], nowMs: number): number[] {
  const today = dayOf(nowMs);
  const days = Array.from({ length: DAYS_AHEAD + 2 }, (_, index) => today - 1 + index);
  const covers = ({ fromMs = Number.NEGATIVE_INFINITY, toMs }: Partition, ms: number): boolean =>
    fromMs <= ms && ms < toMs;
  return days.filter((day) => !partitions.some((partition) => covers(partition, startOfDay(day))));
}

/**
 * Whether all records of a partition have been kept for so many days. A partition that was made after its day has records
 * that came late, such as those of a host whose clock is wrong: they are kept from then on.
 */
export function isExpired({ toMs, madeAtMs = 0 }: Partition, nowMs: number, retentionDays: number): boolean {
  return retentionDays > 0 && Math.max(toMs, madeAtMs) + retentionDays * DAY_MS <= nowMs;
}

/** Records with ids from before this time have been kept long enough. */
export const keptFrom = (nowMs: number, retentionDays: number): number => startOfDay(dayOf(nowMs) - retentionDays);
