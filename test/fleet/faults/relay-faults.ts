import type { Fault } from '../fault.ts';
import type { Fleet } from '../fleet.ts';
import type { Relay, RelayTrouble } from '../relay.ts';

const relayOf = (fleet: Fleet, host: number): Relay => {
  const found = fleet.valkey.relays[host];
  if (found === undefined) throw new Error(`The fleet has no relay for host ${host}`);
  return found;
};

function troubled(name: string, trouble: RelayTrouble): Fault {
  return {
    name,
    holdsMs: [1500],
    recoverMs: 1000,
    errors: 'none',
    cutsLedger: true,
    apply: (fleet, host) => relayOf(fleet, host).trouble(trouble),
    heal: (fleet, host) => relayOf(fleet, host).trouble({ kind: 'none' }),
  };
}

function once(name: string, act: (relay: Relay) => void): Fault {
  return {
    name,
    holdsMs: [500],
    recoverMs: 1000,
    errors: 'none',
    apply: (fleet, host) => act(relayOf(fleet, host)),
    heal: () => {},
  };
}

/** The connection between one host and Valkey. */
export const relayFaults: readonly Fault[] = [
  troubled('connection to Valkey slow (300 to 400 ms)', { kind: 'delay', delayMs: 300, jitterMs: 100 }),
  troubled('calls to Valkey wait and run late', { kind: 'stall', direction: 'to' }),
  troubled('answers of Valkey wait', { kind: 'stall', direction: 'from' }),
  troubled('answers of Valkey are lost', { kind: 'cut', direction: 'from' }),
  troubled('connections to Valkey are refused', { kind: 'refuse' }),
  once('connections to Valkey reset', (relay) => relay.reset()),
  once('connections to Valkey half closed', (relay) => relay.halfClose()),
];
