import type { Fault } from '../fault.ts';
import type { Fleet } from '../fleet.ts';
import { signalAll } from '../members/signals.ts';

/** How long a lease of a host lasts. */
const LEASE_MS = 10_000;

/** Just shorter than a lease, just longer, and three of them: too long for a run of a minute. */
export const aroundLease = {
  holdsMs: [LEASE_MS - 500, LEASE_MS + 500, 3 * LEASE_MS],
  recoverMs: 15_000,
  isLong: true,
} as const;

/** A fault that stops processes and lets them go on. */
export function pausable(
  kind: Omit<Fault, 'apply' | 'heal'>,
  pidsOf: (fleet: Fleet, host: number) => readonly number[],
): Fault {
  let stopped: readonly number[] = [];
  return {
    ...kind,
    apply: (fleet, host) => {
      stopped = pidsOf(fleet, host);
      signalAll(stopped, 'SIGSTOP');
    },
    heal: () => signalAll(stopped, 'SIGCONT'),
  };
}
