import { setTimeout as pause } from 'node:timers/promises';
import { machineNowMs } from '../../src/core/machine-time.ts';
import { checkCap } from './checkers/cap.ts';
import { type SettledShift, settlingOf, type Shift } from './checkers/settling.ts';
import type { Fleet } from './fleet.ts';

export interface ShiftingResult {
  readonly shifts: readonly SettledShift[];
  /** In flight at the one host that has demand when permits have followed it. */
  readonly level: number;
  readonly mostInFlight: number;
}

export interface ShiftingOptions {
  readonly count: number;
  /** Permits that one host can have: the others keep their floors. */
  readonly reachable: number;
  readonly say: (line: string) => void;
}

/** All users of the fleet are at one host for so long. */
const HOLD_MS = 1500;
/** This share of what the host can have counts as all of it, as requests end while others begin. */
const LEVEL = 0.95;

/** Moves all demand from host to host, and measures how long permits take to follow it. */
export async function shiftDemand(fleet: Fleet, { count, reachable, say }: ShiftingOptions): Promise<ShiftingResult> {
  await fleet.load();
  const beginMs = machineNowMs();
  await pause(HOLD_MS);
  const moves: { host: number; atMs: number }[] = [];
  for (let index = 0; index <= count; index++) {
    const host = index % fleet.hosts.length;
    const atMs = machineNowMs();
    fleet.moveDemand(host);
    moves.push({ host, atMs });
    await pause(HOLD_MS);
  }
  const endMs = machineNowMs();
  await fleet.quiet();
  const served = await fleet.backend.requests();
  const requestsOf = Map.groupBy(served, ({ from }) => from);
  const places = fleet.hosts.map(({ place }) => place);
  // Demand was everywhere before the first one, so that one is no shift.
  const shifts = moves.slice(1).map(({ host, atMs }, index): Shift => {
    const { name = '' } = places[host] ?? {};
    return { host: name, startMs: atMs, endMs: moves[index + 2]?.atMs ?? endMs };
  });
  const level = Math.floor(LEVEL * reachable);
  const byHost = new Map(places.map(({ name, address }) => [name, requestsOf.get(address) ?? []]));
  const settled = settlingOf(byHost, shifts, level);
  for (const { host, afterMs } of settled) say(`${host}: ${Math.round(afterMs)} ms`);
  const { maxInFlight } = checkCap(served, fleet.options.cap, { startMs: beginMs, endMs });
  return { shifts: settled, level, mostInFlight: maxInFlight };
}
