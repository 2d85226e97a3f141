import type { Fault } from '../fault.ts';
import type { Fleet } from '../fleet.ts';
import { LOST_HOST_MS } from './pauses.ts';
import type { Direction, Place } from '../network.ts';

const placeOf = (fleet: Fleet, host: number): Place => fleet.hostAt(host).place;

/** Packets between a host and the ledger are lost in silence; the host reaches its backends and its clients. */
function ledgerCut(name: string, direction: Direction): Fault {
  return {
    name,
    holdsMs: [1500],
    recoverMs: 1500,
    errors: 'none',
    cutsLedger: true,
    apply: (fleet, host) => fleet.network.cut(placeOf(fleet, host), fleet.valkey.addresses, direction),
    heal: (fleet, host) => fleet.network.mend(placeOf(fleet, host)),
  };
}

/** A host and what it cannot reach. */
export const networkFaults: readonly Fault[] = [
  ledgerCut('host cut off from Valkey', 'both'),
  ledgerCut('host cannot send to Valkey', 'to'),
  ledgerCut('host cannot hear Valkey', 'from'),
  {
    ...ledgerCut('host cut off from Valkey for longer than a lease', 'both'),
    holdsMs: [25_000],
    recoverMs: 15_000,
    isLong: true,
    settlesMs: LOST_HOST_MS,
  },
  {
    name: 'host has no route to Valkey',
    holdsMs: [1500],
    recoverMs: 1500,
    errors: 'none',
    cutsLedger: true,
    apply: (fleet, host) => fleet.network.setBlackhole(placeOf(fleet, host), fleet.valkey.addresses, true),
    heal: (fleet, host) => fleet.network.setBlackhole(placeOf(fleet, host), fleet.valkey.addresses, false),
  },
  {
    name: 'cable of a host out',
    holdsMs: [1000],
    recoverMs: 2500,
    errors: 'struck',
    apply: (fleet, host) => fleet.network.setLink(placeOf(fleet, host), 'down'),
    heal: (fleet, host) => fleet.network.setLink(placeOf(fleet, host), 'up'),
  },
  {
    name: 'host cut off from the backend',
    holdsMs: [1500],
    recoverMs: 3000,
    errors: 'struck',
    apply: (fleet, host) => fleet.network.cut(placeOf(fleet, host), [fleet.backend.place.address], 'both'),
    heal: (fleet, host) => fleet.network.mend(placeOf(fleet, host)),
  },
  {
    name: 'host has no route to the backend',
    holdsMs: [1500],
    recoverMs: 3000,
    errors: 'struck',
    apply: (fleet, host) => fleet.network.setBlackhole(placeOf(fleet, host), [fleet.backend.place.address], true),
    heal: (fleet, host) => fleet.network.setBlackhole(placeOf(fleet, host), [fleet.backend.place.address], false),
  },
  {
    name: 'host loses 5 % of its packets',
    holdsMs: [2000],
    recoverMs: 2000,
    errors: 'struck',
    apply: (fleet, host) => fleet.network.lose(placeOf(fleet, host), 5),
    heal: (fleet, host) => fleet.network.mend(placeOf(fleet, host)),
  },
];
