/** The number of requests of an upstream that have failed since one succeeded, from counters that are read each second. */
export interface FailureRun {
  readonly successes: number;
  readonly failures: number;
  readonly inARow: number;
  readonly lastMs: number;
}

/** A run whose last failure is older than this is over, because it says nothing about now. */
const FORGET_MS = 600_000;

/** The run after another reading of the counters, which fall when a process is replaced. `nowMs`: of any clock that does not go back. */
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
