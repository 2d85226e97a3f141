import { seededRandom, shuffled } from '../../src/core/random.ts';
import type { FaultKind } from './fault.ts';
import { pick } from './pick.ts';

/** One fault of a schedule. Times count from the begin of the schedule; healing that takes longer moves what follows. */
export interface PlannedFault {
  readonly name: string;
  /** Index of the host that it strikes. */
  readonly host: number;
  readonly atMs: number;
  readonly holdMs: number;
  readonly recoverMs: number;
}

export interface NemesisOptions {
  readonly seed: number;
  readonly hosts: number;
  /** Nothing is planned that would not have recovered by then. */
  readonly totalMs: number;
  /** Quiet time before each fault. */
  readonly calmMs: number;
  readonly maxFaults: number;
}

/**
 * A schedule of faults, one at a time: equal seeds give equal schedules.
 *
 * Every kind comes once before one comes again, as far as the time goes; a kind that does not fit is left out.
 */
export function planFaults(kinds: readonly FaultKind[], options: NemesisOptions): PlannedFault[] {
  const { seed, hosts, totalMs, calmMs, maxFaults } = options;
  const random = seededRandom(seed);
  const planned: PlannedFault[] = [];
  let atMs = calmMs;
  for (;;) {
    const before = planned.length;
    for (const { name, holdsMs, recoverMs } of shuffled(kinds, random)) {
      // Drawn even if the fault does not fit, so that a longer schedule begins as a shorter one does.
      const [holdMs, host] = [pick(holdsMs, random), Math.floor(random() * hosts)];
      if (planned.length === maxFaults || atMs + holdMs + recoverMs > totalMs) continue;
      planned.push({ name, host, atMs, holdMs, recoverMs });
      atMs += holdMs + recoverMs + calmMs;
    }
    if (planned.length === before) return planned;
  }
}
