import type { Fault } from '../fault.ts';
import type { Fleet } from '../fleet.ts';
import { LOST_HOST_MS, RESTART_MS } from './pauses.ts';

async function restart(fleet: Fleet, host: number): Promise<void> {
  await fleet.hostAt(host).stop();
  await fleet.hostAt(host).start();
}

/** So many hosts join at once: in any run, and in long ones. */
export const FEW_JOINERS = 4;
export const MOST_JOINERS = 20;

function joined(count: number): Omit<Fault, 'holdsMs' | 'recoverMs'> {
  return {
    name: `${count} hosts join at once`,
    settlesMs: RESTART_MS,
    errors: 'none',
    apply: (fleet) => fleet.join(count),
    heal: (fleet) => fleet.part(),
  };
}

/** Hosts that come and go as their operators want it. */
export const fleetFaults: readonly Fault[] = [
  {
    name: 'host restarted',
    settlesMs: RESTART_MS,
    holdsMs: [100],
    recoverMs: 1500,
    errors: 'none',
    apply: restart,
    heal: () => {},
  },
  {
    name: 'all hosts restarted one by one',
    settlesMs: RESTART_MS,
    holdsMs: [100],
    recoverMs: 3000,
    isLong: true,
    errors: 'none',
    apply: async (fleet) => {
      for (const host of fleet.hosts.keys()) await restart(fleet, host);
    },
    heal: () => {},
  },
  { ...joined(FEW_JOINERS), holdsMs: [1500], recoverMs: 1000 },
  // On two processors so many starts at once delay every call.
  { ...joined(MOST_JOINERS), errors: 'all', holdsMs: [12_000], recoverMs: 5000, isLong: true },
  {
    name: 'demand at one host only',
    holdsMs: [3000],
    recoverMs: 2000,
    errors: 'none',
    movesDemand: true,
    apply: (fleet, host) => fleet.gatherDemand(host),
    heal: (fleet) => fleet.spreadDemand(),
  },
  {
    name: 'second process with the same host id',
    settlesMs: LOST_HOST_MS,
    holdsMs: [3000],
    recoverMs: 2000,
    errors: 'none',
    apply: (fleet, host) => fleet.startTwin(host),
    heal: (fleet) => fleet.stopTwin(),
  },
];
