import { isWanting, type LeaseAccount } from './lease-account.ts';
import { total } from './shares.ts';

/** Raises bounds to the fallback as far as free permits go; true if any bound rose. */
export function fillUp(account: LeaseAccount, free: number[]): boolean {
  let raised = false;
  for (const [backend, share] of account.fallback.entries()) {
    const more = Math.min(free[backend] as number, share - (account.bound[backend] as number));
    if (more <= 0) continue;
    account.bound[backend] = (account.bound[backend] as number) + more;
    free[backend] = (free[backend] as number) - more;
    raised = true;
  }
  return raised;
}

/** Deals permits one at a time, from the backend with the most left to the worker with the smallest part of what it could use. */
export function dealToNeedy(needy: readonly [string, LeaseAccount][], free: number[], now: number): Set<string> {
  const given = new Set<string>();
  const holds = needy.map(([, { bound }]) => total(bound));
  const uses = needy.map(([, { bound, queued }]) => total(bound) + queued);
  const part = (index: number): number => (holds[index] as number) / (uses[index] as number);
  for (;;) {
    let backend = 0;
    for (const [candidate, permits] of free.entries()) if (permits > (free[backend] as number)) backend = candidate;
    let poorest = -1;
    for (const [index, [, { queued }]] of needy.entries()) {
      if (queued > 0 && (poorest < 0 || part(index) < part(poorest))) poorest = index;
    }
    if ((free[backend] ?? 0) === 0 || poorest < 0) return given;
    const [member, account] = needy[poorest] as [string, LeaseAccount];
    free[backend] = (free[backend] as number) - 1;
    account.bound[backend] = (account.bound[backend] as number) + 1;
    holds[poorest] = (holds[poorest] as number) + 1;
    account.queued--;
    account.dealtAt = now;
    given.add(member);
  }
}

/** Deals permits of certain backends to workers whose requests wait for these; returns who got some. */
export function dealWanted(present: readonly [string, LeaseAccount][], free: number[], now: number): Set<string> {
  const given = new Set<string>();
  for (const [member, account] of present) {
    if (account.wanted === undefined || !isWanting(account, now)) continue;
    for (const [backend, wanted] of account.wanted.entries()) {
      const permits = Math.min(wanted, free[backend] ?? 0);
      if (permits <= 0) continue;
      account.bound[backend] = (account.bound[backend] ?? 0) + permits;
      account.wanted[backend] = wanted - permits;
      free[backend] = (free[backend] ?? 0) - permits;
      given.add(member);
    }
  }
  return given;
}
