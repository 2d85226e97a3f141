import { spanOf } from '../generate/progress.ts';

/** The time that is left, and when it was estimated, both in milliseconds of a monotonic clock. */
export interface Expectation {
  readonly estimatedAtMs: number;
  readonly leftMs: number;
}

const BAR_CHARACTERS = 30;

/** In words: a round number, as it is a guess; the guess may have been too short. */
export function leftText({ estimatedAtMs, leftMs }: Expectation, nowMs: number): string {
  const seconds = (estimatedAtMs + leftMs - nowMs) / 1000;
  // A load is repeated if the machine was disturbed.
  if (seconds < 0) return 'it takes longer than expected';
  if (seconds < 1) return 'done in a moment';
  const step = seconds < 20 ? 1 : seconds < 120 ? 5 : 60;
  return `about ${spanOf(Math.ceil(seconds / step) * step).replace(/ 0 s$/, '')} left`;
}

/** One line for a terminal: `ramp [######------] 40 %, about 25 s left`. */
export function timeLine(
  name: string,
  expectation: Expectation,
  { startedAtMs, nowMs }: { readonly startedAtMs: number; readonly nowMs: number },
): string {
  const elapsed = Math.max(0, nowMs - startedAtMs);
  const left = Math.max(0, expectation.estimatedAtMs + expectation.leftMs - nowMs);
  // The last per cent is that of the report: a bar that is full while the load goes on would be wrong.
  const share = elapsed + left === 0 ? 0 : Math.min(0.99, elapsed / (elapsed + left));
  const filled = Math.floor(share * BAR_CHARACTERS);
  const bar = `${'#'.repeat(filled)}${'-'.repeat(BAR_CHARACTERS - filled)}`;
  return `${name} [${bar}] ${Math.floor(share * 100)} %, ${leftText(expectation, nowMs)}`;
}
