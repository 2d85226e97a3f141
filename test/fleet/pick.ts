import type { Random } from '../../src/core/random.ts';

/** One of the values, each as likely. */
export function pick<T>(values: readonly T[], random: Random): T {
  if (values.length === 0) throw new Error('There is nothing to pick from');
  return values[Math.floor(random() * values.length)] as T;
}
