/** How long each round of a warm-up lasts. */
export const WARM_UP_MS = 1000;
/** Rounds of a usual warm-up, for the time that is still to come. */
export const USUAL_WARM_UPS = 3;
/** A warm-up ends after this many rounds, whatever they have shown. */
export const MAX_WARM_UPS = 5;
/** A round that serves less than this much more than the best before it has not become faster. */
const FASTER = 1.02;

/**
 * Whether a system that has just started is as fast as it will be: the last round was hardly faster than the best before
 * it. The compilers of its processes work for seconds under load, in which a capacity would be measured too low.
 *
 * `rates`: requests a second of each round, in order.
 */
export function isWarm(rates: readonly number[]): boolean {
  if (rates.length >= MAX_WARM_UPS) return true;
  const [last, ...before] = rates.toReversed();
  return last !== undefined && before.length > 0 && last <= Math.max(...before) * FASTER;
}
