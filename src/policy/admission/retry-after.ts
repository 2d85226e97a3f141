import type { Random } from '../../core/random.ts';

const MAX_SECONDS = 30;

/**
 * Whole seconds after which a retry is useful: the number of waiting requests divided by the rate at which the queue
 * drains, plus up to as much again at random, so that clients which were refused together do not return together.
 */
export function retryAfterSeconds(waiting: number, drainPerMs: number, random: Random): number {
  const drainMs = drainPerMs > 0 ? waiting / drainPerMs : 1000;
  const seconds = Math.ceil(((drainMs + 500) * (1 + random())) / 1000);
  return Math.min(MAX_SECONDS, Math.max(1, seconds));
}
