import type { Random } from '../../core/random.ts';

export interface BackoffLimits {
  readonly firstMs: number;
  readonly maxMs: number;
}

/**
 * The wait before the next try after `failures` failures in a row: doubling, at most `maxMs`, with the upper half drawn
 * at random, so that clients which failed together do not return together.
 */
export function backoffMs(failures: number, { firstMs, maxMs }: BackoffLimits, random: Random): number {
  if (failures <= 0) return 0;
  const full = Math.min(maxMs, firstMs * 2 ** Math.min(failures - 1, 30));
  return full / 2 + (full / 2) * random();
}
