import type { Fault } from '../fault.ts';
import { dataFaults } from './data-faults.ts';
import { fleetFaults } from './fleet-faults.ts';
import { networkFaults } from './network-faults.ts';
import { processFaults } from './process-faults.ts';
import { relayFaults } from './relay-faults.ts';
import { valkeyFaults } from './valkey-faults.ts';

/** Every fault that the nemesis can make. */
export const allFaults: readonly Fault[] = [
  ...processFaults,
  ...networkFaults,
  ...relayFaults,
  ...valkeyFaults,
  ...fleetFaults,
  ...dataFaults,
];
