import { LEASE_MS } from '../../../src/policy/fleet/fleet-times.ts';
import type { Fault } from '../fault.ts';
import type { Fleet } from '../fleet.ts';
import { signalAll } from '../members/signals.ts';

/** The permits of a host that is gone are lent again after its lease, the quarantine of a strict upstream, and a renewal. */
export const LOST_HOST_MS = LEASE_MS + 3000 + 3000;
/** A Valkey that has lost writes moves no permits until it has learnt; each host hears of the end with its next renewal. */
export const LEARNING_MS = LEASE_MS + 3000 + 3000;
/** A control that has started again has heard all its workers and the ledger. */
export const RESTART_MS = 5000;

/** Just shorter than a lease, just longer, and three of them: too long for a run of a minute. */
export const aroundLease = {
  holdsMs: [LEASE_MS - 500, LEASE_MS + 500, 3 * LEASE_MS],
  recoverMs: 15_000,
  isLong: true,
  settlesMs: LOST_HOST_MS,
} as const;

/** Longer than a worker of batches may be silent: 10 s, and 5 s until somebody looks. Too long for a run of a minute. */
export const aroundDeath = { holdsMs: [20_000], recoverMs: 5000, isLong: true } as const;

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
