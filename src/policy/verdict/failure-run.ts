/** How many requests of an upstream have failed since one succeeded, from counters that are looked at each second. */
export interface FailureRun {
  readonly successes: number;
  readonly failures: number;
  readonly inARow: number;
  readonly lastMs: number;
}

/** A failure that is older says nothing about now. */
const FORGET_MS = 600_000;

/** `successes` and `failures`: of the counters now, which fall when a process is replaced. `nowMs`: of any clock that does not go back. */
export function afterCounts(
  before: FailureRun | undefined,
  { successes, failures }: Pick<FailureRun, 'successes' | 'failures'>,
  nowMs: number,
): FailureRun {
  if (before === undefined) return { successes, failures, inARow: 0, lastMs: nowMs };
  const failed = Math.max(0, failures - before.failures);
  const lastMs = failed > 0 ? nowMs : before.lastMs;
  const isOver = successes > before.successes || nowMs - lastMs > FORGET_MS;
  return { successes, failures, inARow: isOver ? 0 : before.inARow + failed, lastMs };
}
