import type { Random } from '../../core/random.ts';

const MAX_SECONDS = 30;

/**
 * Whole seconds after which it makes sense to come back: what waits now, divided by the rate at which it drains, and up
 * to as much again at random, so that those who were refused together do not come back together.
 */
export function retryAfterSeconds(waiting: number, drainPerMs: number, random: Random): number {
  const drainMs = drainPerMs > 0 ? waiting / drainPerMs : 1000;
  const seconds = Math.ceil(((drainMs + 500) * (1 + random())) / 1000);
  return Math.min(MAX_SECONDS, Math.max(1, seconds));
}
