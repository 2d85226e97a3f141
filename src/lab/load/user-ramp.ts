import type { Stay } from './engine.ts';

/** A crowd that comes, stays for a while and leaves at once, beside users who are there all the time. */
export interface Spike {
  readonly normalUsers: number;
  /** At the peak, the normal ones among them. */
  readonly peakUsers: number;
  /** How long only the normal ones are there, the crowd comes one by one, it stays, and it has left. */
  readonly normalMs: number;
  readonly riseMs: number;
  readonly holdMs: number;
  readonly recoveryMs: number;
}

/** When each user is there: the normal ones first, then the crowd in the order in which it comes, evenly over the rise. */
export function spikeStays({ normalUsers, peakUsers, normalMs, riseMs, holdMs, recoveryMs }: Spike): Stay[] {
  const fallMs = normalMs + riseMs + holdMs;
  const crowd = Math.max(0, peakUsers - normalUsers);
  return [
    ...Array.from({ length: normalUsers }, () => ({ fromMs: 0, toMs: fallMs + recoveryMs })),
    ...Array.from({ length: crowd }, (_, index) => ({
      fromMs: normalMs + (riseMs * (index + 1)) / crowd,
      toMs: fallMs,
    })),
  ];
}

/** How many users are there at this moment. */
export const usersAt = (stays: readonly Stay[], atMs: number): number =>
  stays.filter(({ fromMs, toMs }) => fromMs <= atMs && atMs < toMs).length;
