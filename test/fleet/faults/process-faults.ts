import type { Fault } from '../fault.ts';
import type { Fleet } from '../fleet.ts';
import { signalAll } from '../members/signals.ts';
import { aroundLease, LOST_HOST_MS, pausable, RESTART_MS } from './pauses.ts';

const pidsOf =
  (role: 'control' | 'gateway') =>
  (fleet: Fleet, host: number): number[] =>
    fleet.hostAt(host).pidsOf(role).slice(0, 1);

const everyPid = (fleet: Fleet, host: number): number[] => fleet.hostAt(host).pids();

function killed(role: 'control' | 'gateway', name: string, errors: Fault['errors']): Fault {
  return {
    name,
    // Control is what talks to the ledger.
    cutsLedger: role === 'control',
    holdsMs: [500],
    recoverMs: 2500,
    settlesMs: RESTART_MS,
    errors,
    apply: (fleet, host) => signalAll(pidsOf(role)(fleet, host), 'SIGKILL'),
    // The supervisor starts it again.
    heal: (fleet, host) => fleet.hostAt(host).served(),
  };
}

/** Processes of a host that end or stand still. */
export const processFaults: readonly Fault[] = [
  killed('gateway', 'worker killed', 'struck'),
  killed('control', 'control killed', 'none'),
  pausable({ name: 'worker stands still', holdsMs: [500], recoverMs: 1500, errors: 'none' }, pidsOf('gateway')),
  pausable(
    { name: 'control stands still', cutsLedger: true, holdsMs: [500], recoverMs: 1500, errors: 'none' },
    pidsOf('control'),
  ),
  pausable({ name: 'host stands still', holdsMs: [500], recoverMs: 1500, errors: 'none' }, everyPid),
  pausable({ name: 'worker stands still for about a lease', ...aroundLease, errors: 'struck' }, pidsOf('gateway')),
  pausable(
    { name: 'control stands still for about a lease', cutsLedger: true, ...aroundLease, errors: 'none' },
    pidsOf('control'),
  ),
  pausable({ name: 'host stands still for about a lease', ...aroundLease, errors: 'struck' }, everyPid),
  {
    name: 'host killed',
    holdsMs: [1000],
    recoverMs: 2000,
    settlesMs: LOST_HOST_MS,
    errors: 'struck',
    apply: (fleet, host) => fleet.hostAt(host).kill(),
    heal: (fleet, host) => fleet.hostAt(host).start(),
  },
  {
    // The cable goes first, so nobody gets a FIN or RST.
    name: 'host loses its power',
    holdsMs: [1500],
    recoverMs: 2000,
    settlesMs: LOST_HOST_MS,
    errors: 'struck',
    apply: async (fleet, host) => {
      await fleet.network.setLink(fleet.hostAt(host).place, 'down');
      fleet.hostAt(host).kill();
    },
    heal: async (fleet, host) => {
      await fleet.network.setLink(fleet.hostAt(host).place, 'up');
      await fleet.hostAt(host).start();
    },
  },
];
