import type { Step } from './step.ts';

export interface Resources {
  /** Requests that all backends together serve at the same time; undefined of a system of which that is not known. */
  readonly slots: number | undefined;
}

const FULL = 0.9;

/**
 * What kept a load from more, by utilisation: a resource whose share of busy time is 90 % or more. For the slots that
 * follows from the utilisation law, U = X S / m (Denning and Buzen 1978), with S the mean exec that Server-Timing says.
 */
export function limitOf({ figures, use }: Step, { slots }: Resources): string {
  const busySlots = (figures.throughputPerSecond * figures.exec.meanMs) / 1000;
  const busiest = use.processes.toSorted((left, right) => right.cpuShare - left.cpuShare)[0];
  if (use.processes.length === 0) return 'what cannot be seen from here: its processes and slots are not known';
  if (slots !== undefined && busySlots / slots >= FULL)
    return `the generators' slots: ${busySlots.toFixed(1)} of ${slots} were busy on average`;
  if (use.machineCpuShare >= FULL) {
    return `the processors: ${percent(use.machineCpuShare)} busy, ${percent(use.foreignCpuShare)} of all with other programs`;
  }
  if (busiest !== undefined && busiest.cpuShare >= FULL) {
    return `${busiest.role} ${busiest.instance}, which used ${percent(busiest.cpuShare)} of a processor`;
  }
  const most = busiest === undefined ? '' : `, ${busiest.role} ${busiest.instance} ${percent(busiest.cpuShare)} of one`;
  const ofSlots = slots === undefined ? '' : ` of ${slots}`;
  return `nothing that was full: ${busySlots.toFixed(1)}${ofSlots} slots and ${percent(use.machineCpuShare)} of the processors were busy${most}`;
}

const percent = (share: number): string => `${Math.round(share * 100)} %`;
