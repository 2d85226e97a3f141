import type { Random } from '../../core/random.ts';

export type ArrivalLaw = 'poisson' | 'constant';

/**
 * When requests are meant to be sent, in milliseconds from the start: exactly rate x duration of them, in order.
 * Poisson arrivals of a known count are that many points thrown at random into the interval, and sorted.
 */
export function arrivalTimes(law: ArrivalLaw, ratePerSecond: number, durationMs: number, random: Random): Float64Array {
  const count = Math.round((ratePerSecond * durationMs) / 1000);
  const times = Float64Array.from({ length: count }, (_, index) =>
    law === 'constant' ? (index * durationMs) / count : random() * durationMs,
  );
  return times.sort();
}
